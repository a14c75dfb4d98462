"""Tells from NAL units which packets no other packet needs, and at which packets decoding can begin.

FFmpeg's decoders can skip unreferenced packets, too, but each still occupies one of the decoder's threads. A
packet that is not handed over costs nothing.

Key-frame flags are unreliable: FFmpeg up to 5.1 and many cameras also flag I-slices within a GOP, and
pictures after those may refer to pictures before them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vidsearch.media.gops import VideoPacket

_HEVC_PICTURES_NOT_REFERRED_TO = frozenset({0, 2, 4, 6, 8, 10, 12, 14})
_HEVC_REMARKS = frozenset({35, 38, 39, 40})
"""Access unit delimiters, filler data and SEI messages."""
_HEVC_RANDOM_ACCESS = frozenset(range(16, 22))
"""BLA, IDR and CRA pictures: ITU-T H.265, table 7-1."""

_H264_IDR_SLICE = 5
_H264_MESSAGE = 6
_RECOVERY_POINT = 6
"""Payload type of the recovery point SEI message: ITU-T H.264, D.1.8."""


class References:
    """References among H.264 and HEVC packets as stored in MP4, MKV and FLV.

    Every NAL unit says whether it is used for reference: ITU-T H.264, 7.4.1 (nal_ref_idc), and ITU-T H.265,
    table 7-1. In HEVC this holds for the picture's own temporal layer and those below, so that only pictures
    of the topmost layer can be dropped. ISO/IEC 14496-15 defines the size of the length fields.
    """

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        self._num_length_bytes: int | None = None
        self._is_hevc = codec == "hevc"
        self._top_layer = -1
        """-1 where unknown."""
        head = extradata or b""
        if codec == "h264" and len(head) > 4 and head[0] == 1:
            self._num_length_bytes = (head[4] & 3) + 1
        elif self._is_hevc and len(head) > 21 and head[0] == 1:
            self._num_length_bytes = (head[21] & 3) + 1
            self._top_layer = (head[21] >> 3 & 7) - 1

    def is_needed(self, packet: VideoPacket) -> bool:
        """Whether other packets may need this one; True if it does not say."""
        if self._num_length_bytes is None or packet.has_sidedata("new_extradata"):
            return True
        units = [self._unit(head) for head in _heads(memoryview(packet), self._num_length_bytes)]
        return any(unit.is_needed for unit in units) or not any(unit.is_picture for unit in units)

    def begins_gop(self, packet: VideoPacket) -> bool:
        """Whether decoding can begin at this packet: nothing shown after it needs an earlier one.

        In H.264 this is an IDR picture, or a recovery point with a recovery_frame_cnt of 0. Streams with
        gradual decoder refresh, which recover only some pictures later, have no such packet.
        """
        if not packet.is_keyframe or self._num_length_bytes is None or packet.has_sidedata("new_extradata"):
            return bool(packet.is_keyframe)
        units = _units(memoryview(packet), self._num_length_bytes)
        if self._is_hevc:
            return any(unit[0] >> 1 & 0x3F in _HEVC_RANDOM_ACCESS for unit in units)
        return any(
            unit[0] & 0x1F == _H264_IDR_SLICE
            or (unit[0] & 0x1F == _H264_MESSAGE and _recovers_at_once(bytes(unit[1:])))
            for unit in units
        )

    def _unit(self, head: int) -> _Unit:
        """Parse the first two bytes of a unit."""
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
    """The first two bytes of each NAL unit; empty if the units' lengths do not add up."""
    return [int.from_bytes(unit[:2], "big") for unit in _units(data, num_length_bytes)]


def _units(data: memoryview, num_length_bytes: int) -> list[memoryview]:
    """A packet's NAL units of two bytes or more; empty if their lengths do not add up."""
    units = []
    place = 0
    while place < len(data):
        start = place + num_length_bytes
        num_bytes = int.from_bytes(data[place:start], "big")
        place = start + num_bytes
        if num_bytes < 2 or place > len(data):
            return []
        units.append(data[start:place])
    return units


def _recovers_at_once(messages: bytes) -> bool:
    """Whether an H.264 SEI unit marks its own picture as a recovery point.

    A message consists of type, size and payload; type and size are each the sum of a run of 255s and a last
    byte (ITU-T H.264, 7.3.2.3.1). A recovery point's payload begins with recovery_frame_cnt, an Exp-Golomb
    code in which 0 is a single 1 bit.
    """
    data = messages.replace(b"\x00\x00\x03", b"\x00\x00")  # without emulation prevention bytes
    place = 0
    while place < len(data) - 2:
        numbers = []
        for _ in range(2):
            number = 0
            while place < len(data) - 1 and data[place] == 0xFF:
                number, place = number + 0xFF, place + 1
            if place == len(data):
                return False
            numbers.append(number + data[place])
            place += 1
        kind, num_bytes = numbers
        if kind == _RECOVERY_POINT and place < len(data):
            return bool(data[place] & 0x80)
        place += num_bytes
    return False
