"""A place to drop videos: they are copied into a folder that the user names, then indexed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from vidsearch.errors import QueryError
from vidsearch.media.discover import VIDEO_SUFFIXES
from vidsearch.web import components, jobs, show
from vidsearch.web.folders import first_folder
from vidsearch.web.uploads import MAX_FILES_AT_ONCE, chosen_folder, uploads

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMITS = {"suffixes": sorted(VIDEO_SUFFIXES), "maxFiles": MAX_FILES_AT_ONCE}
"""What the browser takes."""
SHOWS_INDEX = "shows-index"
"""Session state: the page that indexes is to be shown next."""
_MAX_PROBLEMS = 20
_KEY = "drop-videos"
_CHOSEN = "drop-chosen"
"""Session state: the ticket of the folder that was named, or what is wrong with it."""
_PROBLEMS = "drop-problems"
"""Session state: why some files did not come."""


def drop_zone() -> None:
    """Show where videos can be dropped or chosen; once they are copied, the page shows their indexing."""
    components.drop(
        data={**LIMITS, "folder": str(first_folder()), **st.session_state.get(_CHOSEN, {})},
        key=_KEY,
        on_start_change=_start,
        on_done_change=_done,
    )


def problems() -> None:
    """Say which files did not come, and why, once."""
    for problem in st.session_state.pop(_PROBLEMS, []):
        st.warning(show.plain(problem))


def _start() -> None:
    given = st.session_state[_KEY]["start"]
    if not isinstance(given, dict):
        return
    try:
        folder = chosen_folder(str(given.get("folder", "")))
    except QueryError as error:
        st.session_state[_CHOSEN] = {"problem": str(error)}
    else:
        st.session_state[_CHOSEN] = {"ticket": uploads.ticket(folder)}


def _done() -> None:
    outcome: Mapping[str, Any] | None = st.session_state[_KEY]["done"]
    if not isinstance(outcome, dict):
        return
    st.session_state.pop(_CHOSEN, None)
    st.session_state[_PROBLEMS] = [str(one) for one in outcome.get("problems", [])][:_MAX_PROBLEMS]
    kept = uploads.kept(str(outcome.get("ticket", "")))
    if kept:
        jobs.start(show.library().path, kept)
        st.session_state[SHOWS_INDEX] = True
