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
from vidsearch.times import format_duration
from vidsearch.web.page_library import PageLibrary

if TYPE_CHECKING:
    from vidsearch.types import Video

LIBRARY_VARIABLE = "VIDSEARCH_LIBRARY"

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:<>&])")
_WORD_JOINER = "\u2060"
# Addresses, e-mail addresses, emoji and icon codes are found in text after its escapes are read: an invisible
# character breaks them.
_AUTOMATIC = re.compile(r"[:@]|www(?=\.)", re.IGNORECASE)

_STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding: 4rem clamp(.8rem, 3vw, 3rem) 4rem; max-width: 110rem; }
.st-key-page-keys { position: absolute !important; }
.st-key-begin { max-width: 46rem; margin: 4vh auto 0; text-align: center; }
.vs-hero { margin: 1.2rem 0 .2rem;
  font-size: clamp(1.5rem, 3.4vw, 2.3rem); font-weight: 650; line-height: 1.2; text-wrap: balance; }
.vs-lead { margin: 0; font-size: 1rem; }
.vs-quiet { margin: 0; font-size: .9rem; opacity: .82; overflow-wrap: anywhere; }
.vs-examples { display: flex; flex-wrap: wrap; gap: .7rem; list-style: none; }
.vs-examples, .vs-examples li { margin: 0 !important; padding: 0 !important; }
.vs-examples li { width: 8.5rem; font-size: .85rem; line-height: 1.4; overflow-wrap: anywhere; }
.vs-examples img { display: block; width: 100%; margin-bottom: .3rem; border-radius: .5rem; }
.vs-examples .vs-against img { opacity: .45; }
.vs-query-picture { display: flex; gap: .7rem; align-items: center; margin: 0; font-size: .95rem; }
.vs-query-picture img { height: 4.2rem; border-radius: .5rem; }
.vs-words, .vs-words li { margin: 0 !important; padding: 0 !important; }
.vs-words { display: flex; flex-wrap: wrap; gap: .4rem .5rem; list-style: none; }
.vs-words a { color: inherit; text-decoration: none; padding: .15rem .6rem; border-radius: 1rem;
  border: 1px solid color-mix(in srgb, currentColor 35%, transparent); }
.vs-words a:hover, .vs-words a:focus-visible { border-color: #0b6b48; outline: 2px solid #0f9d6b; }
.vs-files, .vs-files li { margin: 0 !important; }
.vs-files { list-style: none; padding: 0 !important; font-size: .92rem; }
.vs-files li { display: grid; grid-template-columns: minmax(8rem, 22rem) minmax(6rem, 1fr) minmax(6rem, auto);
  gap: .2rem 1rem; align-items: center; padding: .4rem 0;
  border-bottom: 1px solid color-mix(in srgb, currentColor 14%, transparent); }
.vs-files b { font-weight: 600; overflow-wrap: anywhere; }
.vs-files progress { width: 100%; accent-color: #0f9d6b; }
.vs-files .vs-why { grid-column: 1 / -1; font-size: .87rem; overflow-wrap: anywhere; }
.st-key-split { flex-direction: row !important; align-items: flex-start; gap: 1.6rem; }
.st-key-split > * { flex: 1 1 0; min-width: 0; }
.st-key-split:not(:has(.st-key-moment :is(.vs-moment, [data-testid="stAlert"]))) > :last-child {
  display: none; }
.st-key-moment { position: sticky; top: 3.9rem; max-height: calc(100vh - 4.6rem); overflow-y: auto;
  padding: .3rem .5rem; scrollbar-gutter: stable; }
.st-key-video-head > :nth-child(2) { flex: 1 1 10rem; min-width: 0; }
.st-key-video-head h3 { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; padding: 0; }
.st-key-examples { min-height: 2.5rem; }
.st-key-thumbs { display: none; }
[data-testid^="stBaseButton-primary"] p, [data-testid^="stBaseButton-primary"] span {
  color: light-dark(#fff, #06281b); }
:is(button, a, summary, [role="tab"], [type="checkbox"], [type="radio"]):focus-visible {
  outline: 3px solid #0f9d6b !important; outline-offset: 2px; }
@media (max-width: 900px) {
  .st-key-split { flex-direction: column-reverse !important; }
  .st-key-split > * { width: 100%; flex: none; }
  .st-key-moment { position: static; max-height: none; padding: 0; }
}
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding: 1rem .8rem 6rem; }
  [data-testid="stHeader"], [data-testid="stExpandSidebarButton"] { display: none; }
  [class*="st-key-bar-"] { flex-wrap: nowrap !important; gap: .5rem !important; }
  [class*="st-key-bar-"] > :first-child { flex: 1 1 0 !important; min-width: 0 !important; }
  [class*="st-key-bar-"] button { padding-inline: .7rem; }
  [class*="st-key-bar-"] button
    :is([data-testid="stMarkdownContainer"], [aria-hidden]:has([aria-hidden])) {
    position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .stApp:has(.vs-moment) :is(.st-key-steps, .st-key-storyboard, .st-key-chips, .st-key-examples) {
    display: none; }
  .st-key-examples { flex-wrap: nowrap !important; overflow-x: auto; padding: 5px 0; }
  .st-key-examples > * { flex: none !important; }
  .st-key-thumbs { display: flex; position: fixed; inset: auto 0 0 0; z-index: 999990; padding: .3rem .4rem
    calc(.3rem + env(safe-area-inset-bottom)); gap: .2rem; flex-wrap: nowrap !important;
    background: var(--vs-bar-colour, Canvas); border-top: 1px solid rgb(128 128 128 / .4); }
  .st-key-thumbs > * { flex: 1 1 0 !important; min-width: 0; }
  .st-key-thumbs a { flex-direction: column; justify-content: center; gap: .1rem; width: 100%;
    min-height: 2.9rem; padding: .25rem 0; }
  .vs-files li { grid-template-columns: 1fr auto; }
  .vs-files progress { grid-column: 1 / -1; }
}
</style>"""


@lru_cache(maxsize=1)
def _library(path: str) -> PageLibrary:
    return PageLibrary(Path(path))


def library() -> PageLibrary:
    """Return the library that this server is for. Raises LibraryError."""
    return _library(os.environ.get(LIBRARY_VARIABLE, "index"))


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
