"""Library: every video with its cover and its line; one of them from beginning to end in words."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from vidsearch.captions.export import FORMATS, FileFormat, safe_name
from vidsearch.captions.export.document import path_text
from vidsearch.times import format_duration, format_time
from vidsearch.types import CaptionOrigin
from vidsearch.web import moment, show

if TYPE_CHECKING:
    from vidsearch.captions.describe import Level
    from vidsearch.types import IndexedFrame, Video

VIDEOS_PER_PAGE = 12
FRAMES_PER_PAGE = 50
CARDS_PER_ROW = 3

_LEVELS: dict[Level, str] = {"chapter": "Chapters", "shot": "Shots", "frame": "Frames"}
_NOT_OFFERED = frozenset({"npy"})
_EXPORTS = {
    name: kind.describes
    for name, kind in FORMATS.items()
    if isinstance(kind, FileFormat) and name not in _NOT_OFFERED
}


def render() -> None:
    """Show the page."""
    chosen = st.query_params.get("video", "")
    videos = show.desk().videos()
    video = next((one for one in videos if str(one.id) == chosen), None)
    if video is not None:
        _one(video)
    else:
        _all(videos)


def _all(videos: list[Video]) -> None:
    desk = show.desk()
    if not videos:
        st.header("No video here yet")
        st.write("Add some on the **Index** page.")
    else:
        said, save = st.columns([3, 1], vertical_alignment="bottom")
        wanted = said.text_input("Find by name", key="name", type="search", placeholder="holiday")
        with save.popover("Save all captions", icon=":material/download:", width="stretch"):
            _downloads(videos, "captions")
        found = [video for video in videos if wanted.casefold() in path_text(video.path).casefold()]
        num_pages = -(-len(found) // VIDEOS_PER_PAGE)
        page = st.pagination(num_pages, key=f"videos-{wanted}") if num_pages > 1 else 1
        for at in range((page - 1) * VIDEOS_PER_PAGE, min(page * VIDEOS_PER_PAGE, len(found)), CARDS_PER_ROW):
            row = found[at : min(at + CARDS_PER_ROW, page * VIDEOS_PER_PAGE)]
            for column, video in zip(st.columns(CARDS_PER_ROW), row, strict=False):
                with column, st.container(border=True):
                    _cover(video)
    failures = desk.failures()
    if failures:
        with st.expander(f"{len(failures)} files could not be indexed", icon=":material/error:"):
            st.dataframe(
                {
                    "file": [path_text(failure.path) for failure in failures],
                    "reason": [failure.reason for failure in failures],
                    "when": [failure.failed_at for failure in failures],
                },
                hide_index=True,
            )


def _cover(video: Video) -> None:
    described = show.desk().describe(video)
    if described is not None:
        show.card(
            described.frame_id,
            video=video,
            time_seconds=described.start_seconds,
            caption=described.caption.text,
            where=f"{show.name_of(video)} · {show.length_of(video)}",
        )
    else:
        frames = show.desk().frames(video.id)
        if frames:
            show.still(frames[0], is_here=False)
        st.html(f'<p class="vs-where">{show.escaped(show.name_of(video))} · {show.length_of(video)}</p>')
    if not video.is_complete:
        st.caption(f"Indexed up to {format_duration(video.indexed_until_seconds)} so far.")
    elif not video.path.exists():
        st.caption("The file is gone.")
    st.button("Open", key=f"video-{video.id}", on_click=_open, args=(video.id,), width="stretch")


def _open(video_id: int) -> None:
    st.query_params["video"] = str(video_id)


def _back() -> None:
    st.query_params.clear()


def _one(video: Video) -> None:
    desk = show.desk()
    back, title, save = st.columns([1, 4, 1.4], vertical_alignment="center")
    back.button("All", icon=":material/arrow_back:", on_click=_back, key="all-videos", width="stretch")
    title.subheader(show.plain(show.name_of(video)))
    with save.popover("Save captions", icon=":material/download:", width="stretch"):
        _downloads([video], safe_name(video.path.stem))
    described = desk.describe(video)
    frames = desk.frames(video.id)
    left, right = st.columns([3, 2])
    at = st.query_params.get("moment", "")
    here = next((frame for frame in frames if str(frame.id) == at), frames[0] if frames else None)
    with left:
        if here is not None:
            show.player(video, here.time_seconds if at else 0.0, here.id)
    with right:
        if described is not None:
            st.html(f'<p class="vs-line">{show.escaped(described.caption.text)}</p>')
        info = video.info
        st.caption(
            show.plain(
                f"{show.length_of(video)}, {info.width} × {info.height}, {info.codec}, "
                f"{video.num_frames} frames, {path_text(video.path)}"
            )
        )
    _timeline(video, frames)
    for track in desk.ask(lambda library: library.subtitles(video.id)):
        with st.expander(f"Subtitles: {show.plain(track.name)}", icon=":material/subtitles:"):
            st.dataframe(
                {
                    "from": [format_time(cue.start_seconds) for cue in track.cues],
                    "to": [format_time(cue.end_seconds) for cue in track.cues],
                    "words": [cue.text for cue in track.cues],
                },
                hide_index=True,
            )


def _timeline(video: Video, frames: list[IndexedFrame]) -> None:
    levels, words = st.columns([1, 2], vertical_alignment="bottom")
    level: Level = levels.segmented_control(
        "Timeline",
        list(_LEVELS),
        default="chapter",
        required=True,
        format_func=_LEVELS.__getitem__,
        key="level",
    )
    wanted = words.text_input("Find in the captions", key="in-captions", type="search").casefold()
    if level == "frame":
        _frames(video, [one for one in frames if one.caption and wanted in one.caption.text.casefold()])
        return
    for part in show.desk().timeline(video, level):
        if wanted not in part.caption.text.casefold():
            continue
        time, text = st.columns([1, 6], vertical_alignment="center")
        label = f"{format_duration(part.start_seconds)}–{format_duration(part.end_seconds)}"
        time.button(
            label,
            key=f"part-{level}-{part.start_seconds}",
            on_click=moment.go_to,
            args=(part.frame_id,),
            width="stretch",
        )
        text.html(f"<span>{show.escaped(part.caption.text)}</span>")


def _frames(video: Video, frames: list[IndexedFrame]) -> None:
    num_pages = -(-len(frames) // FRAMES_PER_PAGE)
    page = st.pagination(num_pages, key="caption-page") if num_pages > 1 else 1
    for frame in frames[(page - 1) * FRAMES_PER_PAGE : page * FRAMES_PER_PAGE]:
        caption = frame.caption
        if caption is None:
            continue
        time, text, edit = st.columns([1, 5, 1], vertical_alignment="center")
        time.button(
            format_time(frame.time_seconds),
            key=f"frame-{frame.id}",
            on_click=moment.go_to,
            args=(frame.id,),
            width="stretch",
        )
        kind = " vs-faint" if caption.carried_over else ""
        mark = " ✎" if caption.origin is CaptionOrigin.HUMAN else ""
        text.html(f'<span class="{kind}">{show.escaped(caption.text)}{mark}</span>')
        with edit.popover("Edit", width="stretch", key=f"edit-{frame.id}"):
            moment.correction(video, frame)


def _downloads(videos: list[Video], name: str) -> None:
    """Offer captions in every format that is one file and holds these videos."""
    desk = show.desk()
    for format_name, describes in _EXPORTS.items():
        kind = FORMATS[format_name]
        if not isinstance(kind, FileFormat) or (len(videos) > 1 and not kind.holds_many):
            continue
        st.download_button(
            format_name,
            data=partial(desk.export, videos, format_name),
            file_name=f"{name}{kind.suffix}",
            help=describes,
            key=f"save-{format_name}",
            on_click="ignore",
            width="stretch",
        )
