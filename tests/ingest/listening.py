"""An analyzer that hears beeps, and an index run of it to be killed.

python -m tests.ingest.listening LIBRARY FOLDER LOG
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tests.fakes import ColourEmbedder
from tests.sounds import heard_at
from vidsearch.ingest import IngestReport, PipelineOptions, ingest
from vidsearch.ingest.analyzers import AudioFindings, span_params
from vidsearch.store.store import Store
from vidsearch.tracks import SegmentRecord, TrackSpec
from vidsearch.types import AudioBlock, SamplingPlan

WINDOW_SECONDS = 2.0


class BeepAnalyzer:
    """Says "beep" from where each beep begins until 0.1 s later, in windows of 2 s.

    `heard` holds the start of each window that it was given.
    """

    audio_track: int | None = None

    def __init__(
        self,
        model: str = "beeps",
        *,
        sample_rate: int = 8_000,
        on_window: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.model = model
        self.sample_rate = sample_rate
        self.heard: list[float] = []
        self._on_window = on_window

    def track(self, plan: SamplingPlan) -> TrackSpec:
        return TrackSpec("transcript", self.model, span_params(plan))

    def analyze(
        self, sound: Iterator[AudioBlock], before: Sequence[SegmentRecord] = ()
    ) -> Iterator[AudioFindings]:
        for start_seconds, samples in self._windows(sound):
            self.heard.append(start_seconds)
            self._on_window(start_seconds)
            times = [start_seconds + time for time in heard_at(samples, self.sample_rate)]
            yield AudioFindings(
                start_seconds + WINDOW_SECONDS,
                tuple(SegmentRecord(round(time, 1), round(time, 1) + 0.1, "beep") for time in times),
            )

    def _windows(self, sound):
        waiting, start = np.zeros(0, dtype=np.float32), None
        for block in sound:
            start = block.start_seconds if start is None else start
            waiting = np.concatenate([waiting, block.samples])
            size = round((WINDOW_SECONDS - start % WINDOW_SECONDS) * self.sample_rate)
            while len(waiting) >= size:
                yield start, waiting[:size]
                start, waiting = start + size / self.sample_rate, waiting[size:]
                size = round(WINDOW_SECONDS * self.sample_rate)
        if len(waiting):
            yield start, waiting


def index(library: Path, folder: Path, log: Path) -> IngestReport:
    """Index a folder, and write the start of each window that is listened to into a log."""

    def note(start_seconds: float) -> None:
        with log.open("a") as file:
            file.write(f"{start_seconds}\n")
        time.sleep(0.01)

    with Store.open(library, create=True) as opened:
        return ingest(
            opened,
            [folder],
            embedders=[ColourEmbedder()],
            stream_analyzers=[BeepAnalyzer(on_window=note)],
            options=PipelineOptions(chunk_frames=4),
        )


if __name__ == "__main__":
    print("started", flush=True)
    print(index(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])).failures)
