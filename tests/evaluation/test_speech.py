"""Word error rates are those that jiwer counts, over folders as data sets are given out."""

from __future__ import annotations

import json

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.speech import SPEECH, whisper_folder
from vidsearch.cli.app import app
from vidsearch.errors import QueryError
from vidsearch.evaluation.speech import Utterance, WordErrors, open_speech, word_errors, words_of

WORDS = st.lists(st.sampled_from(["a", "dog", "runs", "home", "it's"]), min_size=1, max_size=8).map(" ".join)


@given(WORDS, WORDS)
def test_errors_are_counted_as_jiwer_counts_them(said, written):
    theirs = jiwer.process_words(said, written)
    expected = theirs.substitutions + theirs.deletions + theirs.insertions
    assert word_errors(said, written) == WordErrors(len(said.split()), expected)


def test_case_punctuation_and_hyphens_do_not_count():
    assert words_of("“It’s a well-known – dog,” he said; 'yes'.") == [
        *("it's", "a", "well", "known", "dog", "he", "said", "yes")
    ]
    assert (word_errors("", "").rate, word_errors("", "you").rate) == (0.0, 1.0)


def test_folders_of_sounds_and_words(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.wav").touch()
    with pytest.raises(QueryError, match="holds no sounds with words"):
        open_speech(tmp_path)
    (tmp_path / "a.txt").write_text("said in a")
    assert open_speech(tmp_path) == [Utterance(tmp_path / "a.wav", "said in a")]
    (tmp_path / "metadata.csv").write_text('b|No. 2 "x|number two x\nc|gone|gone\n')
    assert open_speech(tmp_path) == [Utterance(tmp_path / "b.wav", "number two x")]


def test_the_command_says_how_good_a_model_is():
    folder = str(whisper_folder())
    if not SPEECH.is_dir():
        pytest.skip(f"no recordings in {SPEECH}")
    result = CliRunner().invoke(app, ["eval", "speech", str(SPEECH), "--models", folder, "--json"])
    (report,) = json.loads(result.stdout)
    assert report["word_error_rate"] < 0.08
    assert report["low"] <= report["word_error_rate"] <= report["high"]
    assert len(report["worst"]) == 3
