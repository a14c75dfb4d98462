"""Queries whose parts are for several kinds of evidence, in one moment and in steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.search.libraries import COLOUR, add_video
from vidsearch.errors import QueryError
from vidsearch.search.engine import search
from vidsearch.search.kinds import KINDS, reason
from vidsearch.search.parts import Part, parts_of
from vidsearch.search.query import Query
from vidsearch.store.store import Store
from vidsearch.tracks import SegmentRecord, TrackSpec
from vidsearch.types import FrameFilter

SAID = ("speech", "subtitles")
SHOWN = ("pictures", "moving", "captions", "corrections")
TRANSCRIPT = TrackSpec("transcript", "whisper")
SCREEN = TrackSpec("ocr", "rapidocr")


# --- how a query is read ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a dog", [Part("a dog")]),
        ('a "red ball" rolls', [Part('a "red ball" rolls')]),
        ("said:hello", [Part("hello", SAID, "said")]),
        ('SAID:"any questions"', [Part('"any questions"', SAID, "said")]),
        ("said:(any more questions)", [Part("any more questions", SAID, "said")]),
        (
            'a man shows:"a slide" waves said:bye',
            [Part("a man waves"), Part('"a slide"', SHOWN, "shows"), Part("bye", SAID, "said")],
        ),
        ("text:agenda", [Part("agenda", ("text",), "text")]),
        ("chapters:intro", [Part("intro", ("chapters",), "chapters")]),
        ("at 3:15 on http://example.org", [Part("at 3:15 on http://example.org")]),
        ("what she said: hello", [Part("what she said: hello")]),
        ('"said:hello"', [Part('"said:hello"')]),
        ("unsaid:hello", [Part("unsaid:hello")]),
        ("said:text:b", [Part("text: b", SAID, "said")]),
        ('an "open quote', [Part('an "open quote')]),
    ],
)
def test_a_text_is_read_as_its_parts(text, parts):
    assert list(parts_of(text)) == parts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('said:""', "Nothing to look for follows said:"),
        ("said:()", r'Write said:word, said:"exact words" or said:\(several words\)'),
        ("said:-", "Nothing to look for follows said:"),
        ('said:"any questions', 'has no closing "'),
        ("shows:(a dog", r"has no closing \)"),
        ('sayd:"any questions"', "Unknown prefix sayd: in the query. Did you mean said:"),
        ('a dog colour:"red"', "Prefixes are said:, shows:, pictures:"),
    ],
)
def test_a_part_that_means_nothing_is_refused_in_words(text, words):
    with pytest.raises(QueryError, match=words):
        Query(text=text)
    with pytest.raises(QueryError, match=words):
        Query(text="a", then=(text,))


def test_every_kind_of_evidence_has_a_prefix():
    for kind in KINDS:
        assert kind in Query(text=f"{kind}:word").looked_at


def test_a_part_for_kinds_that_are_not_looked_at_is_refused():
    with pytest.raises(QueryError, match="said: looks at speech and subtitles, and the query leaves only"):
        Query(text="said:hello", kinds=("pictures",))


def test_pictures_go_with_the_part_that_looks_at_pictures():
    query = Query(text='said:hello shows:"a dog"', images=(Path("a.jpg"),))
    assert [(clause.words, clause.images) for clause in query.clauses] == [
        ("hello", ()),
        ('"a dog"', (Path("a.jpg"),)),
    ]
    alone = Query(text="said:hello", images=(Path("a.jpg"),))
    assert [(clause.text, clause.looked_at) for clause in alone.clauses] == [
        ("hello", SAID),
        (None, ("pictures",)),
    ]


# --- what is found ----------------------------------------------------------------------------------


@pytest.fixture
def library(tmp_path):
    """Blue, then red; "hello there" is said over both, and written on the screen over green."""
    with Store.open(tmp_path / "library", create=True) as library:
        video = add_video(library, "/videos/a.mp4", ["blue"] * 10 + ["red"] * 10 + ["green"] * 10)
        library.put_track(
            video.id,
            TRANSCRIPT,
            [
                SegmentRecord(3.2, 5.0, "Hello there, questions?"),
                SegmentRecord(13.5, 15.0, "Well, hello there."),
                SegmentRecord(27.0, 29.0, "Any questions?"),
            ],
        )
        library.put_track(video.id, SCREEN, [SegmentRecord(22.0, 26.0, "HELLO THERE")])
        add_video(library, "/videos/b.mp4", ["red"] * 5)
        yield library


def ask(library, text, **options):
    return search(library, Query(text=text, **options), encoders={COLOUR.space: COLOUR}).hits


def spans(hits):
    return [(hit.video.path.name, hit.start_seconds, hit.end_seconds) for hit in hits]


def why(hit):
    return [reason(each) for each in hit.evidence]


def test_what_is_said_is_not_looked_for_on_the_screen(library):
    assert spans(ask(library, "said:hello")) == [("a.mp4", 3.2, 5.0), ("a.mp4", 13.5, 15.0)]
    (on_screen,) = ask(library, "text:hello")
    assert spans([on_screen]) == [("a.mp4", 22.0, 26.0)]
    assert why(on_screen) == ['on screen "HELLO THERE"']


def test_a_prefix_does_what_the_option_does(library):
    for text, kinds in (("said:(hello questions)", SAID), ("text:hello", ("text",))):
        words = parts_of(text)[0].words
        assert ask(library, text) == ask(library, words, kinds=kinds)


def test_words_in_quotes_occur_just_so(library):
    assert spans(ask(library, 'said:"hello there"')) == [("a.mp4", 3.2, 5.0), ("a.mp4", 13.5, 15.0)]
    assert spans(ask(library, 'said:"well hello"')) == [("a.mp4", 13.5, 15.0)]
    assert ask(library, 'said:"there hello"') == ()
    assert ask(library, 'said:"question"') == ()  # "questions" is said, which without quotes would do
    assert len(ask(library, "said:question")) == 2
    assert spans(ask(library, 'said:"quest"*')) == spans(ask(library, "said:question"))
    assert spans(ask(library, "said:“well hello”")) == [("a.mp4", 13.5, 15.0)]  # as a phone sets them


def test_all_that_is_quoted_in_one_line_is_found(library):
    """Each quote alone made 70%: two of one line made half of that, which counts as unsure."""
    query = Query(text='said:"hello there" said:"questions"')
    answer = search(library, query, encoders={COLOUR.space: COLOUR})
    assert (answer.verdict, spans(answer.hits[:1])) == ("found", [("a.mp4", 3.2, 5.0)])


@pytest.mark.parametrize("text", ["*", '""', "^ : ?", "“”"])
def test_a_text_without_words_is_refused(text):
    """A model of what words mean has lines that are near to anything: `*` found "Stop."."""
    with pytest.raises(QueryError, match="has no word to look for"):
        Query(text=text)
    with pytest.raises(QueryError, match="has no word to look for"):
        Query(text="a dog", then=(text,))
    assert Query(text="👍").text == "👍"


def test_all_parts_hold_in_the_best_moment(library):
    best = ask(library, 'shows:red said:"hello there"')[0]
    assert spans([best]) == [("a.mp4", 13.5, 15.0)]
    assert why(best) == ['said "Well, hello there." at 0:13.5', "looks like it"]
    assert spans(ask(library, 'shows:blue said:"hello there"')[:1]) == [("a.mp4", 3.2, 5.0)]
    assert spans(ask(library, "text:hello said:questions")[:1]) != []


def test_a_moment_with_one_part_of_two_comes_after_and_is_less_sure(library):
    both, *rest = ask(library, 'shows:red said:"hello there"')
    assert rest
    assert all(hit.confidence < both.confidence / 2 for hit in rest)


def test_a_filter_holds_for_parts(library):
    hits = ask(library, "shows:red said:hello", filter=FrameFilter(before_seconds=10))
    assert spans(hits)[0] == ("a.mp4", 3.2, 5.0)
    assert all(hit.start_seconds < 10 for hit in hits)


def test_steps_mix_what_is_shown_and_what_is_said(library):
    hit = ask(library, "red", then=('said:"any questions"',))[0]
    assert [(step.text, step.time_seconds) for step in hit.steps] == [
        ("red", 10.0),
        ('said:"any questions"', 27.0),
    ]
    assert why(hit.steps[1]) == ['said "Any questions?" at 0:27']
    assert (hit.start_seconds, hit.end_seconds) == (10.0, 29.0)
    assert hit.confidence == min(step.confidence for step in hit.steps)


def test_a_sequence_needs_what_its_steps_say(library):
    assert ask(library, "red", then=('said:"good night"',)) == ()
    assert ask(library, 'said:"any questions"', then=('text:"hello there"',)) == ()


def test_steps_by_words_alone_need_no_model(library):
    query = Query(text="said:hello", then=("text:hello",))
    hit = search(library, query, encoders={}).hits[0]
    assert [step.time_seconds for step in hit.steps] == [3.2, 22.0]
