"""Decodes an open video's pictures in presentation order, with their times."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias, cast

import av.error

from vidsearch.errors import DamagedVideo
from vidsearch.media.completeness import FORMATS_WITHOUT_BYTE_HOLES, Completeness
from vidsearch.media.gops import Gop, Wanted, plan_gop, read_gops
from vidsearch.media.references import References

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame

    from vidsearch.media.completeness import DecodeReport
    from vidsearch.media.container import OpenVideo
    from vidsearch.media.gops import GopPlan, VideoPacket

    TimedPicture: TypeAlias = tuple[int, VideoFrame]
    """Presentation ticks, and the picture."""

_SEEKABLE_FORMATS = frozenset({"mov", "matroska", "flv"})
"""Containers whose packets have presentation times and key-frame flags."""

_FORMATS_WITHOUT_PRESENTATION_TIMES = frozenset({"avi"})
"""Containers with decoding times only: pictures are decoded in order and take these in turn."""

_SEEK_AHEAD_SECONDS = 10.0
"""Up to about this far ahead, reading on is cheaper than seeking."""


class PictureDecoder:
    """One pass over an open video, with a record of what was lost. Not thread-safe."""

    def __init__(self, video: OpenVideo) -> None:
        self.video = video
        self.num_pictures = 0
        self.num_packets = 0
        """Packets given to the decoder."""
        self.is_at_end = False
        """Whether the file was read to its end."""
        self.format_name = video.container.format.name.split(",")[0]
        # Where only the file's length is known, sound may be the longest stream.
        self._streams: Sequence[Stream] = [video.stream]
        if self.format_name in FORMATS_WITHOUT_BYTE_HOLES:
            self._streams = list(video.container.streams)
        elif not video.stream.duration:
            self._streams = [video.stream, *video.container.streams.audio]
        self.frame_ticks = max(1, round(1 / ((video.frame_rate or Fraction(25)) * video.time_base)))
        """A picture's average duration."""
        self._context = video.stream.codec_context
        self._completeness = Completeness(video, self.format_name)
        self._references = References(video.codec, self._context.extradata)
        self.picture_end_ticks: int | None = None
        """When the last picture read so far leaves the screen."""
        self._end_seconds = 0.0

    @property
    def end_seconds(self) -> float:
        """End of the packets read so far, sound included, on the header's terms.

        Some containers count their length from the start of the clock, others from the first picture; this is
        the later of the two.
        """
        return max(
            self._end_seconds, self._end_seconds - float(self.video.start_ticks * self.video.time_base)
        )

    def report(self) -> DecodeReport:
        """The report so far."""
        return self._completeness.report()

    def all_pictures(self) -> Iterator[TimedPicture]:
        """Decode everything from the current position."""
        if self.format_name in _FORMATS_WITHOUT_PRESENTATION_TIMES:
            return self._ascending(self._pictures_in_decoding_time())
        return self._ascending(self._timed(self._decode(self._packets())))

    def pictures_at(self, instants: Sequence[float]) -> Iterator[TimedPicture]:
        """Decode at least the pictures that are on screen at each of `instants` (ascending, seconds).

        They are identical to those that decoding everything gives. Others may come out between them. Where
        the container's information is insufficient or turns out to be wrong, all pictures are decoded.
        """
        if self.format_name not in _SEEKABLE_FORMATS:
            yield from self.all_pictures()
            return
        last_ticks: int | None = None
        try:
            for ticks, picture in self._ascending(self._chosen(instants)):
                last_ticks = ticks
                yield ticks, picture
        except _UntrueContainerError:
            self._completeness.start_again()
            self.video.container.seek(min(0, self.video.container.start_time or 0))
            for ticks, picture in self.all_pictures():
                if last_ticks is None or ticks > last_ticks:
                    yield ticks, picture

    def key_pictures(self) -> Iterator[TimedPicture]:
        """Decode the key frames only."""
        if self.format_name not in _SEEKABLE_FORMATS:
            yield from ((ticks, picture) for ticks, picture in self.all_pictures() if picture.key_frame)
            return
        for packet in self._packets():
            if self._references.begins_gop(packet) and not packet.is_discard:
                pictures = self._decode([packet], flush=True)
                yield from self._timed(picture for picture in pictures if not picture.is_corrupt)

    def key_ticks(self) -> list[int]:
        """Presentation ticks of the key frames, without decoding where the container marks them."""
        if self.format_name not in _SEEKABLE_FORMATS:
            return [ticks for ticks, _ in self.key_pictures()]
        return [
            packet.pts
            for packet in self._packets()
            if self._references.begins_gop(packet) and not packet.is_discard and packet.pts is not None
        ]

    def go_near(self, seconds: float) -> None:
        """Seek to a key frame at or before `seconds` if the container knows one; else stay."""
        if self.format_name in _SEEKABLE_FORMATS:
            with suppress(av.error.FFmpegError, OverflowError):
                self.video.container.seek(self.video.last_tick_at(seconds), stream=self.video.stream)

    def read_to_end(self) -> int | None:
        """Read to the end without decoding; return the tick at which the last picture leaves the screen."""
        for _ in self._packets():
            pass
        return self.picture_end_ticks

    def _chosen(self, instants: Sequence[float]) -> Iterator[TimedPicture]:
        wanted = Wanted(instants, self.video.last_tick_at)
        gops = read_gops(self._packets(), self._references.begins_gop)
        gop, is_first = next(gops, None), True
        carried: frozenset[int] = frozenset()
        # A run is what is decoded between two flushes of the decoder; it starts at a key frame.
        in_run, num_in_run = False, 0
        is_first_picture = True
        while gop is not None and (wanted.ticks is not None or carried):
            following = next(gops, None)
            plan = plan_gop(
                gop, following, carried, wanted, is_first=is_first, end_ticks=self.picture_end_ticks or 0
            )
            ends_run = not plan.wanted_of_next and (not plan.decode_all or following is None)
            if plan.num_packets or in_run:
                packets = self._needed(gop, plan, in_run=in_run)
                for ticks, picture in self._timed(self._decode(packets, flush=ends_run)):
                    num_in_run += 1
                    # A packet wrongly flagged as a key frame decodes to a picture marked as corrupt.
                    if num_in_run == 1 and (picture.is_corrupt or not picture.key_frame):
                        raise _UntrueContainerError
                    # A field of an interlaced picture may be a packet of its own, which must not be skipped.
                    if is_first_picture and picture.interlaced_frame:
                        raise _UntrueContainerError
                    is_first_picture = False
                    yield ticks, picture
                if ends_run and not num_in_run:
                    raise _UntrueContainerError
                in_run, num_in_run = not ends_run, 0 if ends_run else num_in_run
            carried, is_first = plan.wanted_of_next, False
            if following is not None and not in_run and self._is_far_ahead(wanted.ticks, following):
                following, gops = self._seek(cast("int", wanted.ticks), following)
            gop = following

    def _needed(self, gop: Gop, plan: GopPlan, *, in_run: bool) -> Iterator[VideoPacket]:
        """The packets to decode: the wanted ones, and those they need."""
        # Leading pictures cannot be decoded without the GOP before.
        left_out = set() if in_run or plan.decode_all else {packet.pts for packet in gop.leading()}
        for packet in gop.packets[: plan.num_packets]:
            is_wanted = plan.decode_all or packet.pts in plan.wanted
            if packet.pts not in left_out and (is_wanted or self._references.is_needed(packet)):
                yield packet

    def _is_far_ahead(self, ticks: int | None, following: Gop) -> bool:
        return (
            ticks is not None and (ticks - following.first_ticks) * self.video.time_base > _SEEK_AHEAD_SECONDS
        )

    def _seek(self, ticks: int, following: Gop) -> tuple[Gop | None, Iterator[Gop]]:
        """Seek to the GOP that contains `ticks`, or to `following` where that fails."""
        for seconds_before in (0.0, 2.0, 10.0):
            self._completeness.note_seek()
            target_ticks = ticks - int(seconds_before / self.video.time_base)
            if target_ticks <= following.first_ticks:
                break
            try:
                self.video.container.seek(target_ticks, stream=self.video.stream)
            except av.error.FFmpegError:
                continue
            gops = read_gops(self._packets(), self._references.begins_gop)
            landed = next(gops, None)
            if landed is not None and landed.starts_at_key_frame and landed.first_ticks <= ticks:
                return landed, gops
        start_ticks = min(packet.dts if packet.dts is not None else 0 for packet in following.packets[:1])
        self.video.container.seek(start_ticks, stream=self.video.stream)
        gops = read_gops(self._packets(), self._references.begins_gop)
        return next(gops, None), gops

    def _packets(self) -> Iterator[VideoPacket]:
        """The picture track's packets, up to the file's end."""
        for packet in self.video.packets(self._streams):
            if packet.is_corrupt and self.format_name in _SEEKABLE_FORMATS:
                continue  # truncated by the end of the file
            self._note_end(packet)
            if (
                self._completeness.note_packet(packet, self.frame_ticks)
                and packet.stream_index == self.video.stream.index
            ):
                yield cast("VideoPacket", packet)
        self.is_at_end = True

    def _note_end(self, packet: Packet[Stream]) -> None:
        shown_at = packet.dts if self.format_name in _FORMATS_WITHOUT_PRESENTATION_TIMES else packet.pts
        if packet.stream_index == self.video.stream.index:
            if shown_at is None:
                shown_at = packet.dts if packet.dts is not None else self.picture_end_ticks or 0
            end_ticks = shown_at + (packet.duration or self.frame_ticks)
            self.picture_end_ticks = max(end_ticks, self.picture_end_ticks or end_ticks)
        elif shown_at is not None:
            end_ticks = shown_at + (packet.duration or 0)
        else:
            return
        self._end_seconds = max(self._end_seconds, float(end_ticks * packet.time_base))

    def _decode(self, packets: Iterable[VideoPacket], *, flush: bool = True) -> Iterator[VideoFrame]:
        """Decode packets, skipping those that fail; `flush` drains the decoder afterwards."""
        for packet in packets:
            yield from self._decode_one(packet)
        if flush:
            yield from self._decode_one(None)
            self._context.flush_buffers()

    def _decode_one(self, packet: VideoPacket | None) -> list[VideoFrame]:
        self.num_packets += packet is not None
        try:
            pictures = self._context.decode(packet)
        except av.error.MemoryError as error:
            raise DamagedVideo("its pictures are too large to decode", path=self.video.path) from error
        except av.error.FFmpegError:
            if packet is not None:
                self._completeness.note_bad(packet, self.frame_ticks)
            return []
        self.num_pictures += len(pictures)
        return pictures

    def _pictures_in_decoding_time(self) -> Iterator[TimedPicture]:
        waiting: deque[int] = deque()

        def noted() -> Iterator[VideoPacket]:
            for packet in self._packets():
                if packet.dts is not None:
                    waiting.append(packet.dts)
                yield packet

        for picture in self._decode(noted()):
            if waiting:
                yield waiting.popleft(), picture

    def _timed(self, pictures: Iterator[VideoFrame]) -> Iterator[TimedPicture]:
        """Give each picture its ticks; one without a time follows its predecessor at the average rate.

        So does one that repeats its predecessor's time in a program stream, where not every picture has a
        time of its own and FFmpeg's guess is sometimes one picture late.
        """
        expected = int(self.video.start_ticks)
        last_ticks: int | None = None
        for picture in pictures:
            ticks = picture.pts if picture.pts is not None else expected
            if self.video.clock_may_jump and ticks == last_ticks:
                ticks = expected
            last_ticks = ticks
            expected = ticks + self.frame_ticks
            yield ticks, picture

    def _ascending(self, pictures: Iterator[TimedPicture]) -> Iterator[TimedPicture]:
        """Drop pictures that would go back in time, and count them."""
        last_ticks: int | None = None
        for ticks, picture in pictures:
            goes_on = last_ticks is None or ticks > last_ticks
            self._completeness.note_picture(picture, is_dropped=not goes_on)
            if goes_on:
                last_ticks = ticks
                yield ticks, picture


class _UntrueContainerError(Exception):
    """The container's flags are unreliable; caught by `pictures_at`."""
