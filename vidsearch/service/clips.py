"""Clips that servers cut for clients: cached in a temporary folder, or written to a folder."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.errors import QueryError
from vidsearch.media.clip import Clip, cut_clip
from vidsearch.outputs import OutputRule
from vidsearch.store.fingerprint import path_of

if TYPE_CHECKING:
    from vidsearch.service.library import Library
    from vidsearch.service.reading import VideoName
    from vidsearch.types import Video

MAX_SECONDS = 600.0
"""The longest clip."""
_MAX_BYTES = 2 * 2**30


class ClipFiles:
    """A cache of clips, in a folder that is deleted when the process ends. Thread-safe.

    Args:
        max_bytes: If all files together are larger, the least recently used ones are deleted.
    """

    def __init__(self, *, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._folder: Path | None = None
        self._sizes: OrderedDict[Path, int] = OrderedDict()
        self._one_at_a_time = threading.Lock()

    def path(
        self,
        video: Video,
        start_seconds: float,
        end_seconds: float,
        *,
        suffix: str = ".mp4",
        reencode: bool = False,
    ) -> Path:
        """Return a file with [start, end) of a video.

        Args:
            video: The video.
            start_seconds: The clip's start.
            end_seconds: The clip's end, at most `MAX_SECONDS` later.
            suffix: ".mp4", ".mkv", ".mov" or ".webm".
            reencode: Always re-encode the pictures, for players that do not support the video's codec.

        Raises:
            QueryError: The span is not in the video, or too long.
            MediaError: The video does not decode, or its file is missing.
            ExportError: The file cannot be written.
        """
        _check_length(start_seconds, end_seconds)
        key = f"{video.content_hash} {start_seconds!r} {end_seconds!r} {reencode}"
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        with self._one_at_a_time:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="vidsearch-clips-"))
                atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
            path = self._folder / f"{name}{suffix}"
            if not path.exists():
                cut_clip(
                    path_of(video),
                    path,
                    start_seconds=start_seconds,
                    end_seconds=end_seconds,
                    reencode=reencode,
                )
                self._sizes[path] = path.stat().st_size
            self._sizes.move_to_end(path)
            self._forget_old()
        return path

    def _forget_old(self) -> None:
        while len(self._sizes) > 1 and sum(self._sizes.values()) > self._max_bytes:
            oldest, _ = self._sizes.popitem(last=False)
            oldest.unlink(missing_ok=True)


def cut_into(
    folder: Path, library: Library, video: VideoName, start_seconds: float, end_seconds: float
) -> Clip:
    """Cut [start, end) of a video into a new file in a folder, named after the video and the span.

    Args:
        folder: The folder.
        library: The library.
        video: The video's name.
        start_seconds: The clip's start.
        end_seconds: The clip's end, at most `MAX_SECONDS` later.

    Raises:
        VideoNotFound: No video, or more than one, has this name.
        QueryError: The span is not in the video, or too long.
        MediaError: The video does not decode, or its file is missing.
        ExportError: The file exists, or cannot be written.
    """
    from vidsearch.captions.export.files import safe_name

    found = library.video(video)
    _check_length(start_seconds, end_seconds)
    name = safe_name(f"{found.path.stem} {start_seconds:.2f}-{end_seconds:.2f}")
    return cut_clip(
        path_of(found),
        folder / f"{name}.mp4",
        start_seconds=start_seconds,
        end_seconds=end_seconds,
        rule=OutputRule.for_library(library.store),
    )


def _check_length(start_seconds: float, end_seconds: float) -> None:
    if end_seconds - start_seconds > MAX_SECONDS:
        raise QueryError(
            f"{end_seconds - start_seconds:g} s is too long for a clip: the maximum is {MAX_SECONDS:g} s."
        )
