"""Measure nearest-neighbour search in a library's vector files: time, recall, build time and size.

    python benchmarks/vector_search.py [--num-vectors 1000000] [--dim 512] [--num-queries 500]

Runs what a library runs (`Vectors.nearest` and the files behind it), over two sets of made-up unit vectors:

*Clustered*, like the frames of videos in an image-text space. A frame is a common mean, plus a topic of one
of 2,000, plus its video (300 frames each), plus its shot (8 frames each), plus its own noise, each part
Gaussian with a standard deviation that falls with the square root of the dimension's number, all turned by a
random rotation. The result has cosines of 0.49 between any two frames and 0.97 between neighbours of one
shot. A query shares a topic with frames and differs from all of them as much as videos and shots differ.

*Independent*: Gaussian vectors and queries. All points are about equally far from each other, so that no
index can leave much out; nothing that a model makes of pictures looks like that.

Recall@10 is the share of the ten exact nearest that is found. Exact: NumPy, over all vectors.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.store import vector_files
from vidsearch.store import vectors as index_vectors
from vidsearch.store.matrix import POSITION, Rows
from vidsearch.store.sqlite.catalog import SqliteCatalog
from vidsearch.store.vector_rows import ensure_space, note_change, note_removal
from vidsearch.store.vectors import Vectors, catch_up_index
from vidsearch.types import EmbeddingSpace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.types import Float32, Int64

K = 10
_BLOCK_ROWS = 60_000
_VIDEO_FRAMES = 300
_SHOT_FRAMES = 8
_NUM_TOPICS = 2000


@dataclass(frozen=True)
class Measured:
    """What came out for one set of vectors."""

    name: str
    num_vectors: int
    recall_at_10: float
    p50_milliseconds: float
    p99_milliseconds: float
    cpu_milliseconds: float
    write_seconds: float
    index_seconds: float
    index_megabytes: float
    rows_megabytes: float


def clustered(
    num_vectors: int, dim: int, num_queries: int, rng: np.random.Generator
) -> tuple[Float32, Iterator[Float32]]:
    """Queries, and blocks of vectors like frames."""
    spread = (np.arange(1, dim + 1) ** -0.5).astype(np.float32)
    rotation = np.linalg.qr(rng.standard_normal((dim, dim)))[0].astype(np.float32)

    def part(count: int) -> Float32:
        return np.asarray(rng.standard_normal((count, dim), dtype=np.float32) * spread)

    mean = 1.5 * part(1)
    topics = part(_NUM_TOPICS)

    def unit(rows: Float32) -> Float32:
        return np.asarray((rows / np.linalg.norm(rows, axis=1, keepdims=True)) @ rotation)

    def blocks() -> Iterator[Float32]:
        for start in range(0, num_vectors, _BLOCK_ROWS):
            frames = np.arange(min(_BLOCK_ROWS, num_vectors - start))
            video, shot = frames // _VIDEO_FRAMES, frames // _SHOT_FRAMES
            videos = topics[rng.integers(_NUM_TOPICS, size=video[-1] + 1)] + 0.7 * part(video[-1] + 1)
            shots = 0.7 * part(shot[-1] + 1)
            yield unit(mean + videos[video] + shots[shot] + 0.35 * part(len(frames)))

    chosen = topics[rng.integers(_NUM_TOPICS, size=num_queries)]
    return unit(mean + chosen + 0.7 * part(num_queries) + 0.7 * part(num_queries)), blocks()


def independent(
    num_vectors: int, dim: int, num_queries: int, rng: np.random.Generator
) -> tuple[Float32, Iterator[Float32]]:
    """Queries, and blocks of vectors without any structure."""

    def unit(count: int) -> Float32:
        rows = rng.standard_normal((count, dim), dtype=np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    blocks = (unit(min(_BLOCK_ROWS, num_vectors - start)) for start in range(0, num_vectors, _BLOCK_ROWS))
    return unit(num_queries), blocks


def exact(vectors: Rows, queries: Float32) -> Int64:
    """The ten nearest rows of each query."""
    scores, rows = [], []
    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = queries @ vectors[start : start + _BLOCK_ROWS].T
        best = np.argpartition(-block, K, axis=1)[:, :K]
        rows.append(best + start)
        scores.append(np.take_along_axis(block, best, axis=1))
    order = np.argsort(-np.concatenate(scores, axis=1), axis=1)[:, :K]
    return np.take_along_axis(np.concatenate(rows, axis=1), order, axis=1)


def measure(
    name: str, folder: Path, num_vectors: int, dim: int, queries: Float32, blocks: Iterator[Float32]
) -> Measured:
    """Write the vectors as a library does, and search them."""
    space = EmbeddingSpace(model=name, weights_digest="made up", preprocessing="none", dim=dim)
    catalog = SqliteCatalog(folder, create=True)
    with catalog.write() as connection:
        note_change(connection, [ensure_space(connection, space)], rewrites=False)
    vectors = Vectors(catalog, library_id="benchmark")
    files = vectors.files(space)
    files.manifest_path.parent.mkdir()

    def positioned() -> Iterator[tuple[NDArray[np.void], Float32]]:
        frame_id = 1
        for block in blocks:
            positions = np.empty(len(block), POSITION)
            positions["segment_id"] = np.arange(frame_id, frame_id + len(block))
            positions["video_id"] = positions["segment_id"] // _VIDEO_FRAMES
            positions["time_seconds"] = positions["segment_id"] % _VIDEO_FRAMES
            frame_id += len(block)
            yield positions, block

    started = time.perf_counter()
    row_type = "<f2" if num_vectors > vector_files.HALF_ROWS else "<f4"
    manifest = files.rewrite(positioned(), revision=1, row_type=row_type)
    write_seconds = time.perf_counter() - started
    started = time.perf_counter()
    manifest = catch_up_index(files, manifest)
    index_seconds = time.perf_counter() - started

    everything = vectors.matrix(space)
    expected = exact(everything.vectors, queries)
    for query in queries[:20]:
        vectors.nearest(space, query, K)
    seconds, num_found = [], 0
    cpu_started = time.process_time()
    for query, best in zip(queries, expected, strict=True):
        started = time.perf_counter()
        ids, _ = vectors.nearest(space, query, K)
        seconds.append(time.perf_counter() - started)
        num_found += len(np.intersect1d(ids[0] - 1, best))
    cpu_seconds = time.process_time() - cpu_started
    measured = Measured(
        name=name,
        num_vectors=len(everything),
        recall_at_10=num_found / expected.size,
        p50_milliseconds=1e3 * float(np.median(seconds)),
        p99_milliseconds=1e3 * float(np.quantile(seconds, 0.99)),
        cpu_milliseconds=1e3 * cpu_seconds / len(queries),
        write_seconds=write_seconds,
        index_seconds=index_seconds,
        index_megabytes=sum(entry.size_bytes for entry in manifest.shards) / 1e6,
        rows_megabytes=everything.vectors.nbytes / 1e6,
    )
    catalog.close()
    return measured


def measure_cold(name: str, folder: Path, dim: int, queries: Float32) -> None:
    """Print what a new process takes for its first answer, and for the first after a video was removed."""
    asked = folder / "queries.npy"
    np.save(asked, queries)
    script = Path(__file__).with_name("vector_first_answer.py")
    command = [sys.executable, str(script), str(folder), name, str(dim), str(asked)]
    print(
        "A new process:", subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    )
    with closing(SqliteCatalog(folder)) as catalog:
        space = EmbeddingSpace(model=name, weights_digest="made up", preprocessing="none", dim=dim)
        vectors = Vectors(catalog, library_id="benchmark")
        vectors.nearest(space, queries[:1], K)
        started, cpu_started = time.perf_counter(), time.process_time()
        with catalog.write() as connection:
            first = 10 * _VIDEO_FRAMES
            note_removal(connection, [ensure_space(connection, space)], [(first, first + _VIDEO_FRAMES)])
        vectors.nearest(space, queries[:1], K)
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
        print(f"A video removed, and a search without it: {seconds:.2f} s, {cpu_seconds:.2f} s of CPU")
    print(
        "A new process:", subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    )


def main() -> None:
    """Measure both sets and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--num-vectors", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--num-queries", type=int, default=500)
    parser.add_argument("--kind", choices=("clustered", "independent", "both"), default="both")
    parser.add_argument(
        "--folder", type=Path, default=None, help="where to write; needs about 3 GB a million"
    )
    parser.add_argument(
        "--cold", action="store_true", help="also what a new process does first, and after a removal"
    )
    options = parser.parse_args()
    kinds = {"clustered": clustered, "independent": independent}
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; exact up to {index_vectors.EXACT_ROWS:,}")
    print("| vectors | recall@10 | p50 ms | p99 ms | CPU ms | rows: s, MB | index: s, MB |")
    print("|---|---|---|---|---|---|---|")
    for name in kinds if options.kind == "both" else [options.kind]:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            queries, blocks = kinds[name](
                options.num_vectors, options.dim, options.num_queries, np.random.default_rng(0)
            )
            result = measure(
                name, Path(folder) / "library", options.num_vectors, options.dim, queries, blocks
            )
            if options.cold:
                measure_cold(name, Path(folder) / "library", options.dim, queries)
        cells = (
            f"{result.num_vectors:,} {name}, {options.dim}-d",
            f"{result.recall_at_10:.3f}",
            f"{result.p50_milliseconds:.2f}",
            f"{result.p99_milliseconds:.2f}",
            f"{result.cpu_milliseconds:.2f}",
            f"{result.write_seconds:.0f}, {result.rows_megabytes:,.0f}",
            f"{result.index_seconds:.0f}, {result.index_megabytes:,.0f}",
        )
        print("| " + " | ".join(cells) + " |", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"Peak memory, mapped files in it: {peak:,.0f} MB")


if __name__ == "__main__":
    main()
