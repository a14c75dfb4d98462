"""Lines of text are followed from picture to picture, and through stops."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import ColourEmbedder
from tests.ingest.index_process import numbered_clip
from tests.ingest.states import lines_of
from tests.ingest.written import BrokenReader, NumberReader, card, finding
from vidsearch.errors import ModelUnavailable
from vidsearch.ingest import IngestReport, PipelineOptions, ingest
from vidsearch.ingest.analyzers import Finding
from vidsearch.ingest.near_duplicates import legible_signature, shows_same_text
from vidsearch.ingest.screen_text import LineSpans
from vidsearch.store.store import Store
from vidsearch.tracks import SegmentRecord

SMALL_CHUNKS = PipelineOptions(chunk_frames=4)

Seen = tuple[Finding, ...] | None


def followed(spans: LineSpans, *pictures: Seen, start: float = 0.0) -> list[tuple[float, float, str, bool]]:
    """A chunk of pictures of a second each."""
    times = [start + number for number in range(len(pictures))]
    lines = spans.of_chunk((time, time + 1, seen) for time, seen in zip(times, pictures, strict=True))
    return [(line.start_seconds, line.end_seconds, line.text or "", line.continues) for line in lines]


def test_each_line_lasts_as_long_as_it_is_seen():
    title, other = finding("Chapter 1", top=0.1), finding("It was him.")
    spans = LineSpans()
    assert followed(spans, (title,), (title, other), None, (title,), ()) == [
        (0.0, 4.0, "Chapter 1", False),
        (1.0, 3.0, "It was him.", False),
    ]


def test_a_slip_of_the_reader_makes_no_other_line():
    """A flickering letter cut a subtitle into pieces, and a counter's next number was taken for a slip."""
    spans = LineSpans()
    misread, read = finding("Where is the statlon?", score=0.85), finding("Where is the station?", score=0.95)
    assert followed(spans, (misread,), (read,), (misread,)) == [(0.0, 3.0, "Where is the station?", False)]
    assert followed(LineSpans(), (finding("Round 1 of 12"),), (finding("Round 2 of 12"),)) == [
        (0.0, 1.0, "Round 1 of 12", False),
        (1.0, 2.0, "Round 2 of 12", False),
    ]


def test_a_line_that_moves_is_one_line_and_two_that_say_the_same_are_two():
    spans = LineSpans()
    names = [(finding("Director", top=0.8 - 0.2 * step),) for step in range(3)]
    assert followed(spans, *names) == [(0.0, 3.0, "Director", False)]
    both = (finding("OK", top=0.1), finding("OK", top=0.8))
    assert followed(LineSpans(), both, both, both[:1]) == [(0.0, 2.0, "OK", False), (0.0, 3.0, "OK", False)]


def test_credits_that_scroll_are_the_same_lines_where_the_picture_cuts_them_off():
    """`Director lane Doe` came in, `Camera Li Wel` went, each a line of its own beside the true one."""
    lines = followed(
        LineSpans(),
        (finding("Camera Li Wei", top=0.1), finding("Director lane Doe", top=0.9, score=0.85)),
        (finding("Camera Li Wel", top=0.0, score=0.85), finding("Director Jane Doe", top=0.6)),
        (finding("Director Jane Doe", top=0.3), finding("Director Jane Roe", top=0.6)),
    )
    assert lines == [
        (0.0, 2.0, "Camera Li Wei", False),
        (0.0, 3.0, "Director Jane Doe", False),
        (2.0, 3.0, "Director Jane Roe", False),
    ]


def test_the_next_chunk_makes_what_it_goes_on_with_longer():
    first, second = finding("Chapter 1", top=0.1), finding("It was him.")
    spans = LineSpans()
    followed(spans, (first, second), None)
    assert followed(spans, (first,), (), start=2.0) == [(2.0, 3.0, "Chapter 1", True)]


def test_a_run_that_continues_follows_the_lines_that_were_on_screen():
    line = finding("Chapter 1")
    spans = LineSpans([SegmentRecord(0.0, 2.0, line.text, line.attributes)])
    better = Finding(line.text, {**line.attributes, "score": 0.99})
    assert followed(spans, (better,), start=2.0) == [(2.0, 3.0, "Chapter 1", True)]


@pytest.mark.parametrize(
    ("before", "now"), [("Chapter 1", "Chapter 2"), ("It was him.", "It was her."), ("1 - 0", "1 - 1")]
)
def test_a_letter_is_a_change(before, now):
    """To the embedder two pictures with such lines are near-duplicates: a changed subtitle went unread."""
    seen = [legible_signature(card("", "", before)), legible_signature(card("", "", now))]
    assert shows_same_text(seen[0], seen[0])
    assert not shows_same_text(*seen)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return numbered_clip(tmp_path / "a.mp4", 64, 14)


def index(library: Store, clip: Path, **options: Any) -> IngestReport:
    how: dict[str, Any] = {"embedders": [ColourEmbedder()], "options": SMALL_CHUNKS, **options}
    return ingest(library, [clip], **how)


LINES = [
    (0.0, 5.0, "part 8"),
    (0.0, 1.0, "picture 64"),
    (1.0, 2.0, "picture 65"),
    (2.0, 4.0, "picture 66"),
    (4.0, 5.0, "picture 68"),
    (6.0, 8.0, "part 8"),
    (6.0, 7.0, "picture 70"),
    (7.0, 8.0, "picture 71"),
    (8.0, 14.0, "part 9"),
    (8.0, 9.0, "picture 72"),
    (9.0, 11.0, "picture 73"),
    (11.0, 12.0, "picture 75"),
    (12.0, 13.0, "picture 76"),
    (13.0, 14.0, "picture 77"),
]
"""Of numbers 64 to 77, the fourth of every seven the one before; number 69 is black."""


def test_lines_get_a_track_of_their_own_across_chunks(library, clip):
    reader = NumberReader()
    report = index(library, clip, reader=reader)
    assert lines_of(library) == {"a.mp4": sorted(LINES)}
    assert report.counts.num_lines_read == len(LINES)
    assert library.verify() == []


def test_an_indexed_video_gains_its_text_and_keeps_the_rest(library, clip):
    index(library, clip)
    (video,) = library.videos()
    frames = library.frames(video.id)
    embedder = ColourEmbedder()
    assert index(library, clip, reader=NumberReader(), embedders=[embedder]).num_indexed == 1
    assert (library.frames(video.id), lines_of(library)) == (frames, {"a.mp4": sorted(LINES)})
    assert embedder.num_images == 0
    again = NumberReader()
    assert (index(library, clip, reader=again).num_skipped, again.num_read) == (1, 0)


def test_a_reader_that_fails_is_not_the_files_fault_and_the_next_run_goes_on(library, clip):
    report = index(library, clip, reader=BrokenReader())
    assert [(failure.error, failure.reason) for failure in report.failures] == [
        ("ModelError", "RuntimeError: the reader broke")
    ]
    assert library.lookup(clip).state == "partial"
    report = index(library, clip, reader=NumberReader())
    assert (report.num_resumed, report.failures) == (1, ())
    assert lines_of(library) == {"a.mp4": sorted(LINES)}


@pytest.mark.parametrize(
    ("unread", "unclear", "warnings"),
    [
        ((), range(1, 14), ["text on the screen from 0:01 on is unclear."]),
        ((), (3, 6), []),
        ((9,), range(1, 14), ["text on the screen from 0:11 on is in another script."]),
    ],
)
def test_text_that_is_not_read_is_said(library, clip, unread, unclear, warnings):
    """A few unclear pictures are those in which a line fades in; most of them are in another script."""

    class Doubtful(NumberReader):
        def read(self, image):
            place = self.num_read
            return replace(
                super().read(image),
                unread="in another script" if place in unread else None,
                unclear="unclear" if place in unclear else None,
            )

    report = index(library, clip, reader=Doubtful())
    assert list(report.warnings) == [f"{clip}: {warning}" for warning in warnings]


def test_text_without_the_extra_is_one_clear_line(monkeypatch):
    monkeypatch.setattr("vidsearch.models.ocr.find_spec", lambda name: None)
    from vidsearch.models.ocr import PPOcr

    with pytest.raises(ModelUnavailable, match=r"^Reading text .* pip install 'vidsearch\[text\]'\.$"):
        PPOcr()


def test_a_run_without_text_loads_no_reader():
    code = """
import sys
from vidsearch.service.indexing import Indexer, IndexOptions
Indexer.load(IndexOptions.of({"models": "mini"}), store=None)
print([name for name in ("vidsearch.models.ocr", "rapidocr") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
