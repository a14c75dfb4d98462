"""Search: words or a picture in, moments out, each a click away from playing beside its answers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from vidsearch.captions.export.hits import render_hits
from vidsearch.text import counted
from vidsearch.web import cards, components, home, moment, query_form, show, teaching
from vidsearch.web.ids import parse_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidsearch.search.answer import SearchAnswer
    from vidsearch.search.query import Query
    from vidsearch.types import SearchHit

NUM_HITS = 240
"""How far down an answer is followed: the time grows with it."""
HITS_AT_ONCE = 24

_EXPORTS = {"edl": "EDL", "otio": "OpenTimelineIO", "fcpxml": "Final Cut XML", "csv": "CSV"}
_GRID = "answers-grid"


def render() -> None:
    """Show the page."""
    if show.library().info().num_frames == 0:
        home.render_empty()
        return
    query = query_form.ask(num_hits=NUM_HITS)
    answer = _answer(query) if query else None
    opened = parse_id(st.query_params.get("moment", ""))
    with st.container(key="split"):
        with st.container():
            if answer is None:
                home.render_wall(opened)
            else:
                _show(answer, opened)
        with st.container(), st.container(key="moment"):
            if opened is not None:
                moment.render(opened, query, answer)


def _answer(query: Query) -> SearchAnswer:
    """Search; the last answer is kept until something is written, so that a click is quick."""
    library = show.library()
    key = (repr(query), library.stamp())
    kept = st.session_state.get("answer")
    if kept is None or kept[0] != key:
        with st.spinner("Searching…"):
            kept = (key, library.search(query))
        st.session_state["answer"] = kept
    return kept[1]


def _show(answer: SearchAnswer, opened: int | None) -> None:
    for note in answer.notes:
        st.info(show.plain(note))
    if not answer.hits:
        st.html('<p class="vs-lead">Nothing found.</p>')
        home.render_examples()
        return
    good, weaker = answer.split()
    num_weaker = len(weaker)
    shows_weaker = "weaker" in st.query_params
    hits = answer.hits if shows_weaker else good
    teaching.outcome()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.html(f'<p class="vs-lead" role="status">{_found(answer, good, shows_weaker=shows_weaker)}</p>')
        if hits and teaching.picking() is None:
            st.button("Teach a name", icon=":material/school:", key="pick", on_click=teaching.begin,
                      help="Pick pictures that show something of yours, and name it")  # fmt: skip
            with st.popover("Save these", icon=":material/download:"):
                _downloads(answer, hits)
    num_shown = parse_id(st.query_params.get("shown", "")) or HITS_AT_ONCE
    shown = hits[:num_shown]
    if shown:
        components.grid(
            data={
                "label": "Moments, best first",
                "cards": cards.hit_cards(show.library(), shown),
                "open": None if opened is None else str(opened),
                "size": "small" if opened is not None else "medium",
                "teach": teaching.picking(),
            },
            key=_GRID,
            on_open_change=_open,
            on_teach_change=_teach,
            on_cancel_change=teaching.end,
        )
    if len(hits) > num_shown:
        more = min(HITS_AT_ONCE, len(hits) - num_shown)
        st.button(f"Show {more} more", key="more", on_click=_set, args=("shown", num_shown + HITS_AT_ONCE))
    elif num_weaker and not shows_weaker:
        label = f"Show {num_weaker} weaker ones" if good else "Show what comes closest"
        st.button(label, key="weaker-ones", on_click=_set, args=("weaker", 1))
    if not good and not shows_weaker:
        home.render_examples()


def _found(answer: SearchAnswer, good: Sequence[SearchHit], *, shows_weaker: bool) -> str:
    if not good and shows_weaker:
        return "Nothing in this library matches well. These come closest:"
    if not good:
        return "Nothing in this library matches well."
    found = counted(len(good), "moment" if answer.query.group else "frame")
    videos = counted(len({hit.video.id for hit in good}), "video")
    is_unsure = answer.verdict == "unsure" and good[0].confidence is not None
    perhaps = "Not sure, but perhaps one of these: " if is_unsure else ""
    weaker = f", then {len(answer.hits) - len(good):,} weaker ones" if shows_weaker else ""
    return f"{perhaps}{found} in {videos}, best first{weaker}"


def _open() -> None:
    chosen = st.session_state[_GRID]["open"]
    if chosen:
        moment.go_to(int(chosen))


def _teach() -> None:
    teaching.keep(st.session_state[_GRID]["teach"])


def _set(parameter: str, value: int) -> None:
    st.query_params[parameter] = str(value)


def _downloads(answer: SearchAnswer, shown: Sequence[SearchHit]) -> None:
    """Offer the first hits as files for editing programs and spreadsheets."""
    num_hits = int(st.number_input("The first", min_value=1, max_value=len(shown), value=min(10, len(shown))))
    title = answer.query.text or "vidsearch"
    for name, label in _EXPORTS.items():
        st.download_button(
            label,
            data=partial(render_hits, shown[:num_hits], title=title, format_name=name),
            file_name=f"vidsearch.{name}",
            key=f"save-{name}",
            on_click="ignore",
            width="stretch",
        )
