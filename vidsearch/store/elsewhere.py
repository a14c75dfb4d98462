"""Remote videos: they are identified by their server's version of the file until their content was read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.media.source import source_of
from vidsearch.store import ledger, video_rows

if TYPE_CHECKING:
    from vidsearch.store.catalog import Catalog
    from vidsearch.store.records import FileState
    from vidsearch.types import Video


def known_version(catalog: Catalog, path: Path) -> FileState | None:
    """Return the state of a file whose version is the one that was indexed; None otherwise.

    A version is more reliable than a quick key, and takes one request instead of three.

    Raises:
        MediaError: The file cannot be read.
    """
    seen = source_of(path).state()
    with catalog.read() as connection:
        there = video_rows.path_row(connection, path)
        if seen.version is None or there is None:
            return None
        if there[1:] != (seen.size_bytes, seen.mtime_ns, seen.version):
            return None
        state = ledger.state_of(connection, ledger.existing(connection, there[0]))
        return replace(state, is_known_here=True)


def learn_content(catalog: Catalog, video_id: int, content_hash: str) -> Video | None:
    """See `Store.learn_content`."""
    with catalog.write() as connection:
        video = ledger.existing(connection, video_id)
        same = video_rows.video_by_hash(connection, content_hash)
        if same is None:
            video_rows.set_content_hash(connection, video_id, content_hash)
            return None
        if same.id == video_id or not same.is_complete:
            return None
        video_rows.move_paths(connection, video_id, same.id)
        ledger.remove_rows(connection, video.id)
        return same
