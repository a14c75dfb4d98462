"""Whisper by name, folder and in the lists, and what is said where it cannot be had."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.speech import read_speech, whisper_folder
from vidsearch.errors import ModelUnavailable, QueryError
from vidsearch.models import weights
from vidsearch.models.device import Device
from vidsearch.models.known import known_models
from vidsearch.models.registry import pull_model, resolve_models
from vidsearch.models.whisper import load_transcriber
from vidsearch.service.listening import has_speech_model, speech_analyzer

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
    with pytest.raises(QueryError, match=r"does not know the language 'de'\. It knows en"):
        speech_analyzer(str(whisper_folder()), language="de")
    with pytest.raises(QueryError, match="1 is a file's first"):
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
