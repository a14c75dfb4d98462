"""Says which packets no other one needs, and with which ones decoding may begin, from their NAL units.

FFmpeg's decoders pass over packets that nothing refers to on request as well, but each of those still takes
its turn among the decoder's threads. A packet that is not handed over costs nothing.

A mark of a key frame cannot be relied on: writers mark I-slices within a GOP as well (FFmpeg up to 5.1 does,
and cameras do), and pictures after those may refer to pictures before them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vidsearch.media.gops import VideoPacket

_HEVC_PICTURES_NOT_REFERRED_TO = frozenset({0, 2, 4, 6, 8, 10, 12, 14})
_HEVC_REMARKS = frozenset({35, 38, 39, 40})
"""Delimiters, filler, and messages about a picture."""
_HEVC_RANDOM_ACCESS = frozenset(range(16, 22))
"""BLA, IDR and CRA pictures: ITU-T H.265, table 7-1."""

_H264_IDR_SLICE = 5
_H264_MESSAGE = 6
_RECOVERY_POINT = 6
"""Payload type of the message that decoding may begin here: ITU-T H.264, D.1.8."""


class References:
    """What H.264 and HEVC packets, as MP4, MKV and FLV hold them, are to each other.

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

    def begins_gop(self, packet: VideoPacket) -> bool:
        """Whether decoding may begin with this packet, and nothing shown after it needs one before it.

        H.264: an IDR picture, or one with the message that everything from there on is sound. Where a stream
        refreshes slowly, so that it is sound only some pictures later, there is no such packet.
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
    return [int.from_bytes(unit[:2], "big") for unit in _units(data, num_length_bytes)]


def _units(data: memoryview, num_length_bytes: int) -> list[memoryview]:
    """The NAL units of a packet, of two bytes or more; nothing where their lengths do not add up."""
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
    """Whether one of an H.264 unit's messages says that its very picture is a recovery point.

    A message is its type and its size, each a run of 255s and a last byte that are added up, and its payload
    (ITU-T H.264, 7.3.2.3.1). That of a recovery point begins with the number of pictures until then; as an
    Exp-Golomb code, none is a single 1 bit.
    """
    data = messages.replace(b"\x00\x00\x03", b"\x00\x00")  # without the bytes that keep start codes out
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
