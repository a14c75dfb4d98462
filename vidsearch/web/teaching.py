"""Teaching the library what its owner calls things: "this is ...", and what it was taught so far."""

from __future__ import annotations

import contextlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import streamlit as st

from vidsearch.errors import VidsearchError
from vidsearch.text import counted
from vidsearch.times import format_duration
from vidsearch.web import show
from vidsearch.web.ids import parse_id

if TYPE_CHECKING:
    from vidsearch.service.concepts import Taught
    from vidsearch.store.concept_rows import Concept, ConceptExample
    from vidsearch.types import IndexedFrame

_EXAMPLES_SHOWN = 12
_IS_PICKING = "teach-picking"
_TAUGHT = "teach-outcome"
"""Session state: what was taught last, or why it was not, until it is said."""


def this_is(frame: IndexedFrame) -> None:
    """Show a form that makes a frame an example of a concept, or one against it."""
    known = [concept.name for concept in show.library().concepts()]
    with st.form(f"teach-{frame.id}", border=False):
        name = st.text_input(
            f"Your name for what is at {format_duration(frame.time_seconds)}",
            placeholder="Minka, our press",
            max_chars=80,
            help=f"Known: {', '.join(map(show.plain, known))}"
            if known
            else "The name then works in searches",
        )
        is_against = st.checkbox("A counterexample: it only looks like it")
        if st.form_submit_button("Teach"):
            try:
                shown, against = ((), [frame.id]) if is_against else ([frame.id], ())
                taught = show.library().teach(name, shown, against=against)
            except VidsearchError as error:
                st.warning(show.plain(error))
                return
            _say(taught)


def begin() -> None:
    """Let pictures of an answer be picked for a name from now on."""
    st.session_state[_IS_PICKING] = True


def end() -> None:
    """Pick no longer: pictures open again."""
    st.session_state.pop(_IS_PICKING, None)


def picking() -> dict[str, Any] | None:
    """Return what the grid needs to let its cards be picked; None while they open."""
    if not st.session_state.get(_IS_PICKING):
        return None
    return {"names": [concept.name for concept in show.library().concepts()]}


def keep(given: object) -> None:
    """Teach what was picked, from a grid's report: its name, and frames for it and against it."""
    if not isinstance(given, dict):
        return
    shown, against = (
        [number for one in given.get(kind, []) if (number := parse_id(str(one))) is not None]
        for kind in ("shown", "against")
    )
    try:
        st.session_state[_TAUGHT] = show.library().teach(str(given.get("name", "")), shown, against=against)
    except VidsearchError as error:
        st.session_state[_TAUGHT] = error
    else:
        end()


def outcome() -> None:
    """Say once what came of the pictures that were picked."""
    taught = st.session_state.pop(_TAUGHT, None)
    if isinstance(taught, VidsearchError):
        st.warning(show.plain(taught))
    elif taught is not None:
        _say(taught)


def _say(taught: Taught) -> None:
    for note in taught.notes:
        st.info(show.plain(note))
    st.success(f"{_counted(taught.concept)}. Search for it by this name.")
    checks = []
    with contextlib.suppress(VidsearchError):  # a model that is missing: the name is taught all the same
        checks = show.library().check_concept(taught.concept.name)
    for check in checks:
        if check.left_out:
            st.caption(
                f"Check with {show.plain(check.model)}: each example is left out in turn and looked for by "
                f"the others; {check.num_found} of {len(check.left_out)} rank in the top 1% of all frames."
            )


def taught() -> None:
    """Show what the library was taught, each concept with its pictures."""
    library = show.library()
    concepts = library.concepts()
    if concepts:
        st.subheader("Taught names")
    for concept in concepts:
        with st.expander(_counted(concept), icon=":material/school:"):
            pictures = library.concept_pictures(concept.name, most=_EXAMPLES_SHOWN)
            items = "".join(_item(example, jpeg) for example, jpeg in pictures)
            st.html(f'<ul class="vs-examples">{items}</ul>')
            with st.container(horizontal=True, vertical_alignment="center"):
                st.page_link(
                    st.session_state["pages"]["search"],
                    label="Find it",
                    icon=":material/search:",
                    query_params={"q": f'concept:"{concept.name}"'},
                )
                if st.button("Forget it", key=f"forget-{concept.id}", icon=":material/delete:"):
                    library.forget(concept.name)
                    st.rerun()


def _counted(concept: Concept) -> str:
    against = f", {concept.num_against} against it" if concept.num_against else ""
    return f"{show.plain(concept.name)}: {counted(concept.num_for, 'example')}{against}"


def _item(example: ConceptExample, jpeg: bytes) -> str:
    kind = ' class="vs-against"' if example.is_against else ""
    said = "Not this: " if example.is_against else ""
    time = "" if example.time_seconds is None else f", {format_duration(example.time_seconds)}"
    picture = f'<img src="data:image/jpeg;base64,{b64encode(jpeg).decode()}" alt="">'
    return f"<li{kind}>{picture}{said}{show.escaped(example.source)}{time}</li>"
