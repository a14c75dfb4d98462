"""How much of what is said is written down right: word error rate over a folder of sounds and their words.

The word error rate is the least number of words to change, leave out and put in that turn what was written
into what was said, over the number of words said (Levenshtein distance; McCowan et al., "On the Use of
Information Retrieval Measures for Speech Recognition Evaluation", 2004). Case, punctuation and hyphens do not
count; numbers in figures are other words than numbers in words.
"""

from __future__ import annotations

import csv
import re
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import av.error
import numpy as np
from av.audio.resampler import AudioResampler

from vidsearch.errors import MediaError, QueryError
from vidsearch.evaluation.metrics import ratio_interval
from vidsearch.types import AudioBlock, SamplingPlan

if TYPE_CHECKING:
    from vidsearch.ingest.analyzers import AudioAnalyzer
    from vidsearch.types import Float32

METADATA = "metadata.csv"
_SOUND_ENDINGS = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus")
_NOT_A_WORD = re.compile(r"[^\w']+|_")
_EDGE_APOSTROPHES = re.compile(r"(?<!\w)'+|'+(?!\w)")


@dataclass(frozen=True, slots=True)
class Utterance:
    """A sound file, and what is said in it."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class WordErrors:
    """How a text differs from what was said."""

    num_words: int
    """Said."""
    num_errors: int

    @property
    def rate(self) -> float:
        return self.num_errors / self.num_words if self.num_words else float(self.num_errors > 0)


@dataclass(frozen=True, slots=True)
class SpeechReport:
    """How well a model writes down a folder of utterances."""

    model: str
    num_files: int
    num_words: int
    num_errors: int
    word_error_rate: float
    low: float
    """Of its 95% interval, from 1,000 resamplings of the files."""
    high: float
    sound_seconds: float
    times_real_time: float
    worst: tuple[tuple[str, float, str], ...]
    """Name, word error rate and transcript of the files with the most errors."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def open_speech(folder: Path) -> list[Utterance]:
    """Read a folder of sound files and their words.

    These are in `metadata.csv` (LJ Speech's: name|as written|as spoken), or each in a .txt file beside its
    sound. Raises QueryError where there are none.
    """
    sounds = {path.stem: path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _SOUND_ENDINGS}
    metadata = folder / METADATA
    if metadata.is_file():
        with metadata.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE)
            texts = {row[0]: row[-1] for row in rows if len(row) > 1}
    else:
        beside = {name: path.with_suffix(".txt") for name, path in sounds.items()}
        texts = {name: path.read_text(encoding="utf-8") for name, path in beside.items() if path.is_file()}
    found = [Utterance(sounds[name], text) for name, text in texts.items() if name in sounds]
    if not found:
        raise QueryError(
            f"{folder} holds no sounds with words: it should hold sound files and {METADATA}, with "
            "name|words in each line, or a .txt file beside each."
        )
    return found


def read_sound(path: Path, sample_rate: int) -> Float32:
    """Decode a sound file to mono, float32 (n,). Raises MediaError."""
    resampler = AudioResampler(format="flt", layout="mono", rate=sample_rate)
    try:
        with av.open(str(path)) as container:
            frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
            frames += resampler.resample(None)
    except IndexError as error:
        raise MediaError("has no sound", path=path) from error
    except av.error.FFmpegError as error:
        raise MediaError(f"cannot be read as sound ({error.strerror})", path=path) from error
    parts = [cast("Float32", frame.to_ndarray().reshape(-1)) for frame in frames]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return _EDGE_APOSTROPHES.sub(" ", _NOT_A_WORD.sub(" ", plain)).split()


def word_errors(said: str, written: str) -> WordErrors:
    """Count the words of `written` that are not what was said, in either direction."""
    reference, hypothesis = words_of(said), words_of(written)
    costs = list(range(len(hypothesis) + 1))
    for row, word in enumerate(reference, start=1):
        above, costs[0] = costs[0], row
        for column, other in enumerate(hypothesis, start=1):
            change = above + (word != other)
            above = costs[column]
            costs[column] = min(change, costs[column] + 1, costs[column - 1] + 1)
    return WordErrors(len(reference), costs[-1])


def transcript(analyzer: AudioAnalyzer, sound: Float32) -> str:
    """What is said in a sound, as `vidsearch index --speech` writes it down."""
    blocks = iter([AudioBlock(0.0, sound)])
    return " ".join(segment.text or "" for found in analyzer.analyze(blocks) for segment in found.segments)


def evaluate_speech(
    utterances: Sequence[Utterance], analyzer: AudioAnalyzer, *, num_worst: int = 3
) -> SpeechReport:
    """Transcribe each utterance by itself, and count the words that are wrong. Raises MediaError."""
    results: list[tuple[Utterance, WordErrors, str]] = []
    sound_seconds = 0.0
    began = time.monotonic()
    for utterance in utterances:
        sound = read_sound(utterance.path, analyzer.sample_rate)
        sound_seconds += len(sound) / analyzer.sample_rate
        written = transcript(analyzer, sound)
        results.append((utterance, word_errors(utterance.text, written), written))
    seconds = time.monotonic() - began
    errors = [counted for _, counted, _ in results]
    worst = sorted(results, key=lambda result: -result[1].rate)[:num_worst]
    num_errors = np.array([counted.num_errors for counted in errors], float)
    num_words = np.array([counted.num_words for counted in errors], float)
    rate, low, high = ratio_interval(num_errors, num_words)
    return SpeechReport(
        model=analyzer.track(SamplingPlan()).producer,
        num_files=len(results),
        num_words=sum(counted.num_words for counted in errors),
        num_errors=sum(counted.num_errors for counted in errors),
        word_error_rate=rate,
        low=low,
        high=high,
        sound_seconds=sound_seconds,
        times_real_time=sound_seconds / max(seconds, 1e-9),
        worst=tuple((found.path.name, counted.rate, written) for found, counted, written in worst),
    )
