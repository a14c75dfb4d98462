"""Finds hard cuts, and the pictures that represent the shots between them.

The method is PySceneDetect's adaptive detector (https://www.scenedetect.com): a picture's difference from the
one before, relative to its neighbours' differences, so that a moving camera is not a cut. Two things are
changed: the difference is taken in CIE L*a*b*, where the hue of grey pictures is not noise, and a cut must
last, since after a flash or one broken picture the old scene is back. Dissolves and fades are not found.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import cv2
import numpy as np

from vidsearch.types import Shot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.types import UInt8Image

ANALYSIS_PIXELS = 48
"""Shorter side of the pictures to compare. Larger ones give the same result at a higher cost."""

_WINDOW = 2
"""Number of neighbours on either side that a difference is compared with."""
_MIN_RATIO = 3.0
_MIN_DIFFERENCE = 8.0
"""Mean over the picture and its channels, each 0 to 255."""
_MIN_LASTING = 0.6
"""Share of the difference that must still be there between two pictures before and two after."""
_MIN_SHOT_SECONDS = 0.4

_MAX_SHOT_SECONDS = 60.0
_PIECE_SECONDS = 10.0
_SHORTEST_LAST_PIECE_SECONDS = 2.5
_CANDIDATES_PER_PIECE = 8
_FIRST_SPACING_SECONDS = 0.1

Picture = TypeVar("Picture")
Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class MarkedPicture(Generic[Picture]):
    """A picture and whether a shot starts at it."""

    time_seconds: float
    picture: Picture
    starts_shot: bool


@dataclass(slots=True)
class _Looked(Generic[Picture]):
    """A picture under consideration."""

    time_seconds: float
    picture: Picture
    lab: NDArray[np.int16]
    difference: float
    """Difference from the picture before."""


def mark_cuts(pictures: Iterable[tuple[float, UInt8Image, Picture]]) -> Iterator[MarkedPicture[Picture]]:
    """Mark each (time in seconds, small image, payload) with whether a shot starts there.

    Takes all pictures of a video, in order, each about `ANALYSIS_PIXELS` on its shorter side. Each is
    returned with its payload, two pictures later. The first one starts a shot.
    """
    window: deque[_Looked[Picture]] = deque(maxlen=2 * _WINDOW + 1)
    last_cut_seconds: float | None = None
    num_waiting = 0
    for looked in _looked(pictures):
        window.append(looked)
        num_waiting += 1
        if num_waiting > _WINDOW:
            place = len(window) - 1 - _WINDOW
            num_waiting -= 1
            marked = _marked(window, place, last_cut_seconds)
            last_cut_seconds = marked.time_seconds if marked.starts_shot else last_cut_seconds
            yield marked
    for place in range(len(window) - num_waiting, len(window)):
        marked = _marked(window, place, last_cut_seconds)
        last_cut_seconds = marked.time_seconds if marked.starts_shot else last_cut_seconds
        yield marked


def pick_from_shots(
    marked: Iterable[MarkedPicture[Picture]],
    keep: Callable[[float, Picture], Kept],
    find_end: Callable[[], float],
) -> Iterator[tuple[Shot, list[Kept]]]:
    """Yield each shot with the pictures that represent it: the one nearest to its middle.

    Of a long shot, the one nearest to the middle of each ten seconds. To bound memory, a shot is yielded
    after a minute at the latest, and its rest as another shot. Candidates, a few a second, are passed with
    their times to `keep`, whose results are held. At the end, `find_end` returns when the last shot ends.
    """
    taken: _Taken[Picture, Kept] | None = None
    for one in marked:
        time_seconds = one.time_seconds
        if taken is not None and (one.starts_shot or time_seconds - taken.start_seconds >= _MAX_SHOT_SECONDS):
            yield taken.shot(time_seconds)
            taken = None
        if taken is None:
            taken = _Taken(time_seconds, keep)
        taken.look_at(time_seconds, one.picture)
    if taken is not None:
        yield taken.shot(find_end())


class _Taken(Generic[Picture, Kept]):
    """Candidates of the current shot: evenly spaced pictures, as its end is not known yet."""

    def __init__(self, start_seconds: float, keep: Callable[[float, Picture], Kept]) -> None:
        self.start_seconds = start_seconds
        self._keep = keep
        self._chosen: list[Kept] = []
        self._candidates: list[tuple[float, Kept]] = []
        self._piece_start = self._next_candidate = start_seconds
        self._spacing = _FIRST_SPACING_SECONDS

    def look_at(self, time_seconds: float, picture: Picture) -> None:
        if time_seconds >= self._piece_start + _PIECE_SECONDS:
            self._end_piece(self._piece_start + _PIECE_SECONDS)
            self._piece_start = self._next_candidate = time_seconds
            self._candidates = []
            self._spacing = _FIRST_SPACING_SECONDS
        if time_seconds < self._next_candidate:
            return
        self._candidates.append((time_seconds, self._keep(time_seconds, picture)))
        if len(self._candidates) > _CANDIDATES_PER_PIECE:
            self._candidates = self._candidates[::2]
            self._spacing *= 2
        self._next_candidate = self._candidates[-1][0] + self._spacing

    def shot(self, end_seconds: float) -> tuple[Shot, list[Kept]]:
        if not self._chosen or end_seconds - self._piece_start >= _SHORTEST_LAST_PIECE_SECONDS:
            self._end_piece(end_seconds)
        return Shot(self.start_seconds, end_seconds), self._chosen

    def _end_piece(self, end_seconds: float) -> None:
        middle = (self._piece_start + end_seconds) / 2
        self._chosen.append(min(self._candidates, key=lambda candidate: abs(candidate[0] - middle))[1])


def _looked(pictures: Iterable[tuple[float, UInt8Image, Picture]]) -> Iterator[_Looked[Picture]]:
    before: NDArray[np.int16] | None = None
    for time_seconds, image, picture in pictures:
        lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.int16)
        yield _Looked(time_seconds, picture, lab, 0.0 if before is None else _difference(lab, before))
        before = lab


def _marked(
    window: deque[_Looked[Picture]], place: int, last_cut_seconds: float | None
) -> MarkedPicture[Picture]:
    one = window[place]
    return MarkedPicture(
        one.time_seconds,
        one.picture,
        last_cut_seconds is None
        or (one.time_seconds - last_cut_seconds >= _MIN_SHOT_SECONDS and _is_cut(window, place)),
    )


def _is_cut(window: deque[_Looked[Picture]], place: int) -> bool:
    difference = window[place].difference
    if difference < _MIN_DIFFERENCE or place == 0:
        return False
    neighbours = [looked.difference for number, looked in enumerate(window) if number != place]
    if difference < _MIN_RATIO * sum(neighbours) / len(neighbours):
        return False
    # Before and after a flash, the pictures are alike.
    lasting = min(
        _difference(window[-1].lab, window[place - 1].lab), _difference(window[place].lab, window[0].lab)
    )
    return lasting >= _MIN_LASTING * difference


def _difference(a: NDArray[np.int16], b: NDArray[np.int16]) -> float:
    if a.shape != b.shape:
        return 255.0
    return float(np.abs(a - b).mean())
