"""Which packets no other one needs. Reads the heads of NAL units; decodes nothing.

FFmpeg's decoders pass over such packets on request as well, but each then still takes its turn among the
decoder's threads, one of which has nothing to do meanwhile. A packet that is not handed over costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vidsearch.media.gops import VideoPacket

_HEVC_PICTURES_NOT_REFERRED_TO = frozenset({0, 2, 4, 6, 8, 10, 12, 14})
_HEVC_REMARKS = frozenset({35, 38, 39, 40})
"""Delimiters, filler, and messages about a picture."""


class References:
    """Says of a track's packets whether others need them. Knows H.264 and HEVC as MP4, MKV and FLV hold them.

    Every NAL unit of a packet says whether it is referred to: ITU-T H.264, 7.4.1 (nal_ref_idc), and ITU-T
    H.265, table 7-1. HEVC says it of a picture's own temporal layer and those below, so that only the
    topmost layer's pictures can be left out. ISO/IEC 14496-15 says how long the units' lengths are.
    """

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        self._num_length_bytes: int | None = None
        self._is_hevc = codec == "hevc"
        self._top_layer = -1
        """-1 where it is not known."""
        head = extradata or b""
        if codec == "h264" and len(head) > 4 and head[0] == 1:
            self._num_length_bytes = (head[4] & 3) + 1
        elif self._is_hevc and len(head) > 21 and head[0] == 1:
            self._num_length_bytes = (head[21] & 3) + 1
            self._top_layer = (head[21] >> 3 & 7) - 1

    def is_needed(self, packet: VideoPacket) -> bool:
        """Whether others may need this packet: what is in it is referred to, or does not say."""
        if self._num_length_bytes is None or packet.has_sidedata("new_extradata"):
            return True
        units = [self._unit(head) for head in _heads(memoryview(packet), self._num_length_bytes)]
        return any(unit.is_needed for unit in units) or not any(unit.is_picture for unit in units)

    def _unit(self, head: int) -> _Unit:
        """What the first two bytes of a unit say."""
        if not self._is_hevc:
            return _Unit(is_picture=1 <= head >> 8 & 0x1F <= 5, is_needed=bool(head & 0x6000))
        kind, layer = head >> 9 & 0x3F, (head & 7) - 1
        is_picture = kind in _HEVC_PICTURES_NOT_REFERRED_TO and layer == self._top_layer
        return _Unit(is_picture, is_needed=not is_picture and kind not in _HEVC_REMARKS)


class _Unit(NamedTuple):
    is_picture: bool
    """Or a slice of one."""
    is_needed: bool


def _heads(data: memoryview, num_length_bytes: int) -> list[int]:
    """The first two bytes of each NAL unit; nothing where the units' lengths do not add up."""
    heads = []
    place = 0
    while place < len(data):
        start = place + num_length_bytes
        num_bytes = int.from_bytes(data[place:start], "big")
        place = start + num_bytes
        if num_bytes < 2 or place > len(data):
            return []
        heads.append(int.from_bytes(data[start : start + 2], "big"))
    return heads
