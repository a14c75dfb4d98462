"""html: one file to read, print or send, with embedded pictures, no scripts, and no external resources.

All text is escaped, and a content security policy additionally blocks scripts.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from html import escape
from typing import BinaryIO

from vidsearch.captions.export.document import CaptionedVideo, CaptionSpan, path_text
from vidsearch.text import one_line
from vidsearch.times import format_duration, format_moment
from vidsearch.types import CaptionOrigin, IndexedFrame

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>What the videos show</title>
<style>
:root { --ink: #1c1e21; --soft: #5f6670; --line: #d9dde2; --paper: #fff; --card: #f6f7f9;
  --mark: #0b6e4f }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7e9ec; --soft: #a0a8b3; --line: #343a42; --paper: #15181c; --card: #1e2228;
    --mark: #5fd3a8 }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 0 0 1.5rem }
h2 { font-size: 1.2rem; margin: 0; overflow-wrap: anywhere }
section { border-top: 1px solid var(--line); padding: 1.5rem 0 }
.facts { color: var(--soft); margin: .1rem 0 .6rem; overflow-wrap: anywhere; font-size: .85rem }
.summary { font-size: 1.1rem; margin: .6rem 0; color: var(--mark) }
table { border-collapse: collapse; margin: .6rem 0 1rem; font-size: .95rem }
td { padding: .15rem 1rem .15rem 0; vertical-align: top }
td:first-child { color: var(--soft); white-space: nowrap; font-variant-numeric: tabular-nums }
summary { cursor: pointer; font-weight: 600; margin: .6rem 0 }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)) }
li { background: var(--card); border-radius: .4rem; overflow: hidden; break-inside: avoid }
img { display: block; width: 100%; aspect-ratio: 16 / 9; object-fit: contain; background: #000 }
li p { margin: 0; padding: .4rem .6rem .6rem; font-size: .85rem; line-height: 1.35; overflow-wrap: anywhere }
time { color: var(--soft); font-variant-numeric: tabular-nums; margin-right: .4rem }
.carried { color: var(--soft) }
.human::after { content: " ✎"; color: var(--mark) }
@media print {
  :root { --ink: #000; --soft: #555; --line: #bbb; --paper: #fff; --card: #fff; --mark: #000 }
  body { max-width: none; padding: 0; font-size: 11pt }
  ol { grid-template-columns: repeat(4, 1fr) }
  li { border: 1px solid var(--line) }
  h2, .facts, .summary { break-after: avoid }
}
</style>
</head>
<body>
<h1>What the videos show</h1>
"""


def write(videos: Iterable[CaptionedVideo], out: BinaryIO) -> None:
    """Write one page with a section per video: its caption, timeline, texts, and a grid of its frames."""
    out.write(_HEAD.encode())
    for video in videos:
        for part in _section(video):
            out.write(part.encode())
    out.write(b"</body>\n</html>\n")


def _section(video: CaptionedVideo) -> Iterator[str]:
    info = video.video.info
    path = one_line(path_text(video.video.path))
    length = "unknown length" if info.duration_seconds is None else format_duration(info.duration_seconds)
    yield f"<section>\n<h2>{_escaped(path.rpartition('/')[2])}</h2>\n"
    facts = f"{length}, {info.width} × {info.height}, {info.codec} · {path}"
    yield f'<p class="facts">{_escaped(facts)}</p>\n'
    if video.summary:
        yield f'<p class="summary">{_escaped(video.summary)}</p>\n'
    if video.sections:
        yield "<table>\n"
        for span in video.sections:
            yield f"<tr><td>{_span(span)}</td><td>{_escaped(span.text)}</td></tr>\n"
        yield "</table>\n"
    yield from _lines("What is said", video.transcript)
    yield from _lines("Text on the screen", video.screen_text)
    yield "<ol>\n"
    for frame in video.frames:
        if not frame.is_blank:
            yield _frame(frame, video)
    yield "</ol>\n</section>\n"


def _lines(heading: str, lines: Iterable[CaptionSpan]) -> Iterator[str]:
    rows = [
        f"<tr><td><time>{format_moment(line.start_seconds)}</time></td><td>{_escaped(line.text)}</td></tr>\n"
        for line in lines
    ]
    if rows:
        yield f"<details open>\n<summary>{heading}</summary>\n<table>\n"
        yield from rows
        yield "</table>\n</details>\n"


def _frame(frame: IndexedFrame, video: CaptionedVideo) -> str:
    caption = frame.caption
    text = _escaped(caption.text) if caption else ""
    kind = ""
    if caption is not None and caption.origin is CaptionOrigin.HUMAN:
        kind = ' class="human"'
    elif caption is not None and caption.carried_over:
        kind = ' class="carried"'
    picture = ""
    jpeg = video.picture(frame.id) if video.picture is not None else b""
    if jpeg:
        data = base64.b64encode(jpeg).decode("ascii")
        picture = f'<img alt="{text}" src="data:image/jpeg;base64,{data}">'
    time = format_moment(frame.time_seconds)
    return f"<li>{picture}<p><time>{time}</time><span{kind}>{text}</span></p></li>\n"


def _span(span: CaptionSpan) -> str:
    return f"{format_duration(span.start_seconds)}–{format_duration(span.end_seconds)}"


def _escaped(text: str) -> str:
    return escape(one_line(text), quote=True)
