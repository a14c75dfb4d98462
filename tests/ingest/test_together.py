from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ingest.index_process import NumberEmbedder, index, numbered_clip
from tests.ingest.states import integrity, state_of
from tests.ingest.test_kills import start
from vidsearch.store.store import Store
from vidsearch.tracks import WordKind


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("numbered")
    for number in range(8):
        numbered_clip(folder / f"{number}.mp4", 1000 * (number + 1), 12)
    return folder


def numbers_in(log: Path) -> set[int]:
    return {int(line.split()[1]) for line in log.read_text().splitlines()} if log.exists() else set()


def test_two_runs_at_once_share_the_work_while_others_search(folder, tmp_path):
    index(tmp_path / "whole", folder, tmp_path / "whole.log")
    with Store.open(tmp_path / "whole") as library:
        whole = state_of(library)
    shared = tmp_path / "shared"
    Store.open(shared, create=True).close()

    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    runs = [start(shared, folder, log) for log in logs]
    num_searches = 0
    query = np.full((1, 16), 0.25, dtype=np.float32)
    with Store.open(shared) as library:
        while any(run.poll() is None for run in runs):
            ids, scores = library.nearest(NumberEmbedder.space, query, 5)
            assert ids.shape == scores.shape == (1, 5)
            assert all(frame.id > 0 for frame in library.frames_by_id(ids[ids >= 0].tolist()))
            library.match("picture", 5, kinds=[WordKind("caption")])
            num_searches += 1
        assert [(run.communicate()[0], run.returncode) for run in runs] == [("()\n", 0)] * 2
        assert state_of(library) == whole
    assert num_searches > 1
    # Each video was one run's work alone.
    assert not numbers_in(logs[0]) & numbers_in(logs[1])
    assert integrity(shared) == "ok"
