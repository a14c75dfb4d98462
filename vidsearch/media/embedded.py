"""Reads the text that comes with a video file: subtitle streams, chapters, sidecar files."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import av.error
from av import Packet
from av.codec.codec import Properties
from av.stream import Discard, Disposition
from av.subtitles.subtitle import AssSubtitle

from vidsearch.errors import MediaError
from vidsearch.media.container import OpenVideo, open_video
from vidsearch.media.discover import VIDEO_SUFFIXES
from vidsearch.paths import Address
from vidsearch.types import TimedText

if TYPE_CHECKING:
    from av.stream import Stream
    from av.subtitles.stream import SubtitleStream as AvSubtitleStream

SIDECAR_SUFFIXES = frozenset({".srt", ".vtt", ".ass", ".ssa"})

_LISTED_SECONDS = 300
"""How long a remote folder's listing is reused."""

_QUALIFIERS = frozenset({"forced", "sdh", "cc", "hi", "default", "foreign", "full"})
"""Qualifiers that media servers allow after the language in a sidecar's name."""

_PLAIN_TEXT_CODECS = frozenset({"subrip", "ass", "ssa", "webvtt", "text"})
"""Codecs whose packets are plain text."""

_MAX_PACKET_BYTES = 2**20
_UNKNOWN_END_SECONDS = 5.0
"""Longest time on screen of a cue without an end."""


@dataclass(frozen=True, slots=True)
class SubtitleStream:
    """A subtitle stream of a video file."""

    index: int
    """The stream's index in its container, from 0, over streams of all kinds."""
    codec: str
    """FFmpeg's name: "subrip", "ass", "mov_text", "hdmv_pgs_subtitle"."""
    language: str | None
    """BCP 47: "en", "pt-BR"; None where the file does not say."""
    title: str | None
    is_text: bool
    """False where the subtitles are pictures (PGS, VobSub, DVB) or cannot be decoded here."""
    is_default: bool
    is_forced: bool


@dataclass(frozen=True, slots=True)
class Subtitles:
    """The cues of a subtitle stream."""

    cues: tuple[TimedText, ...]
    """By start time."""
    num_unread: int
    """Packets with data that do not decode."""


def streams_and_chapters(path: Path) -> tuple[tuple[SubtitleStream, ...], tuple[TimedText, ...]]:
    """List a video's subtitle streams, and its chapters by start time; one without a title has the text "".

    Raises MediaError.
    """
    with open_video(path, learns="header", num_threads=1) as video:
        streams = tuple(_described(stream) for stream in video.container.streams.subtitles)
        return streams, tuple(sorted(_chapters(video), key=lambda chapter: chapter.start_seconds))


def subtitles(path: Path, stream_index: int) -> Subtitles:
    """Read a text subtitle stream whole.

    Markup, drawings, empty packets and repeated layers of a cue are dropped. Text that is not UTF-8 is read
    as Windows-1252. Times count from the start of the video, like those of frames.

    Args:
        path: The video.
        stream_index: `SubtitleStream.index`.

    Raises:
        MediaError: The file cannot be read, it has no such subtitle stream, or the stream consists of
            pictures.
    """
    with open_video(path, num_threads=1) as video:
        stream = next((one for one in video.container.streams.subtitles if one.index == stream_index), None)
        if stream is None:
            raise MediaError(f"has no subtitle stream {stream_index}", path=path)
        described = _described(stream)
        if not described.is_text:
            raise MediaError(
                f"subtitle stream {stream_index} holds no text ({described.codec}): it cannot be read",
                path=path,
            )
        # A broadcast's clock is that of its pictures, which must be read along with the text.
        streams: list[Stream] = [video.stream, stream] if video.clock_may_jump else [stream]
        for other in video.container.streams:
            if other not in streams:
                other.discard = Discard.all
        start_seconds = float(video.start_ticks * video.time_base)
        reader = _CueReader(stream, start_seconds)
        for packet in video.packets(streams):
            if packet.stream_index == stream_index:
                reader.read(cast("Packet[AvSubtitleStream]", packet))
        return Subtitles(tuple(_with_ends(reader.cues)), reader.num_unread)


def _chapters(video: OpenVideo) -> Iterator[TimedText]:
    marks = video.container.chapters()
    start_seconds = float(video.start_ticks * video.time_base) if marks else 0.0
    for chapter in marks:
        time_base = chapter["time_base"] or Fraction(1, av.time_base)
        start = max(0.0, float(chapter["start"] * time_base) - start_seconds)
        end = float(chapter["end"] * time_base) - start_seconds
        if end > start:
            yield TimedText(start, end, _one_line(chapter["metadata"].get("title", "")))


def find_sidecars(video_path: Path) -> list[tuple[Path, str | None]]:
    """Find subtitle files beside a video, each with its language (BCP 47) if the name gives one.

    Of "film.mp4" these are "film.srt", "film.en.srt", "film.pt-BR.forced.vtt" and "film.mp4.srt"; not
    "film.en.srt" if there is a "film.en.mp4", to which it then belongs. Empty for HTTP addresses, whose
    servers list no folders.
    """
    try:
        folder = _folder_of(video_path)
    except (OSError, MediaError):
        return []
    stem = video_path.stem.casefold()
    found: list[tuple[Path, str | None]] = []
    for name in folder.sidecars:
        if not name.casefold().startswith(stem + "."):
            continue
        own_stem = Path(name).stem
        if own_stem.casefold() in (stem, video_path.name.casefold()):
            found.append((video_path.parent / name, None))
        elif own_stem.casefold() not in folder.video_stems:
            is_named, language = _language_of(own_stem[len(stem) + 1 :].split("."))
            if is_named:
                found.append((video_path.parent / name, language))
    return found


@dataclass(frozen=True, slots=True)
class _Folder:
    """The names in a folder that matter for finding sidecars."""

    sidecars: tuple[str, ...]
    """Names, sorted."""
    video_stems: frozenset[str]
    """Names of videos without their suffix, casefolded."""

    @classmethod
    def of(cls, names: Iterable[str]) -> _Folder:
        parts = [(name, *os.path.splitext(name)) for name in names]  # noqa: PTH122 (ten times as fast)
        return cls(
            tuple(sorted(name for name, _, suffix in parts if suffix.lower() in SIDECAR_SUFFIXES)),
            frozenset(stem.casefold() for _, stem, suffix in parts if suffix.lower() in VIDEO_SUFFIXES),
        )


def _folder_of(video_path: Path) -> _Folder:
    """A video's folder. Raises OSError, MediaError."""
    if isinstance(video_path, Address):
        return _folder_elsewhere(video_path.parent, int(time.monotonic() // _LISTED_SECONDS))
    return _folder_here(video_path.parent, video_path.parent.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _folder_here(path: Path, mtime_ns: int) -> _Folder:
    """Read once for all videos of an unchanged folder."""
    return _Folder.of(os.listdir(path))  # noqa: PTH208 (names, no paths)


@lru_cache(maxsize=4)
def _folder_elsewhere(path: Address, minutes: int) -> _Folder:
    """Listed once for all videos of a folder that are looked at within a few minutes."""
    from vidsearch.media.remote import RemoteFile

    return _Folder.of(RemoteFile(path).names_in())


def _language_of(parts: list[str]) -> tuple[bool, str | None]:
    """Whether the dotted parts of a name are a language, qualifiers or both; and the language."""
    language = None if parts[0].casefold() in _QUALIFIERS - {"hi"} else standard_language(parts[0])
    rest = parts if language is None else parts[1:]
    return all(part.casefold() in _QUALIFIERS for part in rest), language


def standard_language(tag: str | None) -> str | None:
    """A language tag as BCP 47 writes it: "eng" is "en"; None for a missing, unknown or undetermined one."""
    import langcodes

    try:
        if tag is None or not langcodes.tag_is_valid(tag):
            return None
        standard = langcodes.standardize_tag(tag)
    except ValueError:  # langcodes' LanguageTagError is one
        return None
    return None if standard in ("und", "mul", "zxx", "mis") else standard


def _described(stream: AvSubtitleStream) -> SubtitleStream:
    context = stream.codec_context
    codec = context.codec if context is not None else None
    return SubtitleStream(
        index=stream.index,
        codec=codec.canonical_name if codec is not None else "unknown",
        language=standard_language(stream.metadata.get("language")),
        title=_one_line(stream.metadata.get("title", "")) or None,
        is_text=codec is not None and bool(codec.properties & cast("int", Properties.TEXT_SUB.value)),
        is_default=bool(stream.disposition & Disposition.default),
        is_forced=bool(stream.disposition & Disposition.forced),
    )


class _CueReader:
    """Turns the packets of one stream into cues."""

    def __init__(self, stream: AvSubtitleStream, start_seconds: float) -> None:
        self._context = stream.codec_context
        self._start_seconds = start_seconds
        self.cues: dict[TimedText, None] = {}
        """In file order, each once; a cue without an end ends at its start."""
        self.num_unread = 0

    def read(self, packet: Packet[AvSubtitleStream]) -> None:
        if not packet.size or packet.pts is None:
            return
        try:
            lines = list(self._lines(packet)) if packet.size <= _MAX_PACKET_BYTES else None
        except av.error.FFmpegError:
            lines = None
        if lines is None:
            self.num_unread += 1
            return
        start = float(packet.pts * packet.time_base) - self._start_seconds
        end = start + float((packet.duration or 0) * packet.time_base)
        if end >= 0:
            self.cues.update((TimedText(max(0.0, start), end, line), None) for line in lines)

    def _lines(self, packet: Packet[AvSubtitleStream]) -> Iterator[str]:
        """The plain text of each event in a packet."""
        from pysubs2 import SSAEvent

        if self._context.codec.canonical_name in _PLAIN_TEXT_CODECS:
            packet = _as_utf8(packet)
        for subtitle in self._context.decode2(packet) or ():
            if isinstance(subtitle, AssSubtitle):
                # ReadOrder, Layer, Style, Name, MarginL, MarginR, MarginV, Effect, Text
                event = SSAEvent(text=subtitle.ass.decode("utf-8", "replace").split(",", 8)[-1])
                line = "" if event.is_drawing else _one_line(event.plaintext)
                if line:
                    yield line


def _as_utf8(packet: Packet[AvSubtitleStream]) -> Packet[AvSubtitleStream]:
    """Convert a text packet to UTF-8, the only encoding FFmpeg decodes."""
    data = bytes(packet)
    try:
        data.decode()
    except UnicodeDecodeError:
        mended = cast("Packet[AvSubtitleStream]", Packet(data.decode("cp1252", "replace").encode()))
        mended.stream, mended.time_base = packet.stream, packet.time_base
        mended.pts, mended.dts, mended.duration = packet.pts, packet.dts, packet.duration
        return mended
    return packet


def _with_ends(cues: Iterable[TimedText]) -> Iterator[TimedText]:
    """Sort cues by start. One without an end lasts until the next, or for some seconds."""
    ordered = sorted(cues, key=lambda cue: (cue.start_seconds, cue.end_seconds))
    following = [*(cue.start_seconds for cue in ordered[1:]), math.inf]
    for cue, next_start in zip(ordered, following, strict=True):
        if cue.end_seconds > cue.start_seconds:
            yield cue
        else:
            until = cue.start_seconds + _UNKNOWN_END_SECONDS
            yield replace(
                cue, end_seconds=min(until, next_start) if next_start > cue.start_seconds else until
            )


def _one_line(text: str) -> str:
    return " ".join(text.split())
