"""A new process that opens and searches the vectors of `benchmarks/vector_search.py`, which runs this script.

    python benchmarks/vector_first_answer.py FOLDER SPACE DIM QUERIES.npy

Prints the seconds from the first import to the first answer, and the memory in use after a hundred more.
"""

from __future__ import annotations

import time

_STARTED = time.perf_counter()

import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from vidsearch.search.timeline import Timeline  # noqa: E402
from vidsearch.store.sqlite.catalog import SqliteCatalog  # noqa: E402
from vidsearch.store.vectors import Vectors  # noqa: E402
from vidsearch.types import EmbeddingSpace  # noqa: E402


def main() -> None:
    """Search as the first query of a process does, then go on."""
    folder, name, dim, queries = sys.argv[1:]
    space = EmbeddingSpace(model=name, weights_digest="made up", preprocessing="none", dim=int(dim))
    vectors = Vectors(SqliteCatalog(Path(folder)), library_id="benchmark")
    asked = np.load(queries)
    sample = Timeline.of(vectors.matrix(space)).sample
    vectors.nearest(space, asked[:1], 512)
    seconds, cpu_seconds = time.perf_counter() - _STARTED, time.process_time()
    for query in asked[:100]:
        vectors.nearest(space, query, 10)
    status = Path("/proc/self/status").read_text()
    kilobytes = {
        line.split(":")[0]: int(line.split()[1]) for line in status.splitlines() if line.startswith("Rss")
    }
    own, mapped = (kilobytes[name] / 1024 for name in ("RssAnon", "RssFile"))
    print(
        f"first answer {seconds:.2f} s ({cpu_seconds:.2f} s of CPU), {len(sample)} frames sampled; after 100 "
        f"more {own:,.0f} MB of its own and {mapped:,.0f} MB mapped"
    )


if __name__ == "__main__":
    main()
