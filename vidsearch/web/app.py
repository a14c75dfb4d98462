"""The script that Streamlit runs: which pages there are, and what every page has around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from vidsearch.errors import VidsearchError
from vidsearch.web import explore_page, index_page, library_page, search_page, show

if TYPE_CHECKING:
    from vidsearch.types import UInt8Image


_GREEN = (15, 122, 83)


def _icon() -> UInt8Image:
    """Return the tab's picture, a white triangle on green: any other kind is fetched from elsewhere."""
    rows, columns = np.mgrid[0:32, 0:32]
    is_triangle = (columns >= 10) & (np.abs(rows - 15.5) <= (24 - columns) * 0.62)
    return np.where(is_triangle[..., None], 255, np.asarray(_GREEN)).astype(np.uint8)


def main() -> None:
    """Show the page that the address names."""
    st.set_page_config(page_title="vidsearch", page_icon=_icon(), layout="wide")
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
