from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ingest.index_process import index, numbered_clip
from tests.ingest.states import integrity, lines_of, state_of
from tests.synthetic import read_number
from vidsearch.media.images import decode_jpeg
from vidsearch.store.store import Store

NUM_FRAMES = (14, 9, 21, 5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("numbered")
    for number, num_frames in enumerate(NUM_FRAMES):
        numbered_clip(folder / f"{number}.mp4", 1000 * (number + 1), num_frames)
    return folder


def start(library: Path, folder: Path, log: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ingest.index_process", library, folder, log],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def committed_numbers(library: Path) -> set[int]:
    """The numbers on the frames that are in a library, but for those of a later frame too."""
    if not (library / "catalog.sqlite3").exists():
        return set()
    numbers = []
    with Store.open(library) as opened:
        for video in opened.videos():
            frames = opened.frames(video.id)
            numbers += [
                read_number(decode_jpeg(opened.thumbnail(frame.id))) for frame in frames if not frame.is_blank
            ]
            # A repeat of this one may be the first frame of the next chunk, which looks at it itself.
            del numbers[len(numbers) - (bool(frames) and not frames[-1].is_blank) :]
    return set(numbers)


def kill_and_finish(folder: Path, place: Path, num_kills: int, *, seed: int) -> None:
    """Kill index runs at random instants until one has finished; then look whether all is as it should be."""
    chance = random.Random(seed)
    index(place / "whole", folder, place / "whole.log")
    with Store.open(place / "whole") as library:
        whole, lines = state_of(library), lines_of(library)
    assert sum(len(frames) for _, frames in whole.values()) == sum(NUM_FRAMES)
    kills = rounds = 0
    while kills < num_kills:
        library_path = place / f"killed {rounds}"
        rounds += 1
        is_finished = False
        while not is_finished:
            before = committed_numbers(library_path)
            log = place / f"{rounds} {kills}.log"
            process = start(library_path, folder, log)
            time.sleep(chance.uniform(0.0, 0.5))
            is_finished = process.poll() is not None
            if kills == num_kills:
                is_finished = process.wait() == 0
            process.send_signal(signal.SIGKILL)
            output, _ = process.communicate()
            kills += not is_finished
            looked_at = (
                {int(line.split()[1]) for line in log.read_text().splitlines()} if log.exists() else set()
            )
            assert not looked_at & before, "a model was run on a frame that was committed"
            if is_finished:
                assert output == "()\n"
            if (library_path / "catalog.sqlite3").exists():
                assert integrity(library_path) == "ok"
        with Store.open(library_path) as library:
            assert (state_of(library), lines_of(library)) == (whole, lines)


def test_a_run_killed_at_random_instants_ends_as_if_it_had_not_been(folder, tmp_path):
    kill_and_finish(folder, tmp_path, num_kills=6, seed=1)


@pytest.mark.slow
def test_a_hundred_kills(folder, tmp_path):
    kill_and_finish(folder, tmp_path, num_kills=100, seed=2)
