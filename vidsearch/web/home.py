"""The first screen: what is in the library, and what to ask of it; in an empty one, how to begin."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import streamlit as st

from vidsearch.errors import VidsearchError
from vidsearch.samples import sample_folder
from vidsearch.web import adding, cards, components, examples, jobs, moment, query_form, show
from vidsearch.web.ids import parse_id

if TYPE_CHECKING:
    from vidsearch.types import Video
    from vidsearch.web.page_library import PageLibrary

VIDEOS_AT_ONCE = 24
NUM_EXAMPLES = 5
_PATIENCE_SECONDS = 0.7

_WALL = "wall-grid"


def render_empty() -> None:
    """Show how to begin, in a library without frames."""
    with st.container(key="begin", horizontal_alignment="center"):
        _begin()


def _begin() -> None:
    job = jobs.latest(show.library().path)
    if job is not None and job.is_running:
        st.html('<p class="vs-hero">Indexing your videos</p>')
        st.html('<p class="vs-lead">You can search as soon as the first moments are indexed.</p>')
        st.page_link(
            st.session_state["pages"]["index"], label="See how far it is", icon=":material/hourglass:"
        )
        return
    st.html('<p class="vs-hero">Find any moment in your videos by describing it</p>')
    st.html(
        '<p class="vs-lead">Everything stays on this machine. Drop some videos to begin, choose a folder of '
        "them, or try the samples that come with vidsearch.</p>"
    )
    adding.problems()
    adding.drop_zone()
    with st.container(horizontal=True, horizontal_alignment="center"):
        if st.button("Choose a folder", icon=":material/folder_open:", key="choose"):
            st.switch_page(st.session_state["pages"]["index"])
        if st.button("Try the samples", icon=":material/movie:", key="samples"):
            jobs.start(show.library().path, [sample_folder()])
            st.switch_page(st.session_state["pages"]["index"])


def render_wall(opened: int | None) -> None:
    """Show a moment of each video, the newest first, below a few queries that answer well."""
    library = show.library()
    info = library.info()
    examples = st.container()
    job = jobs.latest(library.path)
    if job is not None and job.is_running:
        st.page_link(
            st.session_state["pages"]["index"],
            label=f"Indexing: {info.num_complete} of {info.num_videos} videos are indexed",
            icon=":material/hourglass:",
        )
    num_shown = parse_id(st.query_params.get("shown", "")) or VIDEOS_AT_ONCE
    videos = _newest(library)
    count = f"{info.num_videos:,} videos, {info.num_frames:,} frames, newest first"
    st.html(f'<p class="vs-quiet">{count}</p>')
    components.grid(
        data={
            "label": "Videos, newest first",
            "cards": cards.video_cards(library, videos[:num_shown]),
            "open": None if opened is None else str(opened),
            "size": "small" if opened is not None else "medium",
        },
        key=_WALL,
        on_open_change=_open,
    )
    if len(videos) > num_shown:
        st.button("Show more", key="more-videos", on_click=_show_more, args=(num_shown + VIDEOS_AT_ONCE,))
    # Last, since it searches: the pictures are on the screen meanwhile.
    with examples:
        render_examples()


def _newest(library: PageLibrary) -> list[Video]:
    """The videos that have pictures, the newest first."""
    videos = [video for video in library.videos() if video.num_frames]
    return sorted(videos, key=lambda video: (video.indexed_at, video.id), reverse=True)


def prepare() -> None:
    """Work out what the first screen needs, so that its first visitor does not wait for it."""
    with contextlib.suppress(VidsearchError):
        library = show.library()
        # Its pictures come first: the library answers one question at a time.
        cards.video_cards(library, _newest(library)[:VIDEOS_AT_ONCE])
        _examples()


def _examples() -> tuple[list[str] | None, bool]:
    """The example queries, which nobody waits for, and whether they are of the library as it is now."""
    library = show.library()
    return library.prepared("examples", lambda: examples.example_queries(library, limit=NUM_EXAMPLES))


@st.fragment(run_every=_PATIENCE_SECONDS)
def _looking_for_examples() -> None:
    queries, is_of_now = _examples()
    if queries or is_of_now:
        st.rerun(scope="app")
    st.html('<p class="vs-quiet">Looking for queries to try…</p>')


def render_examples() -> None:
    """Show a few queries that this library is known to answer well; a click asks one."""
    queries, is_of_now = _examples()
    if not queries and not is_of_now:
        with st.container(key="examples", vertical_alignment="center"):
            _looking_for_examples()
    if not queries:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="examples"):
        st.html('<p class="vs-quiet">Try</p>', width="content")
        for number, query in enumerate(queries):
            st.button(show.plain(query), key=f"example-{number}", on_click=_ask, args=(query,))


def _ask(query: str) -> None:
    st.session_state["q"] = query
    query_form.start_over()


def _open() -> None:
    chosen = st.session_state[_WALL]["open"]
    if chosen:
        moment.go_to(int(chosen))


def _show_more(num_videos: int) -> None:
    st.query_params["shown"] = str(num_videos)
