"""What is said becomes sentences with the times at which they are said, and nothing is heard in silence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.fakes import ColourEmbedder, LoudSpeaker
from tests.sounds import with_sound
from tests.speech import RATE, read_speech, said, whisper_folder
from vidsearch.evaluation.speech import word_errors
from vidsearch.ingest import ingest
from vidsearch.ingest.speech import SpeechAnalyzer
from vidsearch.models.device import Device
from vidsearch.models.whisper import load_transcriber
from vidsearch.store.store import Store
from vidsearch.tracks import WordKind
from vidsearch.types import AudioBlock, SamplingPlan


def spoken(*parts: tuple[float, float]) -> np.ndarray:
    """Sound from pairs of seconds and loudness."""
    return np.concatenate([np.full(round(seconds * 100), loudness) for seconds, loudness in parts]).astype(
        np.float32
    )


def analyzed(sound, *, start=0.0, block=700, transcriber=None, language="auto", before=()):
    blocks = (
        AudioBlock(start + first / 100, sound[first : first + block]) for first in range(0, len(sound), block)
    )
    return list(SpeechAnalyzer(transcriber or LoudSpeaker(), language=language).analyze(blocks, before))


def segments_of(found):
    return [segment for each in found for segment in each.segments]


def test_silence_is_not_even_listened_to():
    transcriber = LoudSpeaker()
    found = analyzed(spoken((200, 0)), transcriber=transcriber)
    assert (segments_of(found), transcriber.heard, found[-1].until_seconds) == ([], [], 200.0)


def test_a_run_goes_on_with_the_windows_of_an_uninterrupted_one():
    """Whatever the blocks, and wherever it was stopped."""
    sound = spoken(*[(7, 0.3), (1, 0)] * 40)
    whole = analyzed(sound)
    assert len(whole) > 4
    assert segments_of(analyzed(sound, block=123)) == segments_of(whole)
    for number, found in enumerate(whole[:-1]):
        until = found.until_seconds
        rest = analyzed(sound[round(until * 100) :], start=until)
        assert [each.until_seconds for each in rest] == pytest.approx(
            [each.until_seconds for each in whole[number + 1 :]]
        )
        assert [segment.start_seconds for segment in segments_of(rest)] == pytest.approx(
            [segment.start_seconds for segment in segments_of(whole[number + 1 :])]
        )


def test_where_somebody_speaks_is_looked_for_once_in_each_window():
    transcriber = LoudSpeaker()
    found = analyzed(spoken(*[(7, 0.3), (1, 0)] * 40), transcriber=transcriber)
    assert transcriber.num_looks == len(found)


def test_a_run_that_goes_on_takes_unsure_passages_for_the_same_language():
    """Which language is usual is what the library says of the last ten minutes, not what this run heard."""
    sound = spoken(*[(20, 0.3), (4, 0)] * 10, *[(5, 0.2), (60, 0)] * 8, (30, 0.5), *[(4, 0), (5, 0.2)] * 10)
    whole = analyzed(sound)
    languages = [segment.attributes["language"] for segment in segments_of(whole)]
    assert languages[0] == languages[25] == "en"
    assert languages[-1] == "de"
    for number, found in enumerate(whole[:-1]):
        until = found.until_seconds
        before = [
            segment for segment in segments_of(whole[: number + 1]) if segment.end_seconds > until - 600
        ]
        rest = analyzed(sound[round(until * 100) :], start=until, before=before)
        assert [(segment.text, segment.attributes["language"]) for segment in segments_of(rest)] == [
            (segment.text, segment.attributes["language"]) for segment in segments_of(whole[number + 1 :])
        ]


def test_no_window_is_cut_within_a_word_and_no_passage_is_longer_than_whisper_hears():
    transcriber = LoudSpeaker()
    found = analyzed(spoken(*[(9, 0.3), (0.5, 0)] * 30), transcriber=transcriber)
    assert all(seconds <= 30 for seconds, _ in transcriber.heard)
    assert sum(len(segment.attributes["words"]) for segment in segments_of(found)) == 9 * 30


def test_sentences_are_twelve_seconds_at_most_and_break_at_clauses():
    found = segments_of(analyzed(spoken((26, 0.3))))
    assert max(segment.end_seconds - segment.start_seconds for segment in found) <= 12.0
    assert all((segment.text or "").endswith(",") for segment in found[:-1])
    assert [len(segment.attributes["words"]) for segment in found] == [5, 10, 11] or len(found) == 3


def test_each_passage_is_in_its_language_and_an_unsure_one_in_the_files():
    transcriber = LoudSpeaker()
    found = analyzed(
        spoken((20, 0.3), (4, 0), (10, 0.5), (4, 0), (5, 0.2), (4, 0), (20, 0.3)), transcriber=transcriber
    )
    assert [language for _, language in transcriber.heard] == ["en", "de", "en", "en"]
    assert [note for each in found for note in each.notes] == []


def test_a_language_that_is_not_certain_is_said_once():
    notes = [note for each in analyzed(spoken((10, 0.2), (4, 0), (10, 0.2))) for note in each.notes]
    assert notes == [
        "which language is spoken is not certain (la, with a probability of 30%): say it with --language"
    ]
    assert [note for each in analyzed(spoken((10, 0.2)), language="en") for note in each.notes] == []


def test_words_that_are_doubtful_are_said_to_be():
    """German through an English model became fluent English, and nothing said so."""

    class Unsure(LoudSpeaker):
        probability = 0.46
        languages = ("en",)

    notes = [note for each in analyzed(spoken((70, 0.3)), transcriber=Unsure()) for note in each.notes]
    assert notes == [
        "what was heard is doubtful, its words 46% sure on average; the model knows en alone: "
        "another --speech-model may hear more"
    ]
    assert [note for each in analyzed(spoken((5, 0.3)), transcriber=Unsure()) for note in each.notes] == []


@pytest.fixture(scope="module")
def whisper():
    return load_transcriber(str(whisper_folder()), device=Device("cpu", "fp32"), num_threads=1)


def film(path: Path, offset: float) -> tuple[Path, dict[str, float]]:
    """Recordings one after the other, with pauses; and when each begins."""
    names = ("LJ001-0001", "LJ001-0003", "LJ001-0005")
    parts, starts, at = [], {}, offset
    for name in names:
        sound = read_speech(name)
        parts += [sound, np.zeros(3 * RATE, dtype=np.float32)]
        starts[name] = at
        at += len(sound) / RATE + 3
    return with_sound(path, np.concatenate(parts), rate=RATE, offset_seconds=offset), starts


def test_real_speech_is_written_down_where_it_is_said_and_found(whisper, tmp_path):
    path, starts = film(tmp_path / "film.mp4", 2.5)
    with Store.open(tmp_path / "library", create=True) as library:
        report = ingest(
            library,
            [path],
            embedders=[ColourEmbedder()],
            stream_analyzers=[SpeechAnalyzer(whisper)],
            plan=SamplingPlan(fps=0.1),
        )
        assert report.failures == ()
        (track,) = [track for track in library.tracks(1) if track.kind == "transcript"]
        segments = library.segments(track.id)
        (found,) = library.match("movable metal letters", 1, kinds=(WordKind("transcript"),))
        assert library.verify() == []
    expected = " ".join(said()[name] for name in starts)
    assert word_errors(expected, " ".join(segment.text or "" for segment in segments)).rate < 0.1
    firsts = [min(abs(s.start_seconds - start) for s in segments) for start in starts.values()]
    assert max(firsts) < 0.5
    assert starts["LJ001-0005"] - 0.5 < found.start_seconds < starts["LJ001-0005"] + 4
    words = segments[0].attributes["words"]
    assert words == json.loads(json.dumps(words))
    assert [type(value) for value in words[0]] == [float, float, str, float]


def test_nothing_is_heard_where_nobody_speaks(whisper):
    """Without voice detection, Whisper hears "you" in silence and "BAH!" in music."""
    rng = np.random.default_rng(0)
    times = np.arange(20 * RATE) / RATE
    chords = sum(np.sin(2 * np.pi * pitch * times) * np.exp(-4 * (times % 0.5)) for pitch in (220, 277, 330))
    for sound in (np.zeros(20 * RATE), 0.05 * rng.standard_normal(20 * RATE), 0.1 * np.asarray(chords)):
        blocks = iter([AudioBlock(0.0, sound.astype(np.float32))])
        assert segments_of(SpeechAnalyzer(whisper).analyze(blocks)) == []
