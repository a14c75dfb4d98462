"""An index run to be killed: `python -m tests.ingest.index_process LIBRARY FOLDER LOG [STEP]`.

Its pictures carry numbers, and its models write into LOG, one line each, which numbers they were shown. It
has every kind of analyzer: of pictures, of the text in them, of speech, of sounds and of what moves. With a
STEP it kills itself there (`tests.store.kills`).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.fakes import LoudSpeaker, MotionEmbedder, PitchEmbedder
from tests.ingest.written import NumberReader
from tests.sounds import with_sound
from tests.store.kills import die_at
from tests.synthetic import numbered, read_number, write_video
from vidsearch.ingest import IngestReport, LookPolicy, PipelineOptions, ingest
from vidsearch.ingest.speech import SpeechAnalyzer
from vidsearch.ingest.windows import ClipAnalyzer, SoundAnalyzer
from vidsearch.store.store import Store
from vidsearch.types import EmbeddingSpace, GeneratedCaption

if TYPE_CHECKING:
    from vidsearch.types import Float32, UInt8Image

OPTIONS = PipelineOptions(batch_size=3, analyzer_batch_size=2, chunk_frames=4, num_decode_threads=2)
SOUND_RATE = 8_000
"""Of files and models: nothing is resampled, so that what is heard again is the same to the last bit."""
POLICY = LookPolicy(rule="novel", min_distance=0.3)


class NumberEmbedder:
    """Embeds a numbered picture as its bits, each +1 or -1, over 4."""

    space = EmbeddingSpace(model="number", weights_digest="number-1", preprocessing="bits", dim=16)
    short_side_pixels = 64

    def __init__(self, log: Path, *, seconds_per_image: float = 0.0) -> None:
        self._log = log
        self._seconds_per_image = seconds_per_image

    def embed_images(self, images: Sequence[UInt8Image]) -> Float32:
        numbers = [read_number(image) for image in images]
        _append(self._log, [f"embed {number}" for number in numbers])
        time.sleep(self._seconds_per_image * len(images))
        bits = np.asarray(numbers)[:, None] >> np.arange(16) & 1
        return ((bits * 2 - 1) / 4).astype(np.float32)

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        raise NotImplementedError


class NumberCaptioner:
    """Captions a numbered picture: "picture 12"."""

    model = "number"
    weights_digest = "number-1"
    prompt = None
    short_side_pixels = 64

    def __init__(self, log: Path) -> None:
        self._log = log

    def captions(self, images: Sequence[UInt8Image]) -> list[GeneratedCaption]:
        numbers = [read_number(image) for image in images]
        _append(self._log, [f"caption {number}" for number in numbers])
        texts = [f"picture {number}" for number in numbers]
        return [GeneratedCaption(text, text, ("picture",), (-1.0,)) for text in texts]


def index(library: Path, folder: Path, log: Path, *, seconds_per_image: float = 0.0) -> IngestReport:
    """Index a folder of numbered clips."""
    embedder = NumberEmbedder(log, seconds_per_image=seconds_per_image)
    with Store.open(library, create=True) as opened:
        return ingest(
            opened,
            [folder],
            embedders=[embedder],
            captioner=NumberCaptioner(log),
            caption_policy=POLICY,
            reader=NumberReader(),
            stream_analyzers=[
                SpeechAnalyzer(LoudSpeaker(sample_rate=SOUND_RATE)),
                SoundAnalyzer(PitchEmbedder()),
                ClipAnalyzer(MotionEmbedder()),
            ],
            options=OPTIONS,
            retry_failed=True,  # whoever kills it at random kills it thrice at one file, too
        )


def numbered_clip(path: Path, first: int, num_frames: int, *, with_speech: bool = False) -> Path:
    """A clip of a picture a second: numbers from `first` on, some of them twice, and some pictures black.

    With speech, its sound is four times as long as its pictures: seconds of German, English and of what may
    be either, with pauses, in several windows.
    """

    def picture(index: int) -> UInt8Image:
        if index % 11 == 5:
            return np.zeros((64, 96, 3), dtype=np.uint8)
        return numbered(first + index - (index % 7 == 3))

    plain = path.with_suffix(".plain.mkv") if with_speech else path
    write_video(plain, picture, num_frames=num_frames, frame_rate=1, options={"crf": "0"}, gop=5)
    if with_speech:
        with_sound(path, spoken_seconds(num_frames * 4, first), rate=SOUND_RATE, codec="flac", still=plain)
        plain.unlink()
    return path


def spoken_seconds(num_seconds: int, seed: int) -> Float32:
    """Sound as `LoudSpeaker` hears it: some seconds of one loudness each, with pauses between them."""
    chance = np.random.default_rng(seed)
    parts: list[Float32] = []
    while sum(len(part) for part in parts) < num_seconds * SOUND_RATE:
        count = int(chance.integers(1, 9)) * SOUND_RATE
        wave = np.where(np.arange(count) // int(chance.integers(4, 20)) % 2, 1.0, -1.0)
        pause = np.zeros(int(chance.integers(1, 4)) * SOUND_RATE, np.float32)
        parts += [(wave * chance.choice([0.2, 0.3, 0.5])).astype(np.float32), pause]
    return np.concatenate(parts)[: num_seconds * SOUND_RATE]


def _append(log: Path, lines: Sequence[str]) -> None:
    # One write, so that a kill leaves no half of a line.
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, "".join(f"{line}\n" for line in lines).encode())
    os.close(file)


if __name__ == "__main__":
    print("started", flush=True)
    if len(sys.argv) > 4:
        die_at(int(sys.argv[4]))
    report = index(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), seconds_per_image=0.01)
    print(report.failures)
