"""The orientation of a stored picture: one of the eight combinations of quarter turns and mirroring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from av.sidedata.sidedata import SideDataContainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.buffer import Buffer
    from av.video.frame import VideoFrame

    from vidsearch.types import UInt8Image


@dataclass(frozen=True, slots=True)
class Orientation:
    """How to make a stored picture upright: first mirror it left to right, then rotate it clockwise."""

    is_mirrored: bool = False
    clockwise_degrees: int = 0
    """0, 90, 180 or 270."""

    @property
    def swaps_sides(self) -> bool:
        """Whether width and height are swapped."""
        return self.clockwise_degrees % 180 == 90

    def upright(self, image: UInt8Image) -> UInt8Image:
        """A view of an array (height, width, ...), upright."""
        return np.rot90(image[:, ::-1] if self.is_mirrored else image, k=-self.clockwise_degrees // 90)


UPRIGHT = Orientation()


def orientation_of(picture: VideoFrame) -> Orientation:
    """Read a decoded picture's display matrix, which comes from the container or from the stream itself.

    Other angles, as some editors write, are rounded to the nearest quarter turn.
    """
    # `picture.side_data` would be kept by the picture and refer to it: megabytes that only gc frees.
    side_data = cast("Callable[[VideoFrame], SideDataContainer]", SideDataContainer)(picture)
    matrix = cast("Buffer | None", side_data.get("DISPLAYMATRIX"))
    if matrix is None:
        return UPRIGHT
    values = np.frombuffer(bytes(matrix), dtype=np.int32)
    return (
        orientation_of_matrix(*(int(value) for value in values[[0, 1, 3, 4]]))
        if values.size >= 9
        else UPRIGHT
    )


def orientation_of_matrix(a: int, b: int, c: int, d: int) -> Orientation:
    """The orientation of a display matrix.

    The pixel (x, y), y counted downwards, is shown at (a x + c y, b x + d y): ISO/IEC 14496-12, 6.2.2.
    """
    if a == b == c == d == 0:
        return UPRIGHT
    is_mirrored = a * d - b * c < 0
    # Mirroring first flips the sign of x; what remains is a rotation.
    cosine, sine = (-a, -b) if is_mirrored else (a, b)
    # The x and y axes rotate by the same angle except for shear; their sum is closest to both.
    cosine, sine = cosine + d, sine - c
    return Orientation(is_mirrored, round(float(np.degrees(np.arctan2(sine, cosine))) / 90) * 90 % 360)
