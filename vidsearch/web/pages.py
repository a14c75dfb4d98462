"""Which pages there are, and what every page has around it."""

from __future__ import annotations

import streamlit as st

from vidsearch.errors import VidsearchError
from vidsearch.web import (
    adding,
    components,
    explore_page,
    index_page,
    jobs,
    library_page,
    moment,
    query_form,
    search_page,
    show,
)

# The tab's picture, drawn here: a name of one would be fetched from elsewhere.
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="7" fill="#0b6b48"/><path d="M11 8l14 8-14 8z" fill="#fff"/></svg>'
)
_PAGES = (
    ("search", search_page.render, "search"),
    ("library", library_page.render, "video_library"),
    ("index", index_page.render, "add_circle"),
    ("explore", explore_page.render, "scatter_plot"),
)
_KEYS = "page-keys"


def main(default: str = "search") -> None:
    """Show the page that the address names; without a name, the default one."""
    st.set_page_config(page_title="vidsearch", page_icon=_ICON, layout="wide")
    show.style()
    pages = {
        name: st.Page(
            render, title=name.title(), icon=f":material/{icon}:", url_path=name, default=name == default
        )
        for name, render, icon in _PAGES
    }
    st.session_state["pages"] = pages
    page = st.navigation(list(pages.values()), position="top")
    components.keys(
        data={"open": "moment" in st.query_params, **adding.LIMITS},
        key=_KEYS,
        on_close_change=moment.close,
        on_picture_change=_pasted,
        on_unreadable_change=_unreadable,
        on_videos_change=_dropped,
    )
    try:
        page.run()
    except VidsearchError as error:
        st.error(show.plain(error))
    if st.session_state.pop("search-picture", False) and page is not pages["search"]:
        st.switch_page(pages["search"], query_params=st.query_params.to_dict())
    if st.session_state.pop(adding.SHOWS_INDEX, False) and page is not pages["index"]:
        st.switch_page(pages["index"])
    # The same pages within the thumb's reach, on narrow screens alone.
    with st.container(horizontal=True, key="thumbs"):
        for one in pages.values():
            st.page_link(one)


def _pasted() -> None:
    address = st.session_state[_KEYS]["picture"]
    if address:
        query_form.keep_pasted(address)
        st.session_state["search-picture"] = True


def _dropped() -> None:
    """Show dropped videos on the page that indexes them."""
    st.session_state[adding.SHOWS_INDEX] = True
    job = jobs.latest(show.library().path)
    if job is not None and job.is_running:
        st.toast("The videos can be added once this run is over.")


def _unreadable() -> None:
    st.toast("That picture cannot be read.")
