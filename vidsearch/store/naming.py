"""Which videos a name means: the one way to name a video, in every command, in Python and on the page.

A name is tried as, in this order:

1. `#12`, the number of a video in its library;
2. a path, or a path from the working folder, or an address;
3. a file name, with or without its suffix;
4. a folder: every video below it;
5. a glob over the path or the file name, as in `*.mkv` or `holiday/*`;
6. a part of the path.

The first of these that fits any video decides, so that `My talk [dQw4w9WgXcQ].mp4` is found by its own name
though it reads as a glob too. Names (not paths) are compared without regard to letter case, and to how
accents are composed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from fnmatch import translate
from itertools import islice
from pathlib import Path

from vidsearch.errors import VideoNotFound
from vidsearch.paths import absolute, as_path
from vidsearch.text import either
from vidsearch.types import Failure, Video

_NUMBER = re.compile(r"#0*([0-9]+)")
_MAX_LISTED = 10
_NUM_EXACT_WAYS = 3
"""How many of `_ways` name a file exactly: its path, its name, its name without the suffix."""


def find_videos_named(
    name: str, videos: Sequence[Video], *, failures: Callable[[], Sequence[Failure]] = tuple
) -> list[Video]:
    """Return every video that a name means, in the order of `videos`.

    Args:
        name: See the module.
        videos: All videos of a library.
        failures: Returns the files that could not be indexed, called when no video fits.

    Returns:
        One video or more; none for a glob that fits no video, since a pattern may rightly fit none.

    Raises:
        VideoNotFound: Any other name that fits no video; the message names those that are near.
    """
    if not name.strip():
        raise VideoNotFound("A video's name is empty. `vidsearch list` shows the names there are.")
    number = _NUMBER.fullmatch(name)
    if number is not None:
        found = [video for video in videos if str(video.id) == number[1]]
        if found:
            return found
        raise VideoNotFound(f"There is no video {name} in the library. `vidsearch list` shows their numbers.")
    for fits in _ways(name):
        found = [video for video in videos if any(fits(path) for path in video.paths)]
        if found:
            return found
    if is_glob(name):
        return []
    raise VideoNotFound(_not_found(name, videos, failures()))


def find_video_named(
    name: str, videos: Sequence[Video], *, failures: Callable[[], Sequence[Failure]] = tuple
) -> Video:
    """Return the one video that a name means.

    Args:
        name: See the module.
        videos: All videos of a library.
        failures: As in `find_videos_named`.

    Raises:
        VideoNotFound: The name fits no video, or several; the message lists those.
    """
    found = find_videos_named(name, videos, failures=failures)
    if not found:
        raise VideoNotFound(_not_found(name, videos, failures()))
    if len(found) == 1:
        return found[0]
    listed = "".join(f"\n  #{video.id} {video.path}" for video in found[:_MAX_LISTED])
    more = f"\n  and {len(found) - _MAX_LISTED} more" if len(found) > _MAX_LISTED else ""
    raise VideoNotFound(f"{name!r} fits {len(found)} videos; name one by its path or number:{listed}{more}")


def is_glob(name: str) -> bool:
    """Return whether a name holds any of the characters that make it a pattern."""
    return any(character in name for character in "*?[")


def _ways(name: str) -> Iterator[Callable[[Path], bool]]:
    plain = _plain(name)
    try:
        at = absolute(as_path(name.rstrip("/") if "://" in name else name))
    except OSError:  # the working folder is gone
        at = Path(name)
    yield lambda path: path == at
    yield lambda path: _plain(path.name) == plain
    yield lambda path: _plain(path.stem) == plain
    yield lambda path: at in path.parents
    if is_glob(name):
        pattern = re.compile(translate(plain))
        yield lambda path: bool(pattern.match(_plain(path.name)) or pattern.match(_plain(str(path))))
    yield lambda path: plain in _plain(str(path))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _not_found(name: str, videos: Sequence[Video], failures: Sequence[Failure]) -> str:
    for fits in islice(_ways(name), _NUM_EXACT_WAYS):
        for failure in failures:
            if fits(failure.path):
                return (
                    f"{failure.path.name} could not be indexed: {failure.reason}. "
                    "`vidsearch index --retry-failed` tries it again."
                )
    if not videos:
        return f"There is no video {name!r}: the library is empty."
    names = {video.path.name: video for video in videos}
    near = get_close_matches(as_path(name).name, names, n=3, cutoff=0.4)
    hint = f" Did you mean {either(near)}?" if near else " `vidsearch list` shows them all."
    return f"There is no video {name!r} in the library.{hint}"
