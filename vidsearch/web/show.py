"""What the pages share: the library, and words and pictures made safe to show.

Text from file names, captions and errors goes through `escaped` into HTML and through `plain` into Markdown.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from vidsearch.captions.export.document import path_text
from vidsearch.text import one_line
from vidsearch.times import format_duration, format_time
from vidsearch.web.desk import Desk
from vidsearch.web.files import frame_url, plays_in_browser, video_url

if TYPE_CHECKING:
    from vidsearch.types import IndexedFrame, Video

LIBRARY_VARIABLE = "VIDSEARCH_LIBRARY"

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:<>&])")
_WORD_JOINER = "\u2060"
# Addresses, e-mail addresses, emoji and icon codes are found in text after its escapes are read: an invisible
# character breaks them.
_AUTOMATIC = re.compile(r"[:@]|www(?=\.)", re.IGNORECASE)

_STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding-top: 4.5rem; padding-bottom: 3rem; }
.vs-card { display: block; }
.vs-card img, .vs-strip img { width: 100%; aspect-ratio: 16/9; object-fit: contain; background: #000;
  border-radius: .4rem; display: block; }
.vs-card p { margin: .35rem 0 0; font-size: .85rem; line-height: 1.35; overflow-wrap: anywhere; }
.vs-card .vs-what { height: 2.7em; overflow: hidden; }
.vs-where { opacity: .7; font-variant-numeric: tabular-nums; font-size: .78rem !important;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.vs-bar { height: .25rem; border-radius: .2rem; background: color-mix(in srgb, currentColor 15%, transparent);
  margin-top: .35rem; }
.vs-bar i { display: block; height: 100%; border-radius: .2rem; background: #0f9d6b; }
.vs-faint { opacity: .55; }
.vs-player video { width: 100%; max-height: 60vh; background: #000; border-radius: .5rem; }
.vs-strip img { border: 2px solid transparent; }
.vs-strip.vs-here img { border-color: #0f9d6b; }
.vs-line { font-size: 1.05rem; margin: 0; }
</style>"""


@lru_cache(maxsize=1)
def _desk(path: str) -> Desk:
    return Desk(Path(path))


def desk() -> Desk:
    """Return the library that this server is for. Raises LibraryError."""
    return _desk(os.environ.get(LIBRARY_VARIABLE, "index"))


def style() -> None:
    """Put the pages' style sheet in place."""
    st.html(_STYLE)


def escaped(text: str) -> str:
    """Return text as HTML shows it, on one line."""
    return escape(one_line(text), quote=True)


def plain(text: object) -> str:
    """Return text as Markdown shows it, on one line, without links, pictures, emphasis, icons or emoji."""
    broken = _AUTOMATIC.sub(lambda match: match[0] + _WORD_JOINER, one_line(str(text)))
    return _MARKDOWN.sub(r"\\\1", broken)


def name_of(video: Video) -> str:
    """Return a video's file name as one line of text."""
    return one_line(path_text(video.path).rpartition("/")[2]) or f"#{video.id}"


def length_of(video: Video) -> str:
    """Return a video's length, or "?"."""
    seconds = video.info.duration_seconds
    return "?" if seconds is None else format_duration(seconds)


def card(
    frame_id: int,
    *,
    video: Video,
    time_seconds: float,
    caption: str,
    where: str | None = None,
    confidence: float | None = None,
    num_duplicates: int = 0,
    is_faint: bool = False,
) -> None:
    """Show a frame with where it is, what it shows and how sure the answer is."""
    where = where or f"{name_of(video)} · {format_time(time_seconds)}"
    if num_duplicates:
        where += f" · and {num_duplicates} like it"
    bar = ""
    if confidence is not None:
        percent = f"{confidence:.0%}"
        bar = (
            f'<div class="vs-bar" role="img" aria-label="confidence {percent}" title="confidence {percent}">'
            f'<i style="width:{percent}"></i></div>'
        )
    alt = escaped(caption or f"a frame of {name_of(video)}")
    st.html(
        f'<div class="vs-card{" vs-faint" if is_faint else ""}">'
        f'<img loading="lazy" src="{frame_url(frame_id)}" alt="{alt}">{bar}'
        f'<p class="vs-where" title="{escaped(where)}">{escaped(where)}</p>'
        f'<p class="vs-what" title="{escaped(caption)}">{escaped(caption)}</p></div>'
    )


def player(video: Video, time_seconds: float, frame_id: int) -> None:
    """Show a video, ready to play from a time on."""
    if not video.path.is_file():
        st.warning(f"The file is gone: {plain(path_text(video.path))}")
        return
    st.html(
        f'<div class="vs-player"><video controls preload="metadata" poster="{frame_url(frame_id)}" '
        f'src="{video_url(video, time_seconds)}" aria-label="{escaped(name_of(video))}"></video></div>'
    )
    if not plays_in_browser(video):
        st.caption("Shown as a converted preview: browsers do not play this file as it is.")


def still(frame: IndexedFrame, *, is_here: bool) -> None:
    """Show a small frame of a filmstrip."""
    caption = frame.caption.text if frame.caption else "a frame without a caption"
    st.html(
        f'<div class="vs-strip{" vs-here" if is_here else ""}">'
        f'<img loading="lazy" src="{frame_url(frame.id)}" alt="{escaped(caption)}"></div>'
    )
