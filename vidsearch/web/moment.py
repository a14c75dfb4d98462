"""One moment of a video: played, with where else the query fits, its words and frames, and what to do."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit as st

from vidsearch.captions.export import safe_name
from vidsearch.errors import MediaError
from vidsearch.media.clip import cut_clip
from vidsearch.paths import is_elsewhere
from vidsearch.store.fingerprint import path_of
from vidsearch.text import one_line
from vidsearch.times import format_duration
from vidsearch.types import CaptionOrigin
from vidsearch.web import components, show, teaching
from vidsearch.web.files import (
    PREVIEW_SECONDS,
    frame_url,
    heat_map_url,
    plays_in_browser,
    preview_url,
    video_url,
)
from vidsearch.web.page_library import Span

if TYPE_CHECKING:
    from vidsearch.captions.transcript import SpokenLine
    from vidsearch.search.answer import SearchAnswer
    from vidsearch.search.query import Query
    from vidsearch.store.label_rows import LabelSpan
    from vidsearch.tracks import TrackKind
    from vidsearch.types import IndexedFrame, SearchHit, Video

_FRAMES_SHOWN = 60
_MAX_LINES = 2000
_SECONDS_AROUND_A_FRAME = 2.0
_LINE_KINDS: dict[TrackKind, str] = {
    "subtitle": "said",
    "ocr": "written",
    "sound": "heard",
}
"""By kind of track, how the page shows its lines."""
_KEY = "moment-player"
_CHOSEN = "moment-frame"
"""Session state: (id of the open moment, id of the frame of it that was chosen last)."""


def go_to(frame_id: int) -> None:
    """Open a moment: its id goes into the address, so that a reload shows it again."""
    st.query_params["moment"] = str(frame_id)


def close() -> None:
    """Close the open moment."""
    st.query_params.pop("moment", None)


def render(
    frame_id: int,
    query: Query | None = None,
    answer: SearchAnswer | None = None,
    *,
    can_close: bool = True,
) -> None:
    """Show a moment.

    Args:
        frame_id: The frame that stands for it.
        query: What was asked, for the curve and the heat map.
        answer: What came back, for the moment's own span and others of the same video.
        can_close: Offer to close it.
    """
    library = show.library()
    frame = library.frame(frame_id)
    video = None if frame is None else library.video(frame.video_id)
    if frame is None or video is None:
        st.warning("This moment is no longer in the library.")
        return
    hits = [hit for hit in answer.hits if hit.video.id == video.id] if answer else []
    span = _span(video, frame, hits)
    components.player(
        data={**_player_data(video, frame, span, query, hits, answer), "closes": can_close},
        key=_KEY,
        on_close_change=close,
        on_frame_change=_choose_frame,
    )
    moment_id, chosen_id = st.session_state.get(_CHOSEN, (0, 0))
    chosen = library.frame(chosen_id) if moment_id == frame_id else None
    _actions(video, chosen or frame, span)


def _choose_frame() -> None:
    chosen = st.session_state[_KEY]["frame"]
    if chosen:
        st.session_state[_CHOSEN] = (int(st.query_params.get("moment", "0")), int(chosen))


def _span(video: Video, frame: IndexedFrame, hits: Sequence[SearchHit]) -> Span:
    """The hit that the frame belongs to, else a few seconds around the frame."""
    for hit in hits:
        frames = [hit.frame_id, *(step.frame_id for step in hit.steps)]
        if frame.id in frames or hit.start_seconds <= frame.time_seconds < hit.end_seconds:
            return Span(video.id, hit.start_seconds, hit.end_seconds)
    start = max(0.0, frame.time_seconds - _SECONDS_AROUND_A_FRAME)
    return Span(video.id, start, max(frame.end_seconds, frame.time_seconds + _SECONDS_AROUND_A_FRAME))


def _player_data(
    video: Video,
    frame: IndexedFrame,
    span: Span,
    query: Query | None,
    hits: Sequence[SearchHit],
    answer: SearchAnswer | None,
) -> dict[str, Any]:
    library = show.library()
    frames = library.frames(video.id)
    others = [
        hit
        for hit in hits
        if (answer is None or not answer.is_doubtful(hit)) and hit.start_seconds != span.start_seconds
    ]
    words = query.words if query else ""
    problem = _problem(video)
    return {
        "shows": f"{frame.id} {span} {query} {problem}",
        "moment": str(frame.id),
        "frame": str(frame.id),
        "name": show.name_of(video),
        "span": f"{format_duration(span.start_seconds)}–{format_duration(span.end_seconds)}",
        "start": span.start_seconds,
        "end": span.end_seconds,
        "at": frame.time_seconds,
        "duration": video.info.duration_seconds or (frames[-1].end_seconds if frames else span.end_seconds),
        "poster": frame_url(frame.id),
        "problem": problem,
        "file": video_url(video) if plays_in_browser(video) else None,
        "preview": preview_url(video),
        "previewSeconds": PREVIEW_SECONDS,
        "heat": heat_map_url(frame.id, words) if words and problem is None else None,
        "link": "/?" + urlencode({**st.query_params.to_dict(), "moment": str(frame.id)}),
        "curve": library.curve(query, video) if query else [],
        "moments": [
            {"id": str(hit.frame_id), "start": hit.start_seconds, "end": hit.end_seconds} for hit in others
        ],
        "chapters": _chapters(video),
        "lines": lines_of(video, frames),
        "lanes": _lanes(video),
        "frames": _frames_around(frames, frame),
    }


def _chapters(video: Video) -> list[dict[str, Any]]:
    """Its own chapters, else runs of like frames."""
    library = show.library()
    for track in library.active_tracks(video.id, ("chapter",)):
        return [
            {"start": segment.start_seconds, "text": segment.text or ""}
            for segment in library.segments(track.id)
        ]
    return [
        {"start": part.start_seconds, "text": part.caption.text}
        for part in library.timeline(video, "chapter")
    ]


def _lanes(video: Video) -> list[dict[str, Any]]:
    """Where each label was seen, label by label in the order of the library's."""
    spans = show.library().label_spans(video)
    seen = {span.label for span in spans}
    known = show.library().label_names()
    names = [*(name for name in known if name in seen), *sorted(seen.difference(known))]
    return [
        {"label": name, "spans": [_lane_span(one) for one in spans if one.label == name]} for name in names
    ]


def _lane_span(span: LabelSpan) -> dict[str, Any]:
    times = f"{format_duration(span.start_seconds)} to {format_duration(span.end_seconds)}"
    sure = "" if span.confidence is None else f", {span.confidence:.0%} sure"
    return {
        "start": span.start_seconds,
        "end": span.end_seconds,
        "share": 1.0 if span.confidence is None else span.confidence,
        "name": f"{span.label}, {times}{sure}",
    }


def _problem(video: Video) -> str | None:
    """Why the video cannot be played; None where it can."""
    if all(is_elsewhere(path) for path in video.paths):
        return None  # its server is asked once it is to play: a moment opens without it
    try:
        path_of(video)
    except MediaError as error:
        return one_line(str(error))
    return None


def lines_of(video: Video, frames: Sequence[IndexedFrame]) -> list[dict[str, Any]]:
    """What is seen, said and written in a video, by time.

    Runs of like captions are one line, and so is what two tracks say alike, as a file's subtitles may.
    """
    lines: list[dict[str, Any]] = []
    for frame in frames:
        text = frame.caption.text if frame.caption else ""
        if lines and lines[-1]["text"] == text:
            lines[-1]["end"] = frame.end_seconds
        else:
            lines.append(
                {"start": frame.time_seconds, "end": frame.end_seconds, "text": text, "kind": "seen"}
            )
    lines += [
        {"start": line.start_seconds, "end": line.end_seconds, "text": line.text, "kind": "said"}
        for line in show.library().transcript(video)
    ]
    for track in show.library().active_tracks(video.id, tuple(_LINE_KINDS)):
        lines += [
            {
                "start": segment.start_seconds,
                "end": segment.end_seconds,
                "text": segment.text or "",
                "kind": _LINE_KINDS[track.kind],
            }
            for segment in show.library().segments(track.id)
        ]
    different = {(line["start"], line["kind"], line["text"]): line for line in lines if line["text"]}
    return sorted(different.values(), key=lambda line: line["start"])[:_MAX_LINES]


def _frames_around(frames: Sequence[IndexedFrame], frame: IndexedFrame) -> list[dict[str, Any]]:
    at = next((number for number, one in enumerate(frames) if one.id == frame.id), 0)
    start = max(0, min(at - _FRAMES_SHOWN // 2, len(frames) - _FRAMES_SHOWN))
    return [
        {
            "id": str(one.id),
            "picture": frame_url(one.id),
            "time": format_duration(one.time_seconds),
            "seconds": one.time_seconds,
        }
        for one in frames[start : start + _FRAMES_SHOWN]
    ]


def _actions(video: Video, frame: IndexedFrame, span: Span) -> None:
    time = format_duration(frame.time_seconds)
    with st.container(horizontal=True):
        st.button(
            "Like this frame",
            icon=":material/image_search:",
            on_click=_search_like,
            args=(video.id, frame.time_seconds),
            key="more-like",
            help=f"Find moments that look like the frame at {time}",
        )
        with st.popover("Name this", icon=":material/school:"):
            teaching.this_is(frame)
        with st.popover("Correct the caption", icon=":material/edit:"):
            correction(video, frame)
        spoken = _spoken_at(video, frame.time_seconds)
        if spoken is not None:
            with st.popover("Correct what is said", icon=":material/record_voice_over:"):
                speech_correction(video, spoken)
        with st.popover("Save a clip", icon=":material/content_cut:"):
            _clip(video, span)
        st.page_link(
            st.session_state["pages"]["library"],
            label="Whole video",
            icon=":material/movie:",
            query_params={"video": str(video.id)},
        )
    if frame.caption is not None:
        written = ", written by a person" if frame.caption.origin is CaptionOrigin.HUMAN else ""
        st.html(f'<p class="vs-quiet">At {time}{written}: {show.escaped(frame.caption.text)}</p>')


def _search_like(video_id: int, time_seconds: float) -> None:
    st.query_params["like"] = f"#{video_id}@{time_seconds:.3f}"
    st.session_state["q"] = ""
    close()


def correction(video: Video, frame: IndexedFrame) -> None:
    """Show a form that sets a frame's caption to a person's words."""
    with st.form(f"correct-{frame.id}", border=False):
        text = st.text_input(
            f"Caption at {format_duration(frame.time_seconds)}",
            value=frame.caption.text if frame.caption else "",
            max_chars=500,
        )
        if st.form_submit_button("Keep this caption"):
            show.library().correct(video, frame.time_seconds, text)
            st.rerun()


def _spoken_at(video: Video, time_seconds: float) -> SpokenLine | None:
    """The line that is said at a time, or was said last before it."""
    begun = [line for line in show.library().transcript(video) if line.start_seconds <= time_seconds]
    return begun[-1] if begun else None


def speech_correction(video: Video, line: SpokenLine) -> None:
    """Show a form that puts a spoken line right."""
    with st.form(f"correct-speech-{video.id}-{line.start_seconds}", border=False):
        text = st.text_area(
            f"Transcript from {format_duration(line.start_seconds)}", value=line.text, max_chars=500
        )
        if st.form_submit_button("Keep this line") and text.strip():
            show.library().correct_speech(video, line.start_seconds, text)
            st.rerun()


def _clip(video: Video, span: Span) -> None:
    start = st.number_input("From second", min_value=0.0, value=span.start_seconds, key=f"clip-from-{span}")
    end = st.number_input("To second", min_value=0.1, value=span.end_seconds, key=f"clip-to-{span}")
    if start >= end:
        st.caption("The end must be after the start.")
        return

    def cut() -> bytes:
        with tempfile.TemporaryDirectory(prefix="vidsearch-clip-") as folder:
            path = Path(folder) / "clip.mp4"
            cut_clip(path_of(video), path, start_seconds=start, end_seconds=end)
            return path.read_bytes()

    st.download_button(
        "Save the clip",
        data=cut,
        file_name=f"{safe_name(video.path.stem)}-{start:.0f}s.mp4",
        mime="video/mp4",
        key=f"cut-{span}",
        on_click="ignore",
    )
