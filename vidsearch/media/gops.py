"""Plans which packets to decode for a set of instants, from the packets' times.

A group of pictures (GOP) is a key frame and the packets up to the next one, in decoding order. Pictures of
one GOP never need another GOP, except *leading* pictures: those that follow a key frame but are shown before
it may also need the GOP before. Hence a GOP without a wanted picture is skipped, as is the rest of a GOP
after its last wanted picture, and pictures that no other picture refers to are decoded only when wanted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

    VideoPacket: TypeAlias = Packet[VideoStream]

_MAX_PACKETS = 1_000
_MAX_BYTES = 32 * 2**20
"""Two GOPs are in memory at a time; longer ones are read in parts, each of which is decoded whole."""


@dataclass(frozen=True, slots=True)
class Gop:
    """Packets of one GOP, or of a part of one, in decoding order."""

    packets: tuple[VideoPacket, ...]
    starts_at_key_frame: bool
    is_complete: bool
    """False if more packets of the same GOP follow."""

    @property
    def first_ticks(self) -> int:
        """Presentation time of the key frame, or of the earliest picture if there is none."""
        if self.starts_at_key_frame:
            return _ticks(self.packets[0])
        return min(_ticks(packet) for packet in self.packets)

    @property
    def is_orderly(self) -> bool:
        """Whether every packet has a time, so that the presentation order is known."""
        return all(packet.pts is not None for packet in self.packets)

    def leading(self) -> list[VideoPacket]:
        """Packets of pictures that are shown before the key frame."""
        if not self.starts_at_key_frame:
            return []
        return [packet for packet in self.packets[1:] if _ticks(packet) < self.first_ticks]

    def trailing(self) -> list[VideoPacket]:
        """All other packets, the key frame included."""
        if not self.starts_at_key_frame:
            return list(self.packets)
        return [packet for packet in self.packets if _ticks(packet) >= self.first_ticks]


@dataclass(frozen=True, slots=True)
class GopPlan:
    """What to decode of one GOP."""

    num_packets: int
    """Number of its packets to read, from the first."""
    wanted: frozenset[int]
    """Presentation ticks of the pictures that must come out."""
    wanted_of_next: frozenset[int]
    """Likewise, leading pictures of the next GOP, which need all of this one."""
    decode_all: bool = False
    """Nothing may be skipped: the presentation order is unknown."""


def read_gops(packets: Iterator[VideoPacket], begins_gop: Callable[[VideoPacket], bool]) -> Iterator[Gop]:
    """Split a stream of packets into GOPs. `begins_gop` says whether decoding can begin at a packet."""
    gathered: list[VideoPacket] = []
    num_bytes = 0
    starts_at_key_frame = False
    for packet in packets:
        is_key_frame = begins_gop(packet)
        is_full = len(gathered) >= _MAX_PACKETS or num_bytes >= _MAX_BYTES
        if gathered and (is_key_frame or is_full):
            yield Gop(tuple(gathered), starts_at_key_frame, is_complete=is_key_frame)
            gathered, num_bytes = [], 0
        if not gathered:
            starts_at_key_frame = is_key_frame
        gathered.append(packet)
        num_bytes += packet.size
    if gathered:
        yield Gop(tuple(gathered), starts_at_key_frame, is_complete=True)


def plan_gop(
    gop: Gop,
    following: Gop | None,
    carried: frozenset[int],
    instants: Wanted,
    *,
    is_first: bool,
    end_ticks: int,
) -> GopPlan:
    """Plan the decoding of `gop`, consuming from `instants` those that fall on pictures before `following`.

    `carried` is the previous plan's `wanted_of_next`. An instant before the very first picture (`is_first`)
    falls on that picture. `end_ticks` is when the last picture read so far leaves the screen.
    """
    if not (gop.is_orderly and (following is None or following.is_orderly)) or _is_tangled(gop, following):
        if following is not None:
            instants.skip_to(following.first_ticks)
        return GopPlan(len(gop.packets), frozenset(), frozenset(), decode_all=True)

    own = {_ticks(packet) for packet in gop.trailing() if not packet.is_discard}
    of_next = {_ticks(packet) for packet in following.leading()} if following is not None else set()
    order = sorted(own | of_next)
    end_ticks = following.first_ticks if following is not None else end_ticks
    wanted = set()
    while instants.ticks is not None and instants.ticks < end_ticks:
        place = bisect_right(order, instants.ticks) - 1
        if place >= 0 or (is_first and order):
            wanted.add(order[max(place, 0)])
        instants.skip_to(min(order[place + 1], end_ticks) if place + 1 < len(order) else end_ticks)
    wanted_of_next = frozenset(wanted & of_next)
    wanted = (wanted & own) | carried
    if wanted_of_next:
        num_packets = len(gop.packets)
    else:
        num_packets = max(
            (number for number, packet in enumerate(gop.packets, start=1) if packet.pts in wanted), default=0
        )
    return GopPlan(num_packets, frozenset(wanted), wanted_of_next)


class Wanted:
    """Ascending instants on a track's clock, consumed one by one.

    Skipping is logarithmic: in a broken file the clock may jump by years.
    """

    def __init__(self, instants: Sequence[float], to_ticks: Callable[[float], int]) -> None:
        self._instants = instants
        self._to_ticks = to_ticks
        self._place = 0

    @property
    def instant(self) -> float | None:
        """The next one, in seconds; None at the end."""
        return self._instants[self._place] if self._place < len(self._instants) else None

    @property
    def ticks(self) -> int | None:
        """The next one, in ticks."""
        instant = self.instant
        return None if instant is None else self._to_ticks(instant)

    def skip_to(self, ticks: int) -> None:
        """Skip all before `ticks`."""
        step = 1
        while self._is_before(self._place + step - 1, ticks):
            self._place += step
            step *= 2
        # The target is less than `step` ahead.
        self._place = bisect_left(
            self._instants,
            ticks,
            lo=min(self._place, len(self._instants)),
            hi=min(self._place + step - 1, len(self._instants)),
            key=self._to_ticks,
        )

    def _is_before(self, place: int, ticks: int) -> bool:
        return place < len(self._instants) and self._to_ticks(self._instants[place]) < ticks


def _is_tangled(gop: Gop, following: Gop | None) -> bool:
    """Whether the two GOPs overlap on screen, or one of them comes in parts."""
    if not gop.starts_at_key_frame or not gop.is_complete:
        return True
    return following is not None and max(map(_ticks, gop.packets)) >= following.first_ticks


def _ticks(packet: VideoPacket) -> int:
    return packet.pts if packet.pts is not None else (packet.dts or 0)
