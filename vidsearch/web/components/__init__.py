"""What Streamlit's widgets cannot do: a grid of moments, a player, a place to drop videos, and keys.

Plain HTML, CSS and JavaScript. Each component takes JSON-like data and reports what was done to it by name:
`open`, `close`, `frame`, `start`. Text reaches the browser as text and is never read as markup.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent


def _source(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


class _Component:
    def __init__(self, name: str) -> None:
        self._mount: Any = st.components.v2.component(
            f"vidsearch-{name}",
            css=_source(f"{name}.css"),
            js=_source("common.js") + _source(f"{name}.js"),
            isolate_styles=False,
        )

    def __call__(self, *, data: dict[str, Any], key: str, **callbacks: Callable[[], None]) -> None:
        """Show it.

        Args:
            data: What its script is given: plain, ready for JSON.
            key: Where what it reports is found in the session's state.
            callbacks: `on_NAME_change` for each report.
        """
        # In a list: Streamlit looks for tables in a dict, and imports pandas to do so, which takes longer
        # than all else on the first screen.
        self._mount(data=[data], key=key, **callbacks)


grid = _Component("grid")
"""Cards in a grid. Reports `open`: the id of the card or step that was chosen; `teach`: a name, and the cards
that were picked for and against it; `cancel`: nothing is to be taught."""
player = _Component("player")
"""A moment of a video. Reports `close`, and `frame`: the id of the frame that was chosen."""
drop = _Component("drop")
"""A place for videos. Reports `start`: the folder to copy them into; `done`: how that went."""
keys = _Component("keys")
"""Keys of the whole page. Reports `close`; `picture`: a JPEG data address that was pasted or dropped;
`videos`: that some were dropped, which `drop` then shows."""
