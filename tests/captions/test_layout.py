"""Cues are laid out so that they can be read, and no word of them is lost."""

import io
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.captions.examples import video
from vidsearch.captions.export.document import CaptionSpan
from vidsearch.captions.export.layout import laid_out, lines_of
from vidsearch.captions.export.tracks import TRACK_FORMATS, ExportedSegment, ExportedTrack

CUE = re.compile(r"([\d:.,]+) --> ([\d:.,]+)[^\n]*\n(.*?)(?:\n\n|\Z)", re.DOTALL)


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        ("", []),
        ("Short enough for one line.", [["Short enough for one line."]]),
        (
            "He said that it was, without a doubt, the best day of his life.",
            [["He said that it was, without a doubt,", "the best day of his life."]],
        ),
        (
            "When we went down to the harbour that morning, the boats had already left and the fishermen "
            "were "
            "mending their nets in the cold light of the sun.",
            [
                ["When we went down to the harbour", "that morning, the boats had already left"],
                ["and the fishermen were mending", "their nets in the cold light of the sun."],
            ],
        ),
        (
            "我不知道该说什么，你昨天晚上在哪里？我们得回家了，已经很晚了。谢谢！",
            [["我不知道该说什么，你昨天晚上在哪里？", "我们得回家了，已经很晚了。谢谢！"]],
        ),
        ("a" * 60, [["a" * 42, "a" * 18]]),
    ],
)
def test_text_is_broken_where_a_clause_ends(text, cues):
    assert lines_of(text) == cues


def test_a_cue_that_stays_too_long_ends_early_and_a_short_one_stays():
    assert laid_out([CaptionSpan(0.0, 60.0, "one"), CaptionSpan(70.0, 70.1, "two")]) == [
        CaptionSpan(0.0, 7.0, "one"),
        CaptionSpan(70.0, 71.0, "two"),
    ]


def test_long_text_shares_its_time():
    cues = laid_out([CaptionSpan(10.0, 20.0, "This is the first half of it, of five. " * 4)])

    assert [cue.start_seconds for cue in cues] == [10.0, 15.0]
    assert [cue.end_seconds for cue in cues] == [15.0, 20.0]


def test_what_is_said_at_once_is_shown_at_once():
    assert laid_out([CaptionSpan(0.0, 2.0, "Who is there?"), CaptionSpan(0.5, 2.5, "Me!")]) == [
        CaptionSpan(0.0, 2.5, "Who is there?\nMe!")
    ]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 100),
            st.sampled_from([0.0, 0.2, 1.0, 3.0, 12.0, 60.0]),
            st.lists(st.sampled_from(["the", "cat,", "dog", "and", "who?", "我们的", "x" * 50]), max_size=30),
        ),
        max_size=12,
    )
)
def test_every_cue_keeps_to_the_bounds(spans):
    given_spans = [CaptionSpan(start, start + length, " ".join(words)) for start, length, words in spans]
    cues = laid_out(given_spans)

    for cue in cues:
        lines = cue.text.split("\n")
        assert len(lines) <= 2
        assert all(0 < len(line) <= 42 for line in lines)
        assert 1 - 1e-9 <= cue.end_seconds - cue.start_seconds <= 7 + 1e-9
    assert all(one.end_seconds <= two.start_seconds + 1e-9 for one, two in pairwise(cues))
    letters = sorted("".join(span.text for span in given_spans).replace(" ", ""))
    assert sorted("".join(cue.text for cue in cues).replace("\n", "").replace(" ", "")) == letters


def test_a_long_sentence_is_parted_when_its_words_are_said():
    """By its share of the letters, the second half would come 3 s before anybody says it."""
    first = [(index * 0.3, index * 0.3 + 0.2, word) for index, word in enumerate(["word"] * 10 + ["so,"])]
    then = [(9.0 + index * 0.3, 9.2 + index * 0.3, "then") for index in range(10)]
    words = (*first, *then)
    span = CaptionSpan(0.0, 12.0, " ".join(word for _, _, word in words), words)

    assert [(cue.start_seconds, cue.end_seconds) for cue in laid_out([span])] == [(0.0, 3.2), (9.0, 11.9)]


def test_two_lines_that_come_together_are_one_cue_however_long_they_stay():
    """The second line of a lower third waited for a second, and the first one went."""
    third = [CaptionSpan(2.0, 14.0, "Anna Weiss"), CaptionSpan(2.0, 15.0, "Head of Research")]
    assert laid_out(third) == [CaptionSpan(2.0, 9.0, "Anna Weiss\nHead of Research")]


WORDS = st.lists(
    st.tuples(
        st.floats(0, 2),
        st.floats(0, 1.5),
        st.sampled_from(["the", "cat,", "dog", "and", "who?", "我们的", "x" * 50, "—", "étude", "🙂"]),
    ),
    min_size=1,
    max_size=40,
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 5), WORDS), max_size=6))
def test_any_words_at_any_times_become_files_that_keep_to_the_bounds(sentences):
    """As they are written, in milliseconds: two lines, 1 to 7 s, none while another one is shown."""
    segments, now = [], 0.0
    for pause, said in sentences:
        now += pause
        words: list[list[Any]] = []
        for silence, length, word in said:
            now += silence
            words.append([round(now, 3), round(now + length, 3), word, 0.9])
            now += length
        text = " ".join(word for _, _, word, _ in words)
        segments.append(ExportedSegment(words[0][0], words[-1][1], text, {"words": words}))
    for name in ("srt", "vtt"):
        out = io.BytesIO()
        track = ExportedTrack(video(), "transcript", "whisper", "whisper", "en", segments)
        TRACK_FORMATS[name].write([track], out)
        cues = [
            (_milliseconds(times[1]), _milliseconds(times[2]), times[3].splitlines())
            for times in CUE.finditer(out.getvalue().decode().replace("\r", ""))
        ]
        assert all(1000 <= end - start <= 7000 for start, end, _ in cues)
        assert all(len(lines) <= 2 and all(len(line) <= 42 for line in lines) for _, _, lines in cues)
        assert all(one[1] <= other[0] for one, other in pairwise(cues))
        assert bool(cues) == bool(segments)


def _milliseconds(clock: str) -> int:
    hours, minutes, seconds = clock.replace(",", ".").split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000 + round(float(seconds) * 1000)
