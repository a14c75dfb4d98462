"""How well speech in videos is written down, and how exactly in time.

    python benchmarks/speech.py SPEECH_FOLDER --model WHISPER [--seed N]

SPEECH_FOLDER holds sound files and their words, in LJ Speech's layout (metadata.csv: name|written|spoken).
They are joined, at known times, with silence, noise and music between them, and put beside pictures in an MP4
whose sound begins after them. Reported are the word error rate, how far the first word of each utterance is
from where it was put, what was heard where nobody speaks, and how often a phrase is found first by its words.
"""

from __future__ import annotations

import argparse
import csv
import random
import statistics
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidsearch.evaluation.speech import read_sound, word_errors, words_of
from vidsearch.ingest.speech import SpeechAnalyzer
from vidsearch.media.audio import audio_blocks
from vidsearch.models.device import Device
from vidsearch.models.whisper import load_transcriber
from vidsearch.service.library import Library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidsearch.tracks import SegmentRecord
    from vidsearch.types import Float32, UInt8Image

RATE = 16_000
OFFSET_SECONDS = 1.5
"""The sound of the video begins so long after its pictures."""
DISTRACTIONS = ("silence", "noise", "music")
GREY = (np.full((48, 64, 3), 100, dtype=np.uint8),)


def distraction(kind: str, seconds: float, rng: np.random.Generator) -> Float32:
    """Sound in which nobody speaks."""
    count = round(seconds * RATE)
    if kind == "silence":
        return np.zeros(count, dtype=np.float32)
    if kind == "noise":
        return (0.05 * rng.standard_normal(count)).astype(np.float32)
    times = np.arange(count) / RATE
    sound = np.zeros(count, dtype=np.float64)
    for start in np.arange(0, seconds, 0.5):  # chords of four overtones each, struck twice a second
        root = 220 * 2 ** (rng.integers(0, 12) / 12)
        since = times - start
        envelope = np.where(since >= 0, np.exp(-3 * np.clip(since, 0, None)), 0)
        for third in (1, 1.26, 1.5):
            for overtone in range(1, 5):
                sound += envelope * np.sin(2 * np.pi * root * third * overtone * since) / overtone
    loudest = max(1e-9, float(np.abs(sound).max()))
    return np.asarray(0.2 * sound / loudest, dtype=np.float32)


def onset_seconds(sound: Float32) -> float:
    """When it first gets a tenth as loud as it ever is."""
    return float(np.argmax(np.abs(sound) > 0.1 * np.abs(sound).max())) / RATE


def write_film(path: Path, sound: Float32, pictures: Sequence[UInt8Image] = GREY) -> None:
    """Write pictures of one size, (height, width, 3), for a second each and again from the first one on, with
    a sound that begins `OFFSET_SECONDS` after them.
    """
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=1)
        audio = output.add_stream("aac", rate=RATE, layout="mono")
        assert isinstance(video, VideoStream)
        assert isinstance(audio, AudioStream)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.codec_context.max_b_frames = 0
        packets = []
        for number in range(round(OFFSET_SECONDS + len(sound) / RATE) + 1):
            picture = VideoFrame.from_ndarray(pictures[number % len(pictures)], format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1)
            packets += video.encode(picture)
        packets += video.encode(None)
        for start in range(0, len(sound), 1024):
            frame = AudioFrame.from_ndarray(sound[None, start : start + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
            frame.pts = start + round(OFFSET_SECONDS * RATE)
            packets += audio.encode(frame)
        packets += audio.encode(None)
        for packet in sorted(packets, key=lambda each: float((each.dts or 0) * each.time_base)):
            output.mux(packet)


def first_word_seconds(segments: list[SegmentRecord], start: float, end: float) -> float | None:
    """The time of the first word whose middle is within [start, end)."""
    times = [
        float(word[0])
        for segment in segments
        for word in segment.attributes["words"]
        if start <= (word[0] + word[1]) / 2 < end
    ]
    return min(times, default=None)


def num_found_first(film: Path, model: str, spoken: Sequence[tuple[str, float, float]]) -> int:
    """How many utterances (words, from, until) a search for five words from their middle finds first."""
    num_found = 0
    with tempfile.TemporaryDirectory() as folder, Library.create(folder) as library:
        library.index(film, models="mini", captions=False, speech=True, speech_model=model)
        for text, begin, end in spoken:
            words = words_of(text)
            middle = max(0, len(words) // 2 - 2)
            hits = library.search(" ".join(words[middle : middle + 5]), num_hits=1, kinds=["speech"])
            num_found += bool(hits) and begin - 0.5 <= hits[0].start_seconds < end
    return num_found


def main() -> None:
    """Measure, and print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    rng, chance = np.random.default_rng(arguments.seed), random.Random(arguments.seed)
    with (arguments.folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        said = {row[0]: row[-1] for row in csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE)}
    names = sorted(said)
    chance.shuffle(names)
    parts: list[Float32] = []
    spoken: list[tuple[str, float, float, float]] = []  # name, from, first word, until
    quiet: list[tuple[str, float, float]] = []
    seconds = OFFSET_SECONDS
    for number, name in enumerate(names):
        kind = DISTRACTIONS[number % 3]
        rest = distraction(kind, chance.uniform(0.5, 8.0), rng)
        sound = read_sound(arguments.folder / f"{name}.flac", RATE)
        quiet.append((kind, seconds, seconds + len(rest) / RATE))
        seconds += len(rest) / RATE
        spoken.append((name, seconds, seconds + onset_seconds(sound), seconds + len(sound) / RATE))
        seconds += len(sound) / RATE
        parts += [rest, sound]
    for kind in DISTRACTIONS:
        rest = distraction(kind, 40.0, rng)
        quiet.append((kind, seconds, seconds + 40.0))
        seconds += 40.0
        parts.append(rest)

    transcriber = load_transcriber(
        arguments.model, device=Device("cpu", "fp32"), num_threads=arguments.threads
    )
    analyzer = SpeechAnalyzer(transcriber)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        write_film(film, np.concatenate(parts))
        began = time.process_time()
        blocks = audio_blocks(film, sample_rate=analyzer.sample_rate)
        segments = [segment for found in analyzer.analyze(blocks) for segment in found.segments]
        cpu_seconds = time.process_time() - began
        utterances = [(said[name], begin, end) for name, begin, _, end in spoken]
        num_found = num_found_first(film, arguments.model, utterances)

    words = [word for segment in segments for word in segment.attributes["words"]]
    errors = word_errors(" ".join(said[name] for name, *_ in spoken), " ".join(word[2] for word in words))
    starts = []
    for _, begin, first, end in spoken:
        at = first_word_seconds(segments, begin - 0.5, end)
        if at is not None:
            starts.append(abs(at - first))
    heard = [
        (kind, word[2])
        for kind, begin, end in quiet
        for word in words
        if begin + 0.3 < (word[0] + word[1]) / 2 < end - 0.3
    ]
    lengths = [segment.end_seconds - segment.start_seconds for segment in segments]
    print(f"{len(spoken)} utterances, {seconds:.0f} s of video, model {arguments.model}")
    print(f"word error rate: {errors.rate:.1%} ({errors.num_errors} of {errors.num_words} words)")
    print(
        f"starts found {len(starts)} of {len(spoken)}: off by {statistics.median(starts):.2f} s at the "
        f"median, {max(starts):.2f} s at worst"
    )
    print(f"words heard where nobody speaks: {len(heard)} {heard[:8]}")
    print(f"a phrase of five words found first by its words: {num_found} of {len(spoken)}")
    print(f"{len(segments)} segments, the longest {max(lengths):.1f} s")
    print(f"{seconds / cpu_seconds:.1f} s of video per CPU second")


if __name__ == "__main__":
    main()
