"""Search: words or a picture in, moments out, each a click away from playing."""

from __future__ import annotations

import hashlib
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from vidsearch.captions.export.hits import render_hits
from vidsearch.errors import VidsearchError
from vidsearch.search.query import FrameReference, Mode, Query
from vidsearch.times import format_time
from vidsearch.types import FrameFilter
from vidsearch.web import moment, show
from vidsearch.web.ids import parse_id

if TYPE_CHECKING:
    from vidsearch.search.answer import SearchAnswer
    from vidsearch.types import SearchHit

NUM_HITS = 240
MAX_HITS = 1000
"""How far down an answer is followed at first, and at most: the time grows with it."""
HITS_PER_PAGE = 24
CARDS_PER_ROW = 4

_EXPORTS = {"edl": "EDL", "otio": "OpenTimelineIO", "fcpxml": "Final Cut XML", "csv": "CSV"}
_MODES: dict[Mode, str] = {"auto": "Both", "visual": "Pictures", "caption": "Captions"}
_MAX_UPLOAD_MEGABYTES = 20


def render() -> None:
    """Show the page."""
    desk = show.desk()
    info = desk.info()
    if info.num_frames == 0:
        st.header("Nothing to search yet")
        st.write("Add videos on the **Index** page.")
        return
    query = _ask()
    opened = parse_id(st.query_params.get("moment", ""))
    if opened is not None:
        moment.render(opened, query.text if query else None)
    if query is None:
        st.caption(f"{info.num_videos} videos, {info.num_frames:,} frames to search.")
        return
    with st.spinner("Searching…"):
        answer = desk.search(query)
    _show(answer)


def _ask() -> Query | None:
    """Show the question's fields. Returns the query; None while nothing is asked."""
    box, options = st.columns([4, 1], vertical_alignment="bottom")
    text = box.text_input(
        "What do you want to see?",
        key="q",
        bind="query-params",
        type="search",
        placeholder="a dog on grass",
    )
    with options.popover("Options", icon=":material/tune:", width="stretch"):
        mode = st.segmented_control(
            "Look at", list(_MODES), default="auto", required=True, format_func=_MODES.__getitem__, key="mode"
        )
        least = st.slider("Least confidence", 0, 100, 0, step=5, format="%d%%", key="least") / 100
        chosen = st.file_uploader(
            "Or show a picture",
            type=["jpg", "jpeg", "png", "webp", "bmp"],
            max_upload_size=_MAX_UPLOAD_MEGABYTES,
            key="picture",
        )
        where = _filter()
        frames_only = st.toggle("Single frames, not moments", key="frames")
    steps = _steps(text)
    like = _like()
    pictures = (_kept(chosen.getvalue()),) if chosen is not None else ()
    if not (text or like or pictures):
        return None
    if steps and (like or pictures):
        st.info("Steps follow words alone: the picture is left out.")
        like, pictures = (), ()
    try:
        return Query(
            text=text or None,
            images=pictures,
            like=like,
            then=steps,
            within_seconds=float(st.session_state.get("within", 30)),
            filter=where,
            mode="auto" if mode is None or (steps and mode == "caption") else mode,
            num_hits=MAX_HITS if st.session_state.get("all_for") == text else NUM_HITS,
            group=not frames_only,
            min_confidence=least or None,
        )
    except VidsearchError as error:
        st.warning(show.plain(error))
        return None


def _filter() -> FrameFilter:
    glob = st.text_input("Only videos named", key="glob", placeholder="*.mp4, holiday")
    words = st.text_input("Caption has all of", key="words", placeholder="dog grass")
    after, before = st.columns(2)
    earliest = after.number_input("From second", min_value=0.0, value=None, key="after")
    latest = before.number_input("Before second", min_value=0.0, value=None, key="before")
    shortest, longest = st.columns(2)
    return FrameFilter(
        video_glob=glob or None,
        caption_words=words or None,
        after_seconds=earliest,
        before_seconds=latest,
        min_duration_seconds=shortest.number_input("Video of at least (s)", min_value=0.0, value=None),
        max_duration_seconds=longest.number_input("at most (s)", min_value=0.0, value=None),
    )


def _steps(text: str | None) -> tuple[str, ...]:
    """Show a field for each thing that happens next. Returns those that are filled in."""
    if not text or not st.toggle("Then something else happens", key="has_steps"):
        return ()
    steps = []
    columns = st.columns([2, 2, 1], vertical_alignment="bottom")
    for number, column in enumerate(columns[:2], start=1):
        step = column.text_input("then" if number == 1 else "and then", key=f"then-{number}", max_chars=500)
        if step:
            steps.append(step)
    columns[2].number_input("within (s)", min_value=1, value=30, key="within")
    return tuple(steps)


def _like() -> tuple[FrameReference, ...]:
    """Show which moment more is wanted of. Returns it."""
    reference = st.query_params.get("like")
    if not reference:
        return ()
    try:
        frame = FrameReference.parse(reference)
    except VidsearchError:
        return ()
    said, clear = st.columns([4, 1], vertical_alignment="center")
    said.markdown(f"Like :material/image: {show.plain(frame.video)} at {format_time(frame.time_seconds)}")
    clear.button(
        "Stop", icon=":material/close:", key="unlike", on_click=_forget, args=("like",), width="stretch"
    )
    return (frame,)


def _forget(parameter: str) -> None:
    st.query_params.pop(parameter, None)


@st.cache_resource
def _uploads() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="vidsearch-uploads-")


def _kept(data: bytes) -> Path:
    """Keep an uploaded picture as a file while the server runs. Returns it."""
    path = Path(_uploads().name) / hashlib.sha256(data).hexdigest()
    if not path.exists():
        path.write_bytes(data)
    return path


def _show(answer: SearchAnswer) -> None:
    for note in answer.notes:
        st.info(show.plain(note))
    if not answer.hits:
        st.write("Nothing found.")
        return
    if answer.nothing_matches:
        st.warning("Nothing in this library matches well. These come closest:")
    said, save = st.columns([3, 1], vertical_alignment="center")
    num_pages = -(-len(answer.hits) // HITS_PER_PAGE)
    kind = "moment" if answer.query.group else "frame"
    kind += "s" if len(answer.hits) != 1 else ""
    said.caption(f"{len(answer.hits):,} {kind} of {answer.num_frames:,} frames, best first")
    with save.popover("Save these", icon=":material/download:", width="stretch"):
        _downloads(answer)
    page = st.pagination(num_pages, key=f"page-{hash(repr(answer.query))}") if num_pages > 1 else 1
    shown = answer.hits[(page - 1) * HITS_PER_PAGE : page * HITS_PER_PAGE]
    for at in range(0, len(shown), CARDS_PER_ROW):
        row = shown[at : at + CARDS_PER_ROW]
        for column, hit in zip(st.columns(CARDS_PER_ROW), row, strict=False):
            with column:
                _card(hit, is_faint=answer.is_doubtful(hit))
    if page == num_pages and len(answer.hits) == NUM_HITS:
        st.button(f"Look further, for up to {MAX_HITS:,}", on_click=_look_further, key="further")


def _look_further() -> None:
    st.session_state["all_for"] = st.session_state["q"]


def _card(hit: SearchHit, *, is_faint: bool) -> None:
    show.card(
        hit.frame_id,
        video=hit.video,
        time_seconds=hit.time_seconds,
        caption=hit.caption or "",
        confidence=hit.confidence,
        num_duplicates=hit.num_duplicates,
        is_faint=is_faint,
    )
    label = f"Open {format_time(hit.time_seconds)}"
    st.button(label, key=f"open-{hit.frame_id}", on_click=moment.go_to, args=(hit.frame_id,), width="stretch")
    for number, step in enumerate(hit.steps[1:], start=2):
        st.button(
            f"Step {number}: {format_time(step.time_seconds)}",
            key=f"open-{hit.frame_id}-{number}",
            on_click=moment.go_to,
            args=(step.frame_id,),
            type="tertiary",
        )


def _downloads(answer: SearchAnswer) -> None:
    """Offer the first hits as files for editing programs and spreadsheets."""
    num_hits = int(
        st.number_input("The first", min_value=1, max_value=len(answer.hits), value=min(10, len(answer.hits)))
    )
    hits = answer.hits[:num_hits]
    title = answer.query.text or "vidsearch"
    for name, label in _EXPORTS.items():
        st.download_button(
            label,
            data=partial(render_hits, hits, title=title, format_name=name),
            file_name=f"vidsearch.{name}",
            key=f"save-{name}",
            on_click="ignore",
            width="stretch",
        )
