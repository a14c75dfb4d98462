"""Selects the tracks of a library to export."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from vidsearch.captions.export.document import cues
from vidsearch.captions.export.tracks import ExportedSegment, ExportedTrack
from vidsearch.captions.transcript import transcript
from vidsearch.errors import ExportError

if TYPE_CHECKING:
    from vidsearch.store.store import Store
    from vidsearch.tracks import Track, TrackKind
    from vidsearch.types import Video

KINDS: Mapping[str, TrackKind] = MappingProxyType(
    {
        "caption": "caption",
        "captions": "caption",
        "subtitle": "subtitle",
        "subtitles": "subtitle",
        "transcript": "transcript",
        "speech": "transcript",
        "ocr": "ocr",
        "text": "ocr",
        "chapter": "chapter",
        "chapters": "chapter",
        "sound": "sound",
        "sounds": "sound",
        "label": "label",
        "labels": "label",
    }
)
"""The kinds of tracks that can be exported, by the names that people may use."""


def exported_tracks(
    store: Store, videos: Sequence[Video], track: str, *, takes_several: bool
) -> Iterator[ExportedTrack]:
    """Yield the selected tracks, in the order of the videos.

    Args:
        store: The library.
        videos: Videos without such a track are skipped, unless none has one.
        track: A track's id, "#7" or "7", or a kind of `KINDS`. Corrections replace a model's captions.
        takes_several: Whether a video may have several tracks of the kind, such as subtitles in two
            languages.

    Raises:
        ExportError: No video has such a track, or one has several and `takes_several` is false.
    """
    number = re.fullmatch(r"#?(\d{1,18})", track.strip())
    kind = KINDS.get(track.strip().lower())
    if number is None and kind is None:
        raise ExportError(
            f"There is no kind of track {track!r}. Give a number, or one of: {', '.join(KINDS)}."
        )
    has_any = False
    for video in videos:
        if kind == "caption":
            found = [_captions(store, video)]
        elif kind == "transcript":
            found = [_transcript(store, video)]
        else:
            shown = [each for each in store.tracks(video.id) if each.state == "active"]
            meant = [each for each in shown if number is None or each.id == int(number[1])]
            chosen = [each for each in meant if number is not None or each.kind == kind]
            if len(chosen) > 1 and not takes_several:
                choice = "".join(f"\n  #{each.id} {each.name}" for each in chosen)
                raise ExportError(f"{video.path.name} has {len(chosen)} {kind} tracks. Name one:{choice}")
            found = [_exported(store, video, each) for each in chosen]
        for each in found:
            if any(segment.text for segment in each.segments):
                has_any = True
                yield each
    if not has_any:
        raise ExportError(_nothing_found(store, videos, track))


def _exported(store: Store, video: Video, track: Track) -> ExportedTrack:
    return ExportedTrack(
        video=video,
        kind=track.kind,
        name=track.name,
        producer=track.spec.producer,
        language=track.language,
        segments=[
            ExportedSegment(each.start_seconds, each.end_seconds, each.text or "", each.attributes)
            for each in store.segments(track.id)
        ],
    )


def _transcript(store: Store, video: Video) -> ExportedTrack:
    """Return the transcript as it is shown: a person's lines replace a model's."""
    made = [each for each in store.tracks(video.id) if each.kind == "transcript" and each.state == "active"]
    by_model = next((each for each in made if not each.is_human), None)
    lines = transcript(store, video)
    # A track whose language was detected holds it in its lines, which may be in several.
    detected = {line.attributes["language"] for line in lines if "language" in line.attributes}
    language = None if by_model is None else by_model.language
    return ExportedTrack(
        video=video,
        kind="transcript",
        name="transcript" if by_model is None else by_model.name,
        producer="transcript" if by_model is None else by_model.spec.producer,
        language=language or (detected.pop() if len(detected) == 1 else None),
        segments=[
            ExportedSegment(each.start_seconds, each.end_seconds, each.text, each.attributes)
            for each in lines
        ],
    )


def _captions(store: Store, video: Video) -> ExportedTrack:
    """Return the captions as they are shown: a person's replace a model's."""
    return ExportedTrack(
        video=video,
        kind="caption",
        name="captions",
        producer="captions",
        language=None,
        segments=[
            ExportedSegment(span.start_seconds, span.end_seconds, span.text)
            for span in cues(tuple(store.frames(video.id)))
        ],
    )


def _nothing_found(store: Store, videos: Sequence[Video], track: str) -> str:
    if len(videos) != 1:
        return f"None of {len(videos):,} videos has a track {track!r} with words."
    choice = "".join(
        f"\n  #{each.id} {each.kind} {each.name}"
        for each in store.tracks(videos[0].id)
        if each.state == "active" and each.kind in KINDS.values()
    )
    known = f" It has:{choice}" if choice else ""
    return f"{videos[0].path.name} has no track {track!r} with words.{known}"
