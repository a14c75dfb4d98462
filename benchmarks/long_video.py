"""Memory over a video of many hours that is heard and read, and whether a stopped run goes on alike.

    python benchmarks/long_video.py SPEECH_FOLDER --model WHISPER [--hours 10] [--every 1200] [--resume]

Makes a film of so many hours in which a recording of SPEECH_FOLDER is heard every so many seconds, and
silence between them, beside a picture that says another line of text every ten minutes. Has it heard and
read, and prints this process's memory ten times on the way. With --resume, does so again into another
library, stops in the middle of the sound, goes on in another run, and compares what was heard.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import psutil
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidsearch.evaluation.speech import read_sound
from vidsearch.ingest import IngestReport, ingest
from vidsearch.ingest.screen_text import ScreenText
from vidsearch.ingest.speech import SpeechAnalyzer
from vidsearch.models.device import Device
from vidsearch.models.ocr import PPOcr
from vidsearch.models.whisper import load_transcriber
from vidsearch.store.store import Store
from vidsearch.types import EmbeddingSpace, SamplingPlan

if TYPE_CHECKING:
    from vidsearch.ingest.report import ProgressState
    from vidsearch.types import Float32, UInt8Image

RATE = 16_000
PICTURE_SECONDS = 10
TEXT_SECONDS = 600


class MeanColour:
    """The least that can be called an embedder."""

    space = EmbeddingSpace("mean colour", "1", "none", 3)
    short_side_pixels = 64

    def embed_images(self, images: Sequence[UInt8Image]) -> Float32:
        """Mean colours, as unit rows."""
        rows = np.array([image.mean(axis=(0, 1)) for image in images]) + 1.0
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """It has no words."""
        raise NotImplementedError


def write_film(path: Path, sounds: Sequence[Float32], *, seconds: int, every: int) -> None:
    """Write the film."""
    with av.open(str(path), "w") as output:
        video = output.add_stream(
            "libx264", rate=Fraction(1, PICTURE_SECONDS), options={"preset": "ultrafast"}
        )
        audio = output.add_stream("flac", rate=RATE, layout="mono")
        assert isinstance(video, VideoStream)
        assert isinstance(audio, AudioStream)
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        for start in range(0, seconds, PICTURE_SECONDS):
            image = np.full((360, 640, 3), 60, np.uint8)
            words = f"Part {start // TEXT_SECONDS + 1} of this film"
            cv2.putText(image, words, (60, 180), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (240, 240, 240), 2)
            picture = VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = start, Fraction(1)
            output.mux(video.encode(picture))
            part = np.zeros(PICTURE_SECONDS * RATE, np.float32)
            number, since = divmod(start, every)
            sound = sounds[number % len(sounds)][since * RATE :]
            part[: len(sound)] = sound[: len(part)]
            samples = (part * 32767).astype(np.int16)[None]
            frame = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), start * RATE
            output.mux(audio.encode(frame))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))


def index(film: Path, library: Path, analyzer: SpeechAnalyzer, **options: Any) -> IngestReport:
    """Index the film."""
    with Store.open(library, create=True) as store:
        return ingest(
            store,
            [film],
            embedders=[MeanColour()],
            stream_analyzers=[analyzer],
            reader=ScreenText(PPOcr(num_threads=1)),
            plan=SamplingPlan(fps=1 / PICTURE_SECONDS),
            **options,
        )


def heard(library: Path) -> list[tuple[float, float, str | None]]:
    """The sentences in a library."""
    with Store.open(library) as store:
        (track,) = [track for track in store.tracks(1) if track.kind == "transcript"]
        assert track.is_complete
        return [(each.start_seconds, each.end_seconds, each.text) for each in store.segments(track.id)]


def main() -> None:
    """Measure, and print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--every", type=int, default=1200, help="seconds from one recording to the next")
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()
    sounds = [read_sound(path, RATE) for path in sorted(arguments.folder.glob("*.flac"))]
    seconds = round(arguments.hours * 3600)
    analyzer = SpeechAnalyzer(load_transcriber(arguments.model, device=Device("cpu", "fp32"), num_threads=1))
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mkv"
        write_film(film, sounds, seconds=seconds, every=arguments.every)
        print(f"{seconds / 3600:g} hours, {film.stat().st_size / 1e6:.0f} MB", flush=True)
        next_hour = 0.0

        def show(state: ProgressState) -> None:
            nonlocal next_hour
            if state.seconds_done >= next_hour:
                rss = process.memory_info().rss / 2**20
                print(f"{state.seconds_done / 3600:5.2f} h: {rss:.0f} MiB", flush=True)
                next_hour += seconds / 10

        began = time.process_time()
        report = index(film, Path(folder) / "whole", analyzer, on_progress=show)
        print(f"{report.failures or 'no failures'}; {time.process_time() - began:.0f} CPU s")
        whole = heard(Path(folder) / "whole")
        print(f"{len(whole)} sentences, {report.counts.num_lines_read} lines of text")
        if arguments.resume:
            stop = threading.Event()

            def halt(state: ProgressState) -> None:
                if state.seconds_done > seconds * 0.55:
                    stop.set()

            stopped = index(film, Path(folder) / "parts", analyzer, on_progress=halt, stop=stop)
            began = time.process_time()
            index(film, Path(folder) / "parts", analyzer)
            print(f"stopped: {stopped.interrupted}; went on in {time.process_time() - began:.0f} CPU s")
            print(f"the same was heard at the same times: {heard(Path(folder) / 'parts') == whole}")


if __name__ == "__main__":
    main()
