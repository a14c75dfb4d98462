"""Whisper by name, folder and in the lists, and what is said where it cannot be had."""

from __future__ import annotations

import shutil
import subprocess
import sys
from unittest.mock import create_autospec

import numpy as np
import pytest

from tests.speech import read_speech, whisper_folder
from vidsearch.errors import ModelUnavailable, QueryError
from vidsearch.ingest.speech import SpeechAnalyzer
from vidsearch.models import weights
from vidsearch.models.device import Device
from vidsearch.models.known import known_models
from vidsearch.models.registry import pull_model, resolve_models
from vidsearch.models.whisper import Whisper, load_transcriber
from vidsearch.service.listening import has_speech_model, speech_analyzer
from vidsearch.types import AudioBlock, SpokenWord

CPU = Device("cpu", "fp32")


def test_it_is_in_the_list_of_models():
    names = {entry.name: entry.source for entry in known_models() if entry.kind == "transcriber"}
    assert names == {
        "whisper": "Systran/faster-whisper-small",
        "whisper-tiny": "Systran/faster-whisper-tiny",
        "whisper-base": "Systran/faster-whisper-base",
        "whisper-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    }


def test_a_folder_is_a_checkpoint_and_says_what_it_lacks(tmp_path):
    folder = whisper_folder()
    assert weights.from_folder(folder).weight_files == (folder / "model.bin",)
    assert pull_model(str(folder)) == folder
    shutil.copytree(folder, tmp_path / "half", ignore=shutil.ignore_patterns("model.bin"))
    with pytest.raises(ModelUnavailable, match=r"lacks weights \(model.bin\)"):
        load_transcriber(str(tmp_path / "half"), device=CPU)
    with pytest.raises(ModelUnavailable, match="hears nothing"):
        load_transcriber("mini", device=CPU)
    with pytest.raises(ModelUnavailable, match=r"transcriber|embeds nothing"):
        resolve_models("whisper")


def test_broken_weights_are_said(tmp_path):
    shutil.copytree(whisper_folder(), tmp_path / "broken")
    (tmp_path / "broken" / "model.bin").write_bytes(b"nothing")
    with pytest.raises(ModelUnavailable, match="cannot be loaded as a Whisper"):
        load_transcriber(str(tmp_path / "broken"), device=CPU)


def test_a_language_or_a_track_that_there_is_not_is_said():
    with pytest.raises(QueryError, match=r"does not support the language 'de'\. It supports en"):
        speech_analyzer(str(whisper_folder()), language="de")
    with pytest.raises(QueryError, match="a file's first track is 1"):
        speech_analyzer(str(whisper_folder()), audio_track=0)


def test_it_is_at_hand_only_where_its_weights_are():
    assert has_speech_model(str(whisper_folder()))
    assert not has_speech_model("whisper-turbo")


def test_words_have_times_and_no_torch_is_imported():
    read_speech("jfk")
    code = """
import sys
from tests.speech import read_speech, whisper_folder
from vidsearch.service.listening import speech_analyzer
from vidsearch.models.whisper import load_transcriber, whisper_device
whisper = load_transcriber(str(whisper_folder()), device=whisper_device("cpu"), num_threads=1)
sound = read_speech("jfk")
(first, *_), *_ = [whisper.speech(sound)]
words = whisper.words(sound, language="en")
print("".join(word.text for word in words))
print(all(a.end_seconds <= b.end_seconds for a, b in zip(words, words[1:])), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text, facts = done.stdout.splitlines()
    assert "ask not what your country can do for you" in text
    assert facts == "True False"


def test_it_asks_faster_whisper_in_its_own_terms():
    """Of languages and words, as a multilingual model answers; none is at hand, so its class stands in."""
    faster_whisper = pytest.importorskip("faster_whisper")
    from faster_whisper.transcribe import Segment, Word

    model = create_autospec(faster_whisper.WhisperModel, instance=True)
    model.detect_language.return_value = ("de", np.float32(0.75), [("de", 0.75), ("nl", 0.2)])
    word = Word(np.float64(0.5), np.float64(0.9), " Hallo", np.float64(0.9))
    segments = [
        Segment(1, 0, 0.0, 1.0, " Hallo", [], avg_logprob, 1.0, no_speech, [word], 0.0)
        for avg_logprob, no_speech in ((-0.2, 0.1), (-1.2, 0.9), (-1.6, 0.1))
    ]
    model.transcribe.return_value = (iter(segments), None)
    whisper = Whisper("whisper", model, weights_digest="none")
    sound = np.zeros(16_000, np.float32)

    assert whisper.language(sound) == ("de", 0.75)
    (heard,) = whisper.words(sound, language="de")  # and not what is no speech, or mere guesses
    assert (heard, type(heard.start_seconds)) == (SpokenWord(0.5, 0.9, " Hallo", 0.9), float)
    assert model.transcribe.call_args.kwargs["language"] == "de"


def test_an_english_model_is_never_asked_which_language_it_hears():
    """faster-whisper fails where it is; --language auto then means English."""
    sound = read_speech("jfk")
    whisper = load_transcriber(str(whisper_folder()), device=CPU, num_threads=1)
    assert tuple(whisper.languages) == ("en",)
    with pytest.raises(RuntimeError):
        whisper.language(sound)
    (found,) = SpeechAnalyzer(whisper).analyze(iter([AudioBlock(0.0, sound)]))
    assert {segment.attributes["language"] for segment in found.segments} == {"en"}
    assert found.notes == ()
