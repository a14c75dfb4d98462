"""Indexes a folder with workers on a cluster of its own: a process for tests to kill. LIBRARY FOLDER"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.ingest.ray_runs import cluster_of, index, runner_of, slow_models
from vidsearch.store.store import Store

if __name__ == "__main__":
    nodes = [{"num_cpus": 1}] * 3
    with cluster_of(*nodes), Store.open(sys.argv[1], create=True) as library:
        report = index(library, Path(sys.argv[2]), runner_of(slow_models, num_workers=3))
        print(report)
