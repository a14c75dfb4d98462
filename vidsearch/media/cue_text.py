"""Strips the markup of SubRip, WebVTT and ASS cues, in time linear in the text."""

from __future__ import annotations

import html
import re
from contextlib import suppress

from vidsearch.text import one_line

_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<\d+:[\d:.]+>")
_INLINE_TIME = re.compile(r"<\d+:[\d:.]+>")
_ANY_TAG = re.compile(r"<[^<>]*>")
_LINE_BREAK = re.compile(r"\\[Nnh]")
_DRAWING = re.compile(r"\\p(\d+)")


def has_inline_times(text: str) -> bool:
    """Whether single words have their own times, as in `one<00:00:01.200><c> two</c>`."""
    return _INLINE_TIME.search(text) is not None


def subrip_words(text: str) -> str:
    """Return a SubRip cue's text: `<i>`, `{\\an8}` and the like are removed; `I <3 {you}` stays."""
    plain = _without_overrides(text, only_with="{\\")
    return one_line(_TAG.sub("", plain) if "<" in plain else plain)


def webvtt_words(text: str) -> str:
    """Return a WebVTT cue's text: tags are removed, character references resolved."""
    plain = _ANY_TAG.sub("", text)
    with suppress(ValueError):  # a character reference with thousands of digits
        plain = html.unescape(plain)
    return one_line(plain)


def ass_words(text: str) -> str:
    """Return an ASS event's text: override blocks and drawings are removed, line breaks become spaces."""
    return one_line(_LINE_BREAK.sub(" ", _without_overrides(text, only_with="{")))


def _without_overrides(text: str, *, only_with: str) -> str:
    """Remove `{...}` blocks that begin with `only_with`, and the text they mark as a drawing."""
    kept: list[str] = []
    is_drawing = False
    position = 0
    while (start := text.find(only_with, position)) >= 0 and (end := text.find("}", start)) >= 0:
        if not is_drawing:
            kept.append(text[position:start])
        for scale in _DRAWING.findall(text[start:end]):
            is_drawing = int(scale[:9]) > 0
        position = end + 1
    if not is_drawing:
        kept.append(text[position:])
    return "".join(kept)
