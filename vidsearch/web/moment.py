"""One moment of a video: played, with its neighbours, and what can be done with it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from vidsearch.captions.export import safe_name
from vidsearch.media.clip import cut_clip
from vidsearch.times import format_duration, format_time
from vidsearch.types import CaptionOrigin
from vidsearch.web import show

if TYPE_CHECKING:
    from vidsearch.types import IndexedFrame, Video
    from vidsearch.web.desk import Neighbourhood

NUM_EACH_SIDE = 4
_CLIP_SECONDS_BEFORE = 1.0
_DEFAULT_CLIP_SECONDS = 10.0


def go_to(frame_id: int) -> None:
    """Open a moment: its number goes into the address, so that a reload shows it again."""
    st.query_params["moment"] = str(frame_id)


def close() -> None:
    """Close the open moment."""
    st.query_params.pop("moment", None)


def render(frame_id: int, words: str | None) -> None:
    """Show a moment. `words`: what was searched for, for the heat map."""
    found = show.desk().neighbourhood(frame_id, num_each_side=NUM_EACH_SIDE)
    if found is None:
        st.warning("This moment is no longer in the library.")
        return
    frame = found.frames[found.chosen]
    with st.container(border=True):
        title, leave = st.columns([5, 1], vertical_alignment="center")
        title.subheader(show.plain(f"{show.name_of(found.video)} · {format_time(frame.time_seconds)}"))
        leave.button("Close", icon=":material/close:", on_click=close, key="close-moment", width="stretch")
        left, right = st.columns([3, 2])
        with left:
            show.player(found.video, frame.time_seconds, frame.id)
        with right:
            _about(found.video, frame)
            if words:
                _heat_map(words, frame)
        _filmstrip(found)


def _about(video: Video, frame: IndexedFrame) -> None:
    caption = frame.caption
    if caption is not None:
        st.html(f'<p class="vs-line">{show.escaped(caption.text)}</p>')
        if caption.origin is CaptionOrigin.HUMAN:
            st.caption("Written by a person.")
        elif caption.carried_over:
            st.caption("Carried over from a frame before that looks the same.")
    st.code(f"#{video.id}@{frame.time_seconds:.3f}", language=None)
    st.button(
        "More like this",
        icon=":material/image_search:",
        on_click=_search_like,
        args=(video.id, frame.time_seconds),
        key="more-like",
        width="stretch",
    )
    with st.popover("Correct the caption", icon=":material/edit:", width="stretch"):
        correction(video, frame)
    with st.popover("Save a clip", icon=":material/content_cut:", width="stretch"):
        _clip(video, frame)


def _search_like(video_id: int, time_seconds: float) -> None:
    st.query_params["like"] = f"#{video_id}@{time_seconds:.3f}"
    st.session_state["q"] = ""
    close()


def correction(video: Video, frame: IndexedFrame) -> None:
    """Show a form that sets a frame's caption to a person's words."""
    with st.form(f"correct-{frame.id}", border=False):
        text = st.text_input(
            "What is to be seen", value=frame.caption.text if frame.caption else "", max_chars=500
        )
        if st.form_submit_button("Keep this caption"):
            show.desk().correct(video, frame.time_seconds, text)
            st.rerun()


def _clip(video: Video, frame: IndexedFrame) -> None:
    start = max(0.0, frame.time_seconds - _CLIP_SECONDS_BEFORE)
    length = st.number_input("Seconds", min_value=1.0, value=_DEFAULT_CLIP_SECONDS, key=f"clip-{frame.id}")

    def cut() -> bytes:
        with tempfile.TemporaryDirectory(prefix="vidsearch-clip-") as folder:
            path = Path(folder) / "clip.mp4"
            cut_clip(video.path, path, start_seconds=start, end_seconds=start + length)
            return path.read_bytes()

    st.download_button(
        f"From {format_time(start)}",
        data=cut,
        file_name=f"{safe_name(video.path.stem)}-{start:.0f}s.mp4",
        mime="video/mp4",
        key=f"cut-{frame.id}",
        on_click="ignore",
    )


def _heat_map(words: str, frame: IndexedFrame) -> None:
    if not st.toggle("Show where it matches", key=f"heat-{frame.id}"):
        return
    picture = show.desk().heat_map(words, frame)
    if picture is None:
        st.caption("This library's models cannot say where.")
    else:
        st.image(picture, alt=f"Where the picture matches {words}", width="stretch")


def _filmstrip(found: Neighbourhood) -> None:
    columns = st.columns(2 * NUM_EACH_SIDE + 1, gap="xsmall", wrap=False)
    for column, (position, frame) in zip(columns, enumerate(found.frames), strict=False):
        with column:
            show.still(frame, is_here=position == found.chosen)
            st.button(
                format_duration(frame.time_seconds),
                key=f"strip-{frame.id}",
                on_click=go_to,
                args=(frame.id,),
                disabled=position == found.chosen,
                help="Go there",
                type="tertiary",
                width="stretch",
            )
