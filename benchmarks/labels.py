"""How long labels take over many frames, and how much memory.

    python benchmarks/labels.py [--frames 1000000] [--labels 1000] [--dim 512]

Made-up vectors in clusters, as frames of shots lie: 200 directions, each frame near one of them for some 30
frames in a row, in videos of 3,600 frames, mapped from a file as a library's are. Labels are near these
directions too, so that one frame in 500 fits each. From ready vectors to spans; the catalog is not written.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from vidsearch.labels import scoring
from vidsearch.labels.scoring import LabelScorer
from vidsearch.search.timeline import Timeline

_FRAMES_A_VIDEO = 3600
_FRAMES_A_SHOT = 30
_NUM_CLUSTERS = 200


class _Ends:
    """Says when frames end, as a store does: a second after they begin."""

    def __init__(self, times: np.ndarray) -> None:
        self._times = times

    def positions(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return ids, self._times[ids], self._times[ids] + 1


def _unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)


def main() -> None:
    """Make the vectors, label them, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=1000)
    parser.add_argument("--dim", type=int, default=512)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    centres = _unit(rng.standard_normal((_NUM_CLUSTERS, options.dim)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        with path.open("wb") as file:
            for start in range(0, options.frames, 9000):
                count = min(9000, options.frames - start)
                cluster = np.repeat(
                    rng.integers(0, _NUM_CLUSTERS, count // _FRAMES_A_SHOT + 1), _FRAMES_A_SHOT
                )
                noise = rng.standard_normal((count, options.dim), dtype=np.float32) / options.dim**0.5
                file.write(_unit(centres[cluster[:count]] + noise).tobytes())
        rows = np.memmap(path, np.float32, "r", shape=(options.frames, options.dim))
        ids = np.arange(options.frames)
        times = (ids % _FRAMES_A_VIDEO).astype(float)
        timeline = Timeline(ids, ids // _FRAMES_A_VIDEO, times, rows)
        near = centres[rng.integers(0, _NUM_CLUSTERS, options.labels)]
        noise = rng.standard_normal((options.labels, options.dim)) / options.dim**0.5
        labels = _unit(near + 1.5 * noise)
        scorer = LabelScorer.__new__(LabelScorer)
        scorer._store = _Ends(times)  # type: ignore[assignment]
        scorer._spaces = [scoring._Weights(timeline, labels, np.zeros(options.labels, np.float32))]
        sample = np.asarray(rows[:: max(1, options.frames // 2000)]) @ labels.T
        scorer._thresholds = np.quantile(sample, 0.998, axis=0).astype(np.float32)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start_seconds, start_work = time.perf_counter(), time.process_time()
        spans = scorer.spans()
        seconds, work = time.perf_counter() - start_seconds, time.process_time() - start_work
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{options.labels:,} labels over {options.frames:,} frames of {options.dim} numbers: {seconds:.1f} s "
        f"({work:.1f} s of work), "
        f"{len(spans):,} spans; peak memory {before / 1e6:.2f} GB before, {after / 1e6:.2f} GB after, "
        f"of which the mapped file may be {options.frames * options.dim * 4 / 1e9:.2f} GB"
    )


if __name__ == "__main__":
    main()
