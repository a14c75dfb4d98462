"""Index: choose videos and options, start a run in its own process, watch it, stop it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from vidsearch.captions.export.document import path_text
from vidsearch.media.discover import find_videos
from vidsearch.times import format_duration
from vidsearch.web import jobs, show

_REFRESH_SECONDS = 2.0
_MAX_LISTED = 30


def render() -> None:
    """Show the page."""
    desk = show.desk()
    job = jobs.latest(desk.path)
    if job is not None and job.is_running:
        _running()
        return
    st.subheader("Index videos")
    with st.form("index"):
        chosen = st.text_input("Folder or video", key="folder", placeholder=str(Path.home() / "Videos"))
        fps_field, frames_field, captions_field = st.columns(3, vertical_alignment="bottom")
        fps = fps_field.number_input("Frames a second", min_value=0.01, max_value=60.0, value=1.0)
        max_frames = frames_field.number_input("At most, frames per video", min_value=1, value=None, step=1)
        captions = captions_field.toggle("Write captions", value=True)
        retry = st.toggle("Try files again that failed before")
        if st.form_submit_button("Index", type="primary", icon=":material/play_arrow:"):
            options = ["--fps", f"{fps:g}"]
            options += ["--max-frames", str(int(max_frames))] if max_frames else []
            options += [] if captions else ["--no-captions"]
            options += ["--retry-failed"] if retry else []
            _start(chosen, options)
    if job is not None:
        st.subheader("The last run")
        _log()


def _start(chosen: str, options: list[str]) -> None:
    """Start a run on what was typed, if there is a video there."""
    if not chosen.strip():
        st.warning("Name a folder or a video first.")
        return
    path = Path(chosen.strip()).expanduser().absolute()
    found = find_videos([path])
    for problem, reason in found.problems:
        st.warning(show.plain(f"{path_text(problem)}: {reason}"))
    if found.videos:
        jobs.start(show.desk().path, [path], options)
        st.rerun()


@st.fragment(run_every=_REFRESH_SECONDS)
def _running() -> None:
    """Show a run at work. All of it is read from the library: a reload shows the same."""
    desk = show.desk()
    job = jobs.latest(desk.path)
    if job is None or not job.is_running:
        st.rerun()
    said, button = st.columns([4, 1], vertical_alignment="center")
    said.subheader("Indexing…")
    button.button(
        "Stop", icon=":material/stop:", on_click=jobs.stop, args=(job,), key="stop", width="stretch"
    )
    st.caption(show.plain(", ".join(job.paths)))
    in_work = [video for video in desk.videos() if not video.is_complete]
    for video in in_work[:_MAX_LISTED]:
        length = video.info.duration_seconds
        done = min(1.0, video.indexed_until_seconds / length) if length else 0.0
        so_far = format_duration(video.indexed_until_seconds)
        label = f"{show.name_of(video)}: {so_far} of {show.length_of(video)}"
        st.progress(done, text=show.plain(label))
    info = desk.info()
    st.caption(
        f"{info.num_complete} of {info.num_videos} videos whole, {info.num_frames:,} frames, "
        f"{info.num_failures} files that failed. The run goes on if this page is closed."
    )
    _log()


def _log() -> None:
    text = jobs.log(show.desk().path)
    with st.expander("Log", expanded=True):
        st.code(text or "(nothing yet)", language=None, height=240)
