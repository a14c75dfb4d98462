"""Index: drop or choose videos, start a run in its own process, watch every file of it, stop it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from vidsearch.captions.export.document import path_text
from vidsearch.errors import QueryError
from vidsearch.media.discover import find_videos
from vidsearch.paths import given_path
from vidsearch.samples import sample_folder
from vidsearch.times import format_duration
from vidsearch.web import adding, jobs, show
from vidsearch.web.folders import first_folder, look_into
from vidsearch.web.progress import FileProgress, RunProgress, run_progress

if TYPE_CHECKING:
    from vidsearch.web.jobs import Job

_REFRESH_SECONDS = 2.0
_MAX_LISTED = 100


def render() -> None:
    """Show the page."""
    adding.problems()
    job = jobs.latest(show.library().path)
    if job is not None and job.is_running:
        _running()
        return
    st.subheader("Add videos")
    adding.drop_zone()
    st.subheader("Or index videos where they are")
    _choose()
    if job is not None:
        st.subheader("The last run")
        progress = run_progress(show.library(), job)
        problem = jobs.problem(show.library().path)
        if problem is not None:
            st.error(show.plain(problem))
        st.html(f'<p class="vs-quiet">{progress.num_done} of {len(progress.files)} files are done.</p>')
        _files(progress)
        _log()


# --- choosing ---------------------------------------------------------------------------------------


def _choose() -> None:
    with st.form("index", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.text_input("Folder or video", key="folder", placeholder=str(Path.home() / "Videos"))
            is_asked = st.form_submit_button("Index", type="primary", icon=":material/play_arrow:")
        with st.expander("Options", icon=":material/tune:"):
            options = _options()
        if is_asked:
            _start(chosen, options)
    with st.expander("Choose a folder", icon=":material/folder_open:"):
        _browse()
    if st.button("Index the sample videos", icon=":material/movie:", key="samples"):
        jobs.start(show.library().path, [sample_folder()])
        st.rerun()


def _options() -> list[str]:
    """Show what a run can do. Returns the command line's options for it."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        fps = st.number_input("Frames a second", min_value=0.01, max_value=60.0, value=1.0)
        max_frames = st.number_input("Frames per video, at most", min_value=1, value=None, step=1)
    with st.container(horizontal=True):
        captions = st.toggle("Write captions", value=True)
        heard = _extra("Transcribe speech", "speech", "faster_whisper")
        read = _extra("Read text on the screen", "text", "rapidocr")
        retry = st.toggle("Retry files that failed before")
    return [
        *("--fps", f"{fps:g}"),
        *(("--max-frames", str(int(max_frames))) if max_frames else ()),
        *(() if captions else ("--no-captions",)),
        *(("--speech",) if heard else ()),
        *(("--text",) if read else ()),
        *(("--retry-failed",) if retry else ()),
    ]


def _extra(label: str, extra: str, module: str) -> bool:
    """Show a switch for what an extra of the package does; without the extra, how to get it."""
    is_there = find_spec(module) is not None
    hint = None if is_there else f"Needs the extra: `pip install 'vidsearch[{extra}]'`"
    return st.toggle(label, disabled=not is_there, help=hint)


@st.fragment
def _browse() -> None:
    """Walk through this machine's folders by clicks."""
    folder = look_into(st.session_state.get("browsed") or first_folder())
    videos = "no videos" if folder.num_videos == 0 else f"{folder.num_videos} videos"
    st.html(f'<p class="vs-lead"><b>{show.escaped(path_text(folder.path))}</b>, {videos} directly in it</p>')
    with st.container(horizontal=True):
        st.button(
            "Up", icon=":material/arrow_upward:", key="browse-up", on_click=_look, args=(folder.path.parent,)
        )
        if st.button("Choose this folder", icon=":material/check:", type="primary", key="browse-choose"):
            st.session_state["folder"] = str(folder.path)
            st.rerun(scope="app")
    with st.container(horizontal=True):
        for inner in folder.folders:
            st.button(
                show.plain(path_text(inner).rpartition("/")[2]),
                icon=":material/folder:",
                key=f"browse-{path_text(inner)}",
                on_click=_look,
                args=(inner,),
            )


def _look(path: Path) -> None:
    st.session_state["browsed"] = path


def _start(chosen: str, options: list[str]) -> None:
    """Start a run on what was typed, if there is a video there."""
    if not chosen.strip():
        st.warning("Name a folder or a video first.")
        return
    try:
        path = given_path(chosen.strip()).expanduser().absolute()
    except QueryError as error:
        st.warning(show.plain(str(error)))
        return
    found = find_videos([path])
    for problem, reason in found.problems:
        st.warning(show.plain(f"{path_text(problem)}: {reason}"))
    if found.videos:
        jobs.start(show.library().path, [path], options)
        st.rerun()


# --- watching ---------------------------------------------------------------------------------------


@st.fragment(run_every=_REFRESH_SECONDS)
def _running() -> None:
    """Show a run at work. All of it is read from the library: a reload shows the same."""
    job: Job | None = jobs.latest(show.library().path)
    if job is None or not job.is_running:
        st.rerun(scope="app")
    progress = run_progress(show.library(), job)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Indexing…")
        st.button("Stop", icon=":material/stop:", on_click=jobs.stop, args=(job,), key="stop")
    left = "" if progress.seconds_left is None else f", about {format_duration(progress.seconds_left)} to go"
    st.progress(progress.share_done, text=f"{progress.num_done} of {len(progress.files)} files{left}")
    st.html(
        '<p class="vs-quiet">Indexed videos can be searched already. The run continues without this page.</p>'
    )
    _files(progress)
    _log()


def _files(progress: RunProgress) -> None:
    listed = sorted(progress.files, key=lambda file: file.order)[:_MAX_LISTED]
    if listed:
        st.html(f'<ul class="vs-files">{"".join(map(_file, listed))}</ul>')
    if len(progress.files) > _MAX_LISTED:
        st.caption(f"and {len(progress.files) - _MAX_LISTED:,} more")


def _file(file: FileProgress) -> str:
    name = show.escaped(path_text(file.path).rpartition("/")[2])
    title = show.escaped(path_text(file.path))
    begin = f'<li><b title="{title}">{name}</b>'
    if file.state == "failed":
        why = show.escaped(file.why)
        return f'{begin}<span></span><span>Failed</span><span class="vs-why">{why}</span></li>'
    said = {"working": f"{file.share_done:.0%}", "done": "Done", "waiting": "Waiting"}[file.state]
    bar = f'<progress max="1" value="{file.share_done:.3f}" aria-label="{name}"></progress>'
    return f"{begin}{bar}<span>{said}</span></li>"


def _log() -> None:
    text = jobs.log(show.library().path)
    with st.expander("Log"):
        # Wrapped and at full height: a box that scrolls by itself would be out of the reach of keys.
        st.code(text or "(nothing yet)", language=None, wrap_lines=True)
