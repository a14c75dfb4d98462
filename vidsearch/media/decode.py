"""Turns a file and a sampling plan into frames: upright RGB pictures with their true times."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

import av.error

from vidsearch.errors import DamagedVideo
from vidsearch.media.container import DecodeDevice, OnWarning, OpenVideo, open_video
from vidsearch.media.decoder import PictureDecoder
from vidsearch.media.gops import Wanted
from vidsearch.media.picture import to_image
from vidsearch.media.sampling import check_plan, instants, spread
from vidsearch.media.shots import ANALYSIS_PIXELS, mark_cuts, pick_from_shots
from vidsearch.times import format_moment
from vidsearch.types import Frame, SamplingPlan

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from vidsearch.media.completeness import DecodeReport
    from vidsearch.media.decoder import TimedPicture
    from vidsearch.types import Shot, UInt8Image

Kept = TypeVar("Kept")

_MISSING_SECONDS = 0.5
"""A file whose pictures end this much before the time that its header claims is said to break off."""

_FORMATS_WITH_TRUE_LENGTH = frozenset({"mov", "matroska", "avi", "flv", "asf"})
"""Containers that store their length; of others FFmpeg guesses it from the size or the last packets."""


def frames(
    path: Path,
    plan: SamplingPlan,
    *,
    short_side_pixels: int | None = None,
    large_side_pixels: int | None = None,
    resume_from_seconds: float = 0.0,
    num_threads: int = 0,
    timeout_seconds: float | None = None,
    decode_device: DecodeDevice = "cpu",
    on_warning: OnWarning | None = None,
) -> Generator[Frame, None, DecodeReport]:
    """Yield the pictures that `plan` asks for, each once, in order, from `resume_from_seconds` on.

    A resumed run yields exactly the frames that an uninterrupted one yields from there on. Thread-safe; the
    GIL is released while FFmpeg works.

    Args:
        path: The video.
        plan: Which instants to sample.
        short_side_pixels: Scale pictures down, never up, to this shorter side; None for full size.
        large_side_pixels: Likewise for `Frame.large_image`; None for no such image.
        resume_from_seconds: Where an earlier run stopped.
        num_threads: Decoder threads; 0 leaves the number to FFmpeg.
        timeout_seconds: Longest wait for one read of the file.
        decode_device: Where pictures are decoded; the CPU is the fallback.
        on_warning: Called with a message where the CPU decodes instead.

    Returns:
        What was lost on the way, as the generator's return value.

    Raises:
        DamagedVideo: The video breaks off; raised after all that decodes.
        MediaError: The file cannot be read (NotAVideo, DecodeTimeout and others).
        ValueError: The plan is invalid.
    """
    check_plan(plan)
    sizes = _Sizes(short_side_pixels, large_side_pixels)
    duration_seconds = damage = None
    if plan.max_frames is not None and plan.sampling == "uniform":
        duration_seconds, damage = _measured(path, timeout_seconds)
    with open_video(
        path,
        learns="order",
        num_threads=num_threads,
        timeout_seconds=timeout_seconds,
        decode_device=decode_device,
        on_warning=on_warning,
    ) as video:
        decoder = PictureDecoder(video)
        if plan.sampling == "shots":
            yield from _shot_frames(decoder, plan, sizes, resume_from_seconds)
        else:
            if plan.sampling == "keyframes":
                sampled = _key_pictures(decoder, plan, resume_from_seconds)
            else:
                sampled = _pictures_at(decoder, instants(plan, duration_seconds), resume_from_seconds)
            for one in sampled:
                yield _frame(video, one, sizes)
        if decoder.num_packets and not decoder.num_pictures:
            raise DamagedVideo("none of its pictures decodes", path=path)
        damage = _breaks_off(decoder) or damage
        if damage is not None and (plan.end_seconds is None or decoder.is_at_end):
            raise damage
        return replace(decoder.report(), content_hash=video.content_hash())


def frame_at(path: Path, time_seconds: float, *, short_side_pixels: int | None = None) -> Frame:
    """The picture on screen at `time_seconds`: the first one before the start, the last one after the end.

    Raises NotAVideo, DamagedVideo where nothing decodes there, and MediaError.
    """
    with open_video(path, learns="order") as video:
        decoder = PictureDecoder(video)
        for one in _pictures_at(decoder, [time_seconds], resume_from_seconds=-math.inf):
            return _frame(video, one, _Sizes(short_side_pixels))
    with open_video(path, learns="order") as video:
        decoder = PictureDecoder(video)
        last = deque(decoder.pictures_at([measured_duration(path) - 1e-5]), maxlen=1)
        if not last:
            raise DamagedVideo(f"no picture decodes at {format_moment(time_seconds)}", path=path)
        return _frame(video, _Sampled(time_seconds, *last[0]), _Sizes(short_side_pixels))


def measured_duration(path: Path, *, timeout_seconds: float | None = None) -> float:
    """When the last picture leaves the screen, in seconds, by the file's packets rather than its header.

    Reads only the end of the file if the container can seek there. Raises as `frames` does.
    """
    return _measured(path, timeout_seconds)[0]


class _Sizes(NamedTuple):
    """Shorter sides to scale pictures down to."""

    short_side_pixels: int | None
    large_side_pixels: int | None = None


class _Sampled(NamedTuple):
    """A sampled instant and the picture on screen then."""

    sample_time_seconds: float
    ticks: int
    picture: VideoFrame


def _measured(path: Path, timeout_seconds: float | None) -> tuple[float, DamagedVideo | None]:
    """The measured duration, and an error if the file ends too early."""
    with open_video(path, learns="header", num_threads=1, timeout_seconds=timeout_seconds) as video:
        decoder = PictureDecoder(video)
        claimed_seconds = video.claimed_duration_seconds()
        if claimed_seconds is not None:
            decoder.go_near(claimed_seconds)
        end_ticks = decoder.read_to_end()
        if end_ticks is None:
            decoder.go_near(0.0)
            end_ticks = decoder.read_to_end()
        if end_ticks is None:
            raise DamagedVideo("holds no pictures", path=path)
        return max(0.0, video.seconds(end_ticks)), _breaks_off(decoder)


def _frame(video: OpenVideo, sampled: _Sampled, sizes: _Sizes) -> Frame:
    convert = partial(to_image, sampled.picture, sample_aspect_ratio=video.sample_aspect_ratio)
    try:
        image = convert(short_side_pixels=sizes.short_side_pixels)
        large = sizes.large_side_pixels
        large_image = None if large is None else convert(short_side_pixels=large)
    except (av.error.FFmpegError, ValueError) as error:
        raise DamagedVideo(f"a picture cannot be turned into RGB: {error}", path=video.path) from error
    return Frame(video.seconds(sampled.ticks), sampled.sample_time_seconds, image, large_image=large_image)


def _pictures_at(
    decoder: PictureDecoder, wanted: Sequence[float], resume_from_seconds: float
) -> Iterator[_Sampled]:
    """The picture on screen at each of `wanted`, each picture once."""
    num_before = bisect_left(wanted, resume_from_seconds)
    before = wanted[num_before - 1] if num_before else None
    for sampled in _on_screen(decoder, wanted[num_before:]):
        # The previous run delivered what was on screen before the instant to resume from.
        if before is None or not _is_shown_by(decoder.video, sampled.ticks, before):
            yield sampled


def _on_screen(decoder: PictureDecoder, wanted: Sequence[float]) -> Iterator[_Sampled]:
    """Match ascending instants with the last picture that starts at or before each.

    Instants before the first picture match it; those after the end of the last picture match none.
    """
    if not wanted:
        return
    instants = Wanted(wanted, decoder.video.last_tick_at)
    shown: TimedPicture | None = None
    is_given = False
    for ticks, picture in decoder.pictures_at(wanted):
        instant = instants.instant
        starts_given = False
        if instant is not None and cast("int", instants.ticks) < ticks:
            if shown is None:
                yield _Sampled(instant, ticks, picture)
                starts_given = True
            elif not is_given:
                yield _Sampled(instant, *shown)
            instants.skip_to(ticks)
        if instants.instant is None:
            return
        shown, is_given = (ticks, picture), starts_given
    instant, ticks_left = instants.instant, instants.ticks
    if shown is not None and not is_given and instant is not None and ticks_left is not None:
        is_over = decoder.is_at_end and ticks_left >= (decoder.picture_end_ticks or 0)
        if not is_over:
            yield _Sampled(instant, *shown)


def _is_shown_by(video: OpenVideo, ticks: int, instant: float) -> bool:
    """Whether a picture starts at or before `instant`; the first one of a video always does."""
    first_ticks = video.stream.start_time
    return ticks <= video.last_tick_at(instant) or (first_ticks is not None and ticks <= first_ticks)


def _key_pictures(
    decoder: PictureDecoder, plan: SamplingPlan, resume_from_seconds: float
) -> Iterator[_Sampled]:
    """The key frames in [start, end), at least 1 / fps apart, at most `max_frames`."""
    video = decoder.video
    end_seconds = plan.end_seconds if plan.end_seconds is not None else math.inf
    if plan.max_frames is not None:
        with open_video(video.path, learns="header") as again:
            times = map(again.seconds, PictureDecoder(again).key_ticks())
            chosen = spread(
                [time for time in times if plan.start_seconds <= time < end_seconds], plan.max_frames
            )
        yield from _pictures_at(decoder, chosen, resume_from_seconds)
        return
    next_seconds = plan.start_seconds
    for ticks, picture in decoder.key_pictures():
        seconds = video.seconds(ticks)
        if seconds >= end_seconds:
            return
        if seconds >= next_seconds:
            next_seconds = seconds + 1 / plan.fps
            if seconds >= resume_from_seconds:
                yield _Sampled(seconds, ticks, picture)


def _shot_frames(
    decoder: PictureDecoder, plan: SamplingPlan, sizes: _Sizes, resume_from_seconds: float
) -> Iterator[Frame]:
    """The pictures that represent the shots in [start, end), found in one pass over all pictures there.

    A resumed run repeats the pass, so that it finds the same shots. With `max_frames`, a second pass takes
    that many of the pictures, evenly spaced.
    """
    video = decoder.video

    def keep(seconds: float, picture: VideoFrame) -> Frame:
        return _frame(video, _Sampled(seconds, decoder.video.last_tick_at(seconds), picture), sizes)

    if plan.max_frames is None:
        for shot, chosen in _shots(decoder, plan, keep):
            for frame in chosen:
                if frame.sample_time_seconds >= resume_from_seconds:
                    yield replace(frame, shot=shot)
        return
    with open_video(video.path, learns="order") as again:
        found = [
            (seconds, shot)
            for shot, chosen in _shots(PictureDecoder(again), plan, lambda seconds, _: seconds)
            for seconds in chosen
        ]
    shots_by_time = dict(spread(found, plan.max_frames))
    for sampled in _pictures_at(decoder, list(shots_by_time), resume_from_seconds):
        frame = _frame(video, sampled, sizes)
        yield replace(frame, shot=shots_by_time[sampled.sample_time_seconds])


def _shots(
    decoder: PictureDecoder, plan: SamplingPlan, keep: Callable[[float, VideoFrame], Kept]
) -> Iterator[tuple[Shot, list[Kept]]]:
    video = decoder.video
    end_seconds = plan.end_seconds if plan.end_seconds is not None else math.inf

    def pictures() -> Iterator[tuple[float, UInt8Image, VideoFrame]]:
        decoder.go_near(max(0.0, plan.start_seconds - 2.0))  # containers seek by decoding time
        for ticks, picture in decoder.all_pictures():
            seconds = video.seconds(ticks)
            if seconds >= end_seconds:
                return
            if seconds >= plan.start_seconds:
                yield seconds, to_image(picture, short_side_pixels=ANALYSIS_PIXELS), picture

    def find_end() -> float:
        return min(video.seconds(decoder.picture_end_ticks or 0), end_seconds)

    return pick_from_shots(mark_cuts(pictures()), keep, find_end)


def _breaks_off(decoder: PictureDecoder) -> DamagedVideo | None:
    """An error if the file, read to its end, is shorter than its header says."""
    claimed_seconds = decoder.video.claimed_duration_seconds()
    if (
        not decoder.is_at_end
        or claimed_seconds is None
        or decoder.format_name not in _FORMATS_WITH_TRUE_LENGTH
    ):
        return None
    reached_seconds = decoder.end_seconds
    if reached_seconds + _MISSING_SECONDS >= claimed_seconds:
        return None
    where = f"{format_moment(reached_seconds)} of {format_moment(claimed_seconds)}"
    return DamagedVideo(f"breaks off at {where}", path=decoder.video.path)
