"""Records what is lost while a video is read: unreadable, undecodable or out of order.

A demuxer silently skips what it does not understand. That leaves traces: a gap between the bytes of two
packets or the times of two pictures, or packets full of zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from vidsearch.times import format_moment

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame

    from vidsearch.media.container import OpenVideo
    from vidsearch.media.gops import VideoPacket

FORMATS_WITHOUT_BYTE_HOLES = frozenset({"matroska", "flv"})
"""Containers with only a few bytes between packets. All streams must be read to see a gap."""

_FORMATS_WITHOUT_TIME_GAPS = frozenset({"mpegts", "mpeg"})
"""Broadcast and camera containers, in which no picture stays on screen for long."""

_MAX_HOLE_BYTES = 4096
_MAX_HOLE_IN_GAP_BYTES = 512
"""For gaps without a picture: a cluster's headers are shorter, and a dark film has small packets."""
_MAX_GAP_SECONDS = Fraction(1, 2)
_MIN_ZERO_BYTES = 16
_JOIN_SECONDS = 1.0
"""Losses closer together than this are merged."""
_MAX_SPANS = 20
_SHORTEST_LOSS_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """How completely a video, or the part of it that was read, was decoded."""

    num_pictures: int = 0
    """Decoded."""
    num_corrupt: int = 0
    """Of those, pictures with missing data, which show grey or smeared parts."""
    num_dropped: int = 0
    """Of those, pictures dropped because they go back in time."""
    num_bad_packets: int = 0
    """Video packets that cannot be read or decoded."""
    num_clock_jumps: int = 0
    """How often the clock restarted, as in joined recordings; times were made continuous."""
    lost_spans: tuple[tuple[float, float], ...] = ()
    """[start, end) in seconds without intact pictures, by start."""
    content_hash: str | None = None
    """Digest of a remote file that was read whole in passing."""

    @property
    def is_whole(self) -> bool:
        """Whether every picture was read and delivered."""
        return not (self.num_corrupt or self.num_dropped or self.num_bad_packets or self.lost_spans)

    def remarks(self) -> tuple[str, ...]:
        """Phrases for the user; empty where nothing was lost."""
        found = []
        if self.lost_spans:
            spans = ", ".join(
                f"{format_moment(start)} to {format_moment(end)}" for start, end in self.lost_spans
            )
            found.append(f"nothing could be read from {spans}")
        if self.num_bad_packets:
            found.append(f"{self.num_bad_packets:,} damaged packets were passed over")
        if self.num_corrupt:
            found.append(f"{self.num_corrupt:,} pictures are damaged")
        if self.num_dropped:
            found.append(f"{self.num_dropped:,} pictures go back in time and were left out")
        return tuple(found)


class Completeness:
    """Collects a `DecodeReport` over one pass."""

    def __init__(self, video: OpenVideo, format_name: str) -> None:
        self._video = video
        self._shows_holes = format_name in FORMATS_WITHOUT_BYTE_HOLES
        self._shows_gaps = format_name in _FORMATS_WITHOUT_TIME_GAPS
        self._may_be_zero = video.codec == "rawvideo"
        self.start_again()

    def start_again(self) -> None:
        """Start over, for a second pass."""
        self._num_pictures = self._num_corrupt = self._num_dropped = self._num_bad_packets = 0
        self._lost: list[tuple[float, float]] = []
        self._has_clean_picture = False
        self.note_seek()

    def note_seek(self) -> None:
        """Note that the next packet does not follow the last one in the file."""
        self._read_until: int | None = None
        """The byte after the last packet."""
        self._picture_end: int | None = None
        """When the last picture so far leaves the screen, in ticks."""
        self._hole_bytes = 0
        """The largest gap since the last picture."""

    def report(self) -> DecodeReport:
        """The report so far."""
        lost = _joined(sorted(self._lost))
        return DecodeReport(
            num_pictures=self._num_pictures,
            num_corrupt=self._num_corrupt,
            num_dropped=self._num_dropped,
            num_bad_packets=self._num_bad_packets,
            num_clock_jumps=self._video.clock.num_jumps,
            lost_spans=tuple(span for span in lost if span[1] - span[0] >= _SHORTEST_LOSS_SECONDS),
        )

    def note_packet(self, packet: Packet[Stream], frame_ticks: int) -> bool:
        """Look at a packet of any stream, in file order. Returns whether it holds data."""
        if self._shows_holes and packet.pos is not None and packet.pos >= 0:
            if self._read_until is not None:
                self._hole_bytes = max(self._hole_bytes, packet.pos - self._read_until)
            self._read_until = max(packet.pos + packet.size, self._read_until or 0)
        if packet.stream_index != self._video.stream.index:
            return True
        start = packet.pts if packet.pts is not None else packet.dts
        if start is not None:
            if self._picture_end is not None:
                gap_seconds = (start - self._picture_end) * self._video.time_base
                is_gap = gap_seconds > _MAX_GAP_SECONDS
                max_hole_bytes = _MAX_HOLE_IN_GAP_BYTES if is_gap else _MAX_HOLE_BYTES
                if self._hole_bytes > max_hole_bytes or (self._shows_gaps and is_gap):
                    self._lose(self._picture_end, start)
            end = start + (packet.duration or frame_ticks)
            self._picture_end = max(end, self._picture_end or end)
        self._hole_bytes = 0
        if self._is_nothing(packet):
            self.note_bad(packet, frame_ticks)
            return False
        return True

    def note_bad(self, packet: Packet[Stream] | VideoPacket, frame_ticks: int) -> None:
        """Count a video packet that is truncated, empty or does not decode."""
        self._num_bad_packets += 1
        start = packet.pts if packet.pts is not None else packet.dts
        if start is not None:
            self._lose(start, start + (packet.duration or frame_ticks))

    def note_picture(self, picture: VideoFrame, *, is_dropped: bool) -> None:
        """Count a decoded picture.

        Damaged ones before the first intact one do not count: a recording may begin in the middle of a GOP.
        """
        self._num_pictures += 1
        self._num_dropped += is_dropped
        self._has_clean_picture |= not picture.is_corrupt
        self._num_corrupt += picture.is_corrupt and self._has_clean_picture

    def _lose(self, start_ticks: int, end_ticks: int) -> None:
        if end_ticks > start_ticks:
            self._lost.append((self._video.seconds(start_ticks), self._video.seconds(end_ticks)))
        if len(self._lost) > _MAX_SPANS:
            self._lost = _joined(sorted(self._lost))
            if len(self._lost) > _MAX_SPANS:  # too many to list: merge the last ones
                self._lost[-2:] = [(self._lost[-2][0], self._lost[-1][1])]

    def _is_nothing(self, packet: Packet[Stream]) -> bool:
        if packet.size < _MIN_ZERO_BYTES or self._may_be_zero:
            return False
        data = memoryview(packet)
        return data[0] == data[-1] == 0 and bytes(data).count(0) == packet.size


def _joined(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Sort spans and merge those that are close together."""
    joined: list[tuple[float, float]] = []
    for start, end in spans:
        if joined and start - joined[-1][1] <= _JOIN_SECONDS:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
