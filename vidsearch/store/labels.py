"""The labels of a library. Each method is one snapshot, or a few transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vidsearch.store import label_rows, video_rows
from vidsearch.store.label_rows import LabelSpan

if TYPE_CHECKING:
    from vidsearch.store.catalog import Catalog
    from vidsearch.tracks import SegmentRecord

_VIDEOS_AT_ONCE = 500


class LabelStore:
    """Reads and writes labels. `Store.labels` is one."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def names(self) -> list[str]:
        """Return the labels of the last run, in their order."""
        with self._catalog.read() as connection:
            return label_rows.labels(connection)

    def put(
        self,
        names: Sequence[str],
        segments: Mapping[int, Sequence[SegmentRecord]],
        video_ids: Sequence[int],
        *,
        models: Sequence[str],
    ) -> None:
        """Replace the label tracks of videos.

        Each transaction covers a few hundred videos, so that other writers get their turn. Videos that have
        been removed are skipped.
        """
        with self._catalog.write() as connection:
            label_rows.put_labels(connection, names)
        for start in range(0, len(video_ids), _VIDEOS_AT_ONCE):
            part = video_ids[start : start + _VIDEOS_AT_ONCE]
            with self._catalog.write() as connection:
                for video in video_rows.videos_by_id(connection, part):
                    label_rows.put_track(connection, video.id, segments.get(video.id, ()), models=models)

    def spans(self, video_id: int | None = None) -> list[LabelSpan]:
        """Return the spans of all labels, in the library or in one video, by video and time."""
        with self._catalog.read() as connection:
            return label_rows.spans(connection, video_id)
