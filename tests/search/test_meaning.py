"""Lines of words that are found by what they mean, with `mini`'s own text model."""

from __future__ import annotations

import pytest

from tests.search.libraries import COLOUR, add_video
from vidsearch.ingest.lines import read_lines
from vidsearch.models.mini import MiniTextEncoder
from vidsearch.search.engine import Searcher
from vidsearch.search.kinds import reason
from vidsearch.search.query import Query
from vidsearch.tracks import SegmentRecord, TrackSpec
from vidsearch.types import FrameFilter

TRANSCRIPT = TrackSpec("transcript", "whisper")
TALK = (
    "Revenue grew by twelve percent compared with the spring quarter.",
    "Two suppliers raised their prices in June.",
    "The office in Hamburg will move to a bigger building.",
    "Please send me your vacation days until Friday.",
    "The printer on the third floor is broken again.",
)
PARAPHRASES = (
    "sales went up since the previous period",
    "vendors charge us more since the summer",
    "our northern branch is relocating",
    "tell me when you will be on holiday",
    "a machine for paper does not work",
)


@pytest.fixture(scope="module")
def mini():
    return MiniTextEncoder(num_threads=1)


def say(library, path, lines, spec=TRANSCRIPT):
    """A blue video in which these lines are said, three seconds each."""
    video = add_video(library, path, ["blue"] * (3 * len(lines)))
    library.put_track(
        video.id, spec, [SegmentRecord(3.0 * n, 3.0 * n + 2.5, line) for n, line in enumerate(lines)]
    )
    return video


def found(library, mini, text, **options):
    searcher = Searcher(library, encoders={mini.space: mini, COLOUR.space: COLOUR})
    hits = searcher.search(Query(text=text, kinds=("speech", "subtitles"), **options)).hits
    return [hit.evidence[0].text for hit in hits]


def test_a_line_is_found_by_other_words_for_the_same(library, mini):
    say(library, "/videos/a.mp4", TALK)
    assert found(library, mini, PARAPHRASES[2]) == []
    assert read_lines(library, encoder=mini) == len(TALK)
    assert read_lines(library, encoder=mini) == 0
    assert [found(library, mini, words)[0] for words in PARAPHRASES[1:]] == list(TALK[1:])
    (hit, *_) = (
        Searcher(library, encoders={mini.space: mini}).search(Query(text="said:(an office moves)")).hits
    )
    assert reason(hit.evidence[0]) == f'said "{TALK[2]}" at 0:06'


def test_its_own_words_find_it_before_what_means_something_like_it(library, mini):
    say(library, "/videos/a.mp4", [*TALK, "The copying machine does not work either."])
    read_lines(library, encoder=mini)
    assert found(library, mini, "printer broken")[0] == TALK[4]
    assert found(library, mini, '"copying machine"') == ["The copying machine does not work either."]


def test_words_in_quotes_are_not_looked_for_by_what_they_mean(library, mini):
    say(library, "/videos/a.mp4", TALK)
    read_lines(library, encoder=mini)
    assert found(library, mini, f'"{PARAPHRASES[0]}"') == []


@pytest.mark.parametrize(
    ("words", "lines"),
    [("кошка", ["Кошка спит на диване."]), ("собака", []), ("Straße", ["Die Straße ist lang."]), ("👍", [])],
)
def test_words_that_the_model_does_not_know_mean_nothing_to_it(library, mini, words, lines):
    """They are all one unknown word: any Russian word was surely found in any Russian line."""
    say(library, "/videos/a.mp4", ["Привет, мир.", "Кошка спит на диване.", "Die Straße ist lang.", "A cat."])
    read_lines(library, encoder=mini)
    assert found(library, mini, words) == lines


def test_a_line_that_is_gone_is_not_found_and_a_new_one_is_read_next(library, mini):
    video = say(library, "/videos/a.mp4", TALK)
    read_lines(library, encoder=mini)
    assert found(library, mini, PARAPHRASES[2])[0] == TALK[2]
    library.put_track(video.id, TRANSCRIPT, [SegmentRecord(0.0, 2.0, TALK[0])])
    assert TALK[2] not in found(library, mini, PARAPHRASES[2])
    assert read_lines(library, encoder=mini) == 1
    assert found(library, mini, PARAPHRASES[0])[0] == TALK[0]
    library.remove(video.id)
    say(library, "/videos/b.mp4", ["The weather is fine."])
    assert found(library, mini, PARAPHRASES[0]) == []


def test_what_a_person_put_right_is_found_in_place_of_what_a_model_heard(library, mini):
    video = say(library, "/videos/a.mp4", TALK)
    library.add_human_caption(video.id, 6.0, 9.0, "The dog eats a bone.", kind="transcript")
    read_lines(library, encoder=mini)
    assert TALK[2] not in found(library, mini, PARAPHRASES[2])
    assert found(library, mini, "an animal chews")[0] == "The dog eats a bone."


def test_a_line_over_a_picture_that_is_not_like_it_says_nothing_of_looks(library, mini):
    """Guards against "looks like it" in doors that print all evidence, of a picture that fits by chance."""
    say(library, "/videos/a.mp4", TALK)
    read_lines(library, encoder=mini)
    searcher = Searcher(library, encoders={mini.space: mini, COLOUR.space: COLOUR})
    best = searcher.search(Query(text="the office in Hamburg will move")).hits[0]
    assert [reason(each) for each in best.evidence] == [f'said "{TALK[2]}" at 0:06']
    best = searcher.search(Query(text="something blue")).hits[0]
    assert [reason(each) for each in best.evidence] == ["looks like it"]


def test_a_filter_holds_for_what_lines_mean(library, mini):
    say(library, "/videos/a.mp4", TALK)
    say(library, "/videos/b.mp4", TALK[:2])
    read_lines(library, encoder=mini)
    assert found(library, mini, PARAPHRASES[2], filter=FrameFilter(video_glob="*b.mp4")) == []
    assert found(library, mini, PARAPHRASES[2], filter=FrameFilter(before_seconds=5)) == []
    assert found(library, mini, PARAPHRASES[2], filter=FrameFilter(after_seconds=5))[0] == TALK[2]


def test_every_kind_of_lines_is_read_and_captions_by_models_are_not(library, mini):
    for kind in ("transcript", "ocr", "subtitle", "chapter", "caption"):
        say(library, f"/videos/{kind}.mp4", TALK[:1], TrackSpec(kind, "x"))
    assert read_lines(library, encoder=mini) == 4


def test_what_a_person_says_of_a_picture_is_found_by_other_words(library, mini):
    video = add_video(library, "/videos/cat.mp4", ["blue"] * 9)
    library.put_track(video.id, TrackSpec("caption", "x"), [SegmentRecord(0.0, 9.0, "a dog on grass")])
    library.add_human_caption(video.id, 3.0, 6.0, "Minka the cat sleeps on our sofa.")
    assert read_lines(library, encoder=mini) == 1
    searcher = Searcher(library, encoders={mini.space: mini, COLOUR.space: COLOUR})
    for words in ("a kitten naps on the couch", "Minka"):
        best = searcher.search(Query(text=words)).hits[0]
        assert reason(best.evidence[0]) == 'you said "Minka the cat sleeps on our sofa."'
        assert (best.start_seconds, best.end_seconds) == (3.0, 6.0)
    captions = searcher.search(Query(text="captions:(a kitten naps on the couch)")).hits
    assert [each.kind for hit in captions for each in hit.evidence] == ["corrections"]


def test_lines_do_not_hide_the_picture_that_was_asked_for(library, mini):
    """A line far from the query is near to it by chance, and takes no place of a picture's moment."""
    say(library, "/videos/talk.mp4", TALK)
    video = add_video(library, "/videos/fire.mp4", ["green"] * 5 + ["red"] * 5)
    library.put_track(video.id, TRANSCRIPT, [SegmentRecord(4.0, 7.0, "Please send me the other form.")])
    read_lines(library, encoder=mini)
    searcher = Searcher(library, encoders={mini.space: mini, COLOUR.space: COLOUR})
    best = searcher.search(Query(text="something red over there")).hits[0]
    assert (best.video.path.name, best.start_seconds, best.end_seconds) == ("fire.mp4", 5.0, 10.0)


def test_a_line_that_means_something_like_a_picture_that_is_there_comes_after_it(library, mini):
    """One thing was asked for: where a picture fits, a line has to fit better than chance lets one."""
    say(library, "/videos/talk.mp4", [*TALK, "He parked the crimson lorry behind the station."])
    add_video(library, "/videos/fire.mp4", ["green"] * 20 + ["red"] * 5)
    read_lines(library, encoder=mini)
    searcher = Searcher(library, encoders={mini.space: mini, COLOUR.space: COLOUR})
    (alone,) = searcher.search(Query(text="said:(a red car behind a house)", num_hits=1)).hits
    assert alone.evidence[0].text == "He parked the crimson lorry behind the station."
    beside = searcher.search(Query(text="a red car behind a house")).hits
    assert beside[0].video.path.name == "fire.mp4"
    (said,) = (
        each for hit in beside for each in hit.evidence if each.kind == "speech" and "lorry" in each.text
    )
    assert 0.0 < (said.confidence or 0.0) < (alone.evidence[0].confidence or 0.0)
    by_its_words = searcher.search(Query(text="parked the crimson lorry behind the station")).hits[0]
    assert by_its_words.evidence[0].text == "He parked the crimson lorry behind the station."


def test_a_query_is_read_once_for_pictures_and_all_kinds_of_lines(library, mini):
    for kind in ("transcript", "ocr", "subtitle"):
        say(library, f"/videos/{kind}.mp4", TALK[:1], TrackSpec(kind, "x"))
    read_lines(library, encoder=mini)
    asked = []

    class Listening:
        space = mini.space

        def embed_texts(self, texts):
            asked.extend(texts)
            return mini.embed_texts(texts)

    searcher = Searcher(library, encoders={mini.space: Listening(), COLOUR.space: COLOUR})
    hits = searcher.search(Query(text=PARAPHRASES[0], dedupe=False)).hits
    assert {hit.evidence[0].kind for hit in hits} >= {"speech", "text", "subtitles"}
    searcher.search(Query(text=PARAPHRASES[1]))
    assert asked == list(PARAPHRASES[:2])
