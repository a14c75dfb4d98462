"""Library: every video with its cover and its line; one of them from beginning to end in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from vidsearch.captions.export import FORMATS, FileFormat, safe_name
from vidsearch.captions.export.document import path_text
from vidsearch.times import format_duration
from vidsearch.types import CaptionOrigin
from vidsearch.web import cards, components, moment, show, teaching
from vidsearch.web.ids import parse_id

if TYPE_CHECKING:
    from vidsearch.captions.describe import Level
    from vidsearch.types import IndexedFrame, Video

VIDEOS_AT_ONCE = 48
FRAMES_PER_PAGE = 50

_GRID = "library-grid"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BY_DAY = "Last recorded"
_ORDERS: dict[str, Callable[[Video, Mapping[int, float]], Any]] = {
    _BY_DAY: lambda video, recorded: (-recorded.get(video.id, 0.0), video.id),
    "Last indexed": lambda video, recorded: (-video.indexed_at.timestamp(), -video.id),
    "Name": lambda video, recorded: show.name_of(video).casefold(),
    "Longest": lambda video, recorded: (-(video.info.duration_seconds or 0.0), video.id),
}
"""By name of an order: the key that videos are sorted by, given when each was recorded."""
_LEVELS: dict[Level, str] = {"chapter": "Chapters", "shot": "Shots", "frame": "Frames"}
_NOT_OFFERED = frozenset({"npy"})
_EXPORTS = {
    name: kind.describes
    for name, kind in FORMATS.items()
    if isinstance(kind, FileFormat) and name not in _NOT_OFFERED
}


def render() -> None:
    """Show the page."""
    chosen = parse_id(st.query_params.get("video", ""))
    video = None if chosen is None else show.library().video(chosen)
    if video is not None:
        _one(video)
    else:
        _all(show.library().videos())
        teaching.taught()


def _all(videos: list[Video]) -> None:
    if not videos:
        st.html('<p class="vs-hero">No videos yet</p>')
        st.page_link(st.session_state["pages"]["index"], label="Add videos", icon=":material/add_circle:")
    else:
        with st.container(horizontal=True, vertical_alignment="bottom", key="bar-library"):
            wanted = st.text_input(
                "Find by name",
                key="name",
                bind="query-params",
                type="search",
                placeholder="Find a video by part of its name",
                label_visibility="collapsed",
            )
            order = st.selectbox(
                "Order",
                list(_ORDERS),
                key="order",
                bind="query-params",
                label_visibility="collapsed",
                width=160,
            )
            with st.popover("Save all captions", icon=":material/download:"):
                _downloads(None, "captions")
        recorded = show.library().recorded()
        videos = sorted(videos, key=lambda video: _ORDERS[order](video, recorded))
        found = [video for video in videos if wanted.casefold() in path_text(video.path).casefold()]
        if not found:
            st.html(f'<p class="vs-lead">No video has {show.escaped(wanted)} in its name.</p>')
        num_shown = parse_id(st.query_params.get("shown", "")) or VIDEOS_AT_ONCE
        covers = show.library().covers(found[:num_shown])
        video_of = {str(frame.id): video_id for video_id, frame in covers.items()}
        st.session_state["covers"] = video_of
        shown = cards.video_cards(show.library(), found[:num_shown], covers=covers)
        if order == _BY_DAY:
            _put_months(shown, {card["id"]: recorded[video_of[card["id"]]] for card in shown})
        components.grid(
            data={
                "label": "Videos",
                "cards": shown,
                "open": None,
                "size": "medium",
            },
            key=_GRID,
            on_open_change=_open,
        )
        if len(found) > num_shown:
            st.button("Show more", key="more-videos", on_click=_show, args=(num_shown + VIDEOS_AT_ONCE,))
    failures = show.library().failures()
    if failures:
        with st.expander(f"{len(failures)} files could not be indexed", icon=":material/error:"):
            items = "".join(
                f"<li><b>{show.escaped(path_text(failure.path))}</b>"
                f'<span class="vs-why">{show.escaped(failure.reason)}</span></li>'
                for failure in failures
            )
            st.html(f'<ul class="vs-files">{items}</ul>')


def _put_months(shown: list[cards.Card], recorded: Mapping[str, float]) -> None:
    """Begin each month with its name, in cards that are in the order of recording."""
    before = ""
    for card in shown:
        month = f"{_EPOCH + timedelta(seconds=recorded[card['id']]):%B %Y}"
        card["heading"] = month if month != before else None
        before = month


def _open() -> None:
    chosen = st.session_state[_GRID]["open"]
    video_id = st.session_state.get("covers", {}).get(chosen)
    if video_id is not None:
        st.query_params["video"] = str(video_id)


def _show(num_videos: int) -> None:
    st.query_params["shown"] = str(num_videos)


def _back() -> None:
    for parameter in ("video", "moment"):
        st.query_params.pop(parameter, None)


def _one(video: Video) -> None:
    library = show.library()
    with st.container(horizontal=True, vertical_alignment="center", key="video-head"):
        st.button("All videos", icon=":material/arrow_back:", on_click=_back, key="all-videos")
        st.subheader(show.plain(show.name_of(video)), anchor=False)
        with st.popover("Save captions", icon=":material/download:"):
            _downloads(video, safe_name(video.path.stem))
    described = library.describe(video)
    if described is not None:
        st.html(f'<p class="vs-lead">{show.escaped(described.caption.text)}</p>')
    info = video.info
    facts = (
        f"{show.length_of(video)}, {info.width} × {info.height}, {info.codec}, {video.num_frames:,} frames, "
        f"{show.escaped(path_text(video.path))}"
    )
    st.html(f'<p class="vs-quiet">{facts}</p>')
    frames = library.frames(video.id)
    opened = parse_id(st.query_params.get("moment", ""))
    with st.container(key="split"):
        with st.container():
            _timeline(video, frames)
        with st.container(), st.container(key="moment"):
            first = frames[0].id if frames else None
            shown = next((frame.id for frame in frames if frame.id == opened), first)
            if shown is not None:
                moment.render(shown, can_close=False)


def _timeline(video: Video, frames: list[IndexedFrame]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        level: Level = st.segmented_control(
            "Part by part",
            list(_LEVELS),
            default="chapter",
            required=True,
            format_func=_LEVELS.__getitem__,
            key="level",
        )
        wanted = st.text_input("Find in the captions", key="in-captions", type="search").casefold()
    if level == "frame":
        _frames(video, [one for one in frames if one.caption and wanted in one.caption.text.casefold()])
        return
    parts = [part for part in show.library().timeline(video, level) if wanted in part.caption.text.casefold()]
    known = {frame.id: frame for frame in frames}
    components.grid(
        data={
            "label": _LEVELS[level],
            "cards": [
                {
                    **cards.frame_card(video, known[part.frame_id]),
                    "name": f"{format_duration(part.start_seconds)}–{format_duration(part.end_seconds)}",
                    "time": format_duration(part.start_seconds),
                    "text": part.caption.text,
                }
                for part in parts
                if part.frame_id in known
            ],
            "open": st.query_params.get("moment"),
            "size": "small",
        },
        key="parts-grid",
        on_open_change=_open_part,
    )


def _open_part() -> None:
    chosen = st.session_state["parts-grid"]["open"]
    if chosen:
        moment.go_to(int(chosen))


def _frames(video: Video, frames: list[IndexedFrame]) -> None:
    num_pages = -(-len(frames) // FRAMES_PER_PAGE)
    page = st.pagination(num_pages, key="caption-page") if num_pages > 1 else 1
    for frame in frames[(page - 1) * FRAMES_PER_PAGE : page * FRAMES_PER_PAGE]:
        caption = frame.caption
        if caption is None:
            continue
        time, text, edit = st.columns([1, 4, 1], vertical_alignment="center")
        label = format_duration(frame.time_seconds)
        time.button(label, key=f"frame-{frame.id}", on_click=moment.go_to, args=(frame.id,), width="stretch",
                    help=f"Go to {label}")  # fmt: skip
        mark = " (written by a person)" if caption.origin is CaptionOrigin.HUMAN else ""
        text.html(f"<span>{show.escaped(caption.text)}{mark}</span>")
        with edit.popover("Edit", width="stretch", key=f"edit-{frame.id}"):
            moment.correction(video, frame)


def _downloads(video: Video | None, name: str) -> None:
    """Offer a video's captions, or every video's, in the formats that are one file."""
    library = show.library()
    for format_name, describes in _EXPORTS.items():
        kind = FORMATS[format_name]
        if not isinstance(kind, FileFormat) or (video is None and not kind.holds_many):
            continue
        st.download_button(
            format_name,
            data=partial(library.export, video, format_name),
            file_name=f"{name}{kind.suffix}",
            help=describes,
            key=f"save-{format_name}",
            on_click="ignore",
            width="stretch",
        )
