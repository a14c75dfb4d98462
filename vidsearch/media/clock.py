"""Makes timestamps continuous where a recording's clock restarts or jumps.

Transport and program streams (TS, VOB, MPG) carry the sender's clock. Joined files and interrupted recordings
contain several clocks in sequence. Players keep counting across such a discontinuity, and so does this
module, by the ffmpeg program's rule: a decoding time that goes back by more than 0.1 s, or ahead by more than
10 s, starts another clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

_MAX_STEP_BACK_SECONDS = Fraction(1, 10)
_MAX_STEP_AHEAD_SECONDS = 10
_SAME_CLOCK_SECONDS = 1
"""Sound and pictures switch to a new clock within about this time of each other."""


@dataclass(slots=True)
class _StreamClock:
    offset: Fraction = Fraction(0)
    """Seconds to be added to the stream's times."""
    last: Fraction | None = None
    """Corrected decoding time of the last packet, in seconds."""
    following: Fraction = Fraction(0)
    """When the next packet is due."""


class ContinuousClock:
    """Corrects the times of a file's packets, given in file order, so that they are continuous."""

    def __init__(self, picture_stream_index: int) -> None:
        self.num_jumps = 0
        """How often the pictures' clock restarted or jumped."""
        self._picture_stream_index = picture_stream_index
        self._pictures = _StreamClock()
        self._others: dict[int, _StreamClock] = {}

    def mend(self, packet: Packet[Stream]) -> None:
        """Add the current offset to a packet's times."""
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None:
            return
        time_base = packet.time_base
        if packet.pts is not None and abs(packet.pts - stamp) * time_base > _MAX_STEP_AHEAD_SECONDS:
            packet.pts = None  # the last packet before a jump may already carry the new clock
        seconds = stamp * time_base
        if packet.stream_index == self._picture_stream_index:
            clock = self._pictures
        else:
            clock = self._others.setdefault(packet.stream_index, _StreamClock())
            # Sound follows the pictures' clock, which is the file's.
            shared = seconds + self._pictures.offset
            if clock.last is None or abs(shared - clock.following) <= _SAME_CLOCK_SECONDS:
                clock.offset = self._pictures.offset
        mended = seconds + clock.offset
        if clock.last is not None and not (
            clock.last - _MAX_STEP_BACK_SECONDS <= mended <= clock.following + _MAX_STEP_AHEAD_SECONDS
        ):
            clock.offset += clock.following - mended
            mended = clock.following
            self.num_jumps += clock is self._pictures
        step = packet.duration * time_base if packet.duration else _usual_step(clock, mended)
        clock.last, clock.following = mended, mended + step
        if clock.offset:
            offset_ticks = round(clock.offset / time_base)
            packet.pts = packet.pts + offset_ticks if packet.pts is not None else None
            packet.dts = packet.dts + offset_ticks if packet.dts is not None else None


def _usual_step(clock: _StreamClock, mended: Fraction) -> Fraction:
    """The duration of the packet before, for a packet of unknown duration."""
    step = mended - clock.last if clock.last is not None else Fraction(0)
    return step if 0 < step < 1 else Fraction(1, 25)
