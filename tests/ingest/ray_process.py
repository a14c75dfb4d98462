"""Indexes a folder with workers on Ray: a process for tests to kill. LIBRARY FOLDER"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.ingest.test_ray import index, runner_of, slow_models
from vidsearch.store.store import Store

if __name__ == "__main__":
    with Store.open(sys.argv[1], create=True) as library:
        report = index(library, Path(sys.argv[2]), runner_of(slow_models))
        print(report)
