"""The script that Streamlit runs: which pages there are, and what every page has around it."""

from __future__ import annotations

import streamlit as st

from vidsearch.errors import VidsearchError
from vidsearch.web import explore_page, index_page, library_page, search_page, show

# The tab's picture, drawn here: a name of one would be fetched from elsewhere.
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="7" fill="#0f7a53"/><path d="M11 8l14 8-14 8z" fill="#fff"/></svg>'
)


def main() -> None:
    """Show the page that the address names."""
    st.set_page_config(page_title="vidsearch", page_icon=_ICON, layout="wide")
    show.style()
    page = st.navigation(
        [
            st.Page(
                search_page.render, title="Search", icon=":material/search:", url_path="search", default=True
            ),
            st.Page(
                library_page.render, title="Library", icon=":material/video_library:", url_path="library"
            ),
            st.Page(index_page.render, title="Index", icon=":material/add_circle:", url_path="index"),
            st.Page(explore_page.render, title="Explore", icon=":material/scatter_plot:", url_path="explore"),
        ],
        position="top",
    )
    try:
        page.run()
    except VidsearchError as error:
        st.error(show.plain(error))


main()
