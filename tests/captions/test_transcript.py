"""What is said is shown, put right and taken elsewhere; a person's line stays whatever a model says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.fakes import ColourEmbedder
from tests.ingest.clips import colour_clip
from tests.ingest.listening import BeepAnalyzer
from tests.sounds import beeps, with_sound
from vidsearch import Library
from vidsearch.captions.transcript import SpokenLine
from vidsearch.cli.app import app
from vidsearch.errors import QueryError
from vidsearch.ingest import ingest
from vidsearch.tracks import SegmentRecord, TrackSpec, WordKind
from vidsearch.types import SamplingPlan

SPOKEN = TrackSpec("transcript", "whisper-tiny")
LINES = [
    SegmentRecord(1.0, 4.0, "This is my dog Hello.", {"language": "en"}),
    SegmentRecord(4.5, 12.0, "He was born in a small town by the sea, and he likes to run, as all dogs do."),
    SegmentRecord(12.2, 12.5, "Run!"),
]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    pictures = colour_clip(tmp_path / "silent.mkv", ["red"] * 8)
    clip = with_sound(tmp_path / "a.mkv", beeps(0.5, seconds=8), codec="flac", still=pictures)
    with Library.create(tmp_path / "library") as opened:
        ingest(opened.store, [clip], embedders=[ColourEmbedder()], plan=SamplingPlan(fps=1))
        opened.store.put_track(1, SPOKEN, LINES)
        yield opened


def shown(library: Library) -> list[tuple[str, bool]]:
    return [(line.text, line.is_human) for line in library.captions("a.mkv", level="transcript").transcript]


def found(library: Library, words: str) -> list[str]:
    kinds = (WordKind("transcript", is_human=True), WordKind("transcript"))
    return [match.text for match in library.store.match(words, 9, kinds=kinds)]


def test_a_line_that_is_put_right_is_shown_and_found_and_stays(library, tmp_path):
    done = library.correct_speech("a.mkv@2.5", "This is my dog Bello.")

    assert done == SpokenLine(1.0, 4.0, "This is my dog Bello.", is_human=True)
    assert shown(library)[0] == ("This is my dog Bello.", True)
    assert found(library, "Bello") == ["This is my dog Bello."]
    assert found(library, "Hello") == []
    library.correct_speech("a.mkv@4.2", "That is my dog Bello.")  # in the pause after it
    assert [text for text, is_human in shown(library) if is_human] == ["That is my dog Bello."]

    report = ingest(
        library.store,
        [tmp_path / "a.mkv"],
        embedders=[ColourEmbedder()],
        stream_analyzers=[BeepAnalyzer("other")],
        reindex=True,
        plan=SamplingPlan(fps=1),
    )
    assert report.failures == ()
    assert shown(library) == [("beep", False), ("That is my dog Bello.", True)]
    assert library.store.verify() == []


def test_a_time_in_a_pause_means_the_nearest_line(library):
    """A list shows 12.2 s as 0:12; typed so, it corrected the line before."""
    nearest = {"0:12.15": LINES[2], "0:12.05": LINES[1], "0": LINES[0], "4.3": LINES[1], "0:14": LINES[2]}
    corrected = {at: library.correct_speech(f"a.mkv@{at}", f"Words at {at}.") for at in nearest}
    assert {at: (line.start_seconds, line.end_seconds) for at, line in corrected.items()} == {
        at: (line.start_seconds, line.end_seconds) for at, line in nearest.items()
    }


def test_where_nothing_is_said_there_is_nothing_to_put_right(library):
    with pytest.raises(QueryError, match=r"Nothing is said in a\.mkv at 14\.6 s"):
        library.correct_speech("a.mkv@14.6", "words")
    with pytest.raises(QueryError, match="needs words"):
        library.correct_speech("a.mkv@2", "  ")


def test_the_command_line_shows_and_corrects_it(library):
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--library", str(library.store.path)])
        assert result.exit_code == 0, result.output
        return result.output

    run("captions", "edit", "a.mkv@2", "This is my dog Bello.", "--speech")
    lines = run("captions", "show", "a.mkv", "--level", "transcript").splitlines()
    assert lines[0] == "0:01  This is my dog Bello. (yours)"
    (first, *_) = json.loads(run("captions", "a.mkv", "--level", "transcript", "--json"))["transcript"]
    assert (first["start_seconds"], first["is_human"]) == (1.0, True)

    for track in library.tracks("a.mkv"):
        if track.is_human:
            library.remove_track(track.id)
    library.store.put_track(1, SPOKEN, [])
    assert run("captions", "show", "a.mkv", "--level", "transcript").startswith("Nothing is said in this")
    for track in library.tracks("a.mkv"):
        if track.kind == "transcript":
            library.remove_track(track.id)
    assert run("captions", "show", "a.mkv", "--level", "transcript").startswith("This video has no ")


def test_it_is_exported_as_it_is_shown(library, tmp_path):
    library.correct_speech("a.mkv@2", "This is my dog Bello.")

    srt = library.render("a.mkv", "srt", track="transcript").decode()
    cues = [block.split("\n") for block in srt.strip().split("\n\n")]
    assert cues[0][1:] == ["00:00:01,000 --> 00:00:04,000", "This is my dog Bello."]
    assert all(len(line) <= 42 for cue in cues for line in cue[2:])
    assert all(len(cue[2:]) <= 2 for cue in cues)
    assert (
        library.render("a.mkv", "txt", track="speech").decode().startswith("00:00:01.000\tThis is my dog B")
    )
    document = json.loads(library.render("a.mkv", "json", track="transcript"))
    assert len(document["tracks"][0]["segments"]) == 3
    page = library.render("a.mkv", "html").decode()
    assert "<summary>What is said</summary>" in page
    assert "This is my dog Bello." in page
    assert "Text on the screen" not in page


def test_an_export_says_the_language_that_was_detected(library):
    """A transcript in the language that was heard was exported as in none."""

    def exported() -> dict[str, Any]:
        (track,) = json.loads(library.render("a.mkv", "json", track="transcript"))["tracks"]
        return dict(track)

    assert exported()["language"] == "en"
    library.store.put_track(1, SPOKEN, [*LINES, SegmentRecord(13.0, 14.0, "Lauf!", {"language": "de"})])
    assert exported()["language"] is None


def test_a_report_has_the_text_on_the_screen_apart_from_what_is_said(library):
    read = [
        SegmentRecord(0.0, 2.0, "Agenda <2026>", {"score": 0.97}),
        SegmentRecord(2.0, 5.0, "Questions?", {"score": 0.91}),
    ]
    old = [SegmentRecord(0.0, 2.0, "Agemda", {"score": 0.81})]
    library.store.put_track(1, TrackSpec("ocr", "pp-ocr-old"), old)
    library.store.put_track(1, TrackSpec("ocr", "pp-ocr"), read)

    page = library.render("a.mkv", "html").decode()

    said, on_screen = page.split("<summary>Text on the screen</summary>")
    rows = "".join(on_screen.partition("</table>")[0].split("\n"))
    assert rows == (
        "<table>"
        "<tr><td><time>0:00</time></td><td>Agenda &lt;2026&gt;</td></tr>"
        "<tr><td><time>0:02</time></td><td>Questions?</td></tr>"
    )
    assert "This is my dog Hello." in said
    assert "Agemda" not in page
