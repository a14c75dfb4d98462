"""Teaching the library what its owner calls things: "this is ...", and what it was taught so far."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import streamlit as st

from vidsearch.errors import VidsearchError
from vidsearch.times import format_duration
from vidsearch.web import show

if TYPE_CHECKING:
    from vidsearch.store.concept_rows import Concept, ConceptExample
    from vidsearch.types import IndexedFrame

_EXAMPLES_SHOWN = 12


def this_is(frame: IndexedFrame) -> None:
    """Show a form that makes a frame an example of a concept, or one against it."""
    known = [concept.name for concept in show.library().concepts()]
    with st.form(f"teach-{frame.id}", border=False):
        name = st.text_input(
            f"What is at {format_duration(frame.time_seconds)}, in your words",
            placeholder="Minka, our press",
            max_chars=80,
            help=f"Known: {', '.join(map(show.plain, known))}"
            if known
            else "The name then works in searches",
        )
        is_against = st.checkbox("It only looks like it: an example against")
        if st.form_submit_button("Teach"):
            try:
                taught = show.library().teach(name, frame.id, is_against=is_against)
            except VidsearchError as error:
                st.warning(show.plain(error))
                return
            for note in taught.notes:
                st.info(show.plain(note))
            st.success(f"{_counted(taught.concept)}. Search for it by this name.")


def taught() -> None:
    """Show what the library was taught, each concept with its pictures."""
    library = show.library()
    concepts = library.concepts()
    if concepts:
        st.subheader("What it was taught")
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
    examples = "1 example" if concept.num_for == 1 else f"{concept.num_for} examples"
    return f"{show.plain(concept.name)}: {examples}"


def _item(example: ConceptExample, jpeg: bytes) -> str:
    kind = ' class="vs-against"' if example.is_against else ""
    said = "Not this: " if example.is_against else ""
    time = "" if example.time_seconds is None else f", {format_duration(example.time_seconds)}"
    picture = f'<img src="data:image/jpeg;base64,{b64encode(jpeg).decode()}" alt="">'
    return f"<li{kind}>{picture}{said}{show.escaped(example.source)}{time}</li>"
