from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingest.index_process import index, numbered_clip
from tests.ingest.states import integrity, state_of, tracks_of
from tests.synthetic import read_number
from vidsearch.media.images import decode_jpeg
from vidsearch.store.store import Store

NUM_FRAMES = (14, 9, 21, 5)
MAX_STEPS = 2500
"""A run dies by then. A whole one takes twice as many, as `tests.store.kills` counts them."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("numbered")
    for number, num_frames in enumerate(NUM_FRAMES):
        numbered_clip(folder / f"{number}.mp4", 1000 * (number + 1), num_frames, with_speech=True)
    return folder


def start(library: Path, folder: Path, log: Path, *, last_step: int | None = None) -> subprocess.Popen[str]:
    """Start an index run, which dies at a step where one is given."""
    step = [] if last_step is None else [str(last_step)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ingest.index_process", library, folder, log, *step],
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
    """Kill index runs at random steps until one has finished; then look whether all is as it should be."""
    chance = random.Random(seed)
    index(place / "whole", folder, place / "whole.log")
    with Store.open(place / "whole") as library:
        whole, tracks = state_of(library), tracks_of(library)
    assert sum(len(frames) for _, frames in whole.values()) == sum(NUM_FRAMES)
    kills = rounds = 0
    while kills < num_kills:
        library_path = place / f"killed {rounds}"
        rounds += 1
        is_finished = False
        while not is_finished:
            before = committed_numbers(library_path)
            log = place / f"{rounds} {kills}.log"
            last_step = None if kills == num_kills else chance.randint(1, MAX_STEPS)
            process = start(library_path, folder, log, last_step=last_step)
            output, _ = process.communicate()
            assert process.returncode in (0, -signal.SIGKILL)
            is_finished = process.returncode == 0
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
            assert (state_of(library), tracks_of(library)) == (whole, tracks)


def test_a_run_killed_at_random_steps_ends_as_if_it_had_not_been(folder, tmp_path):
    kill_and_finish(folder, tmp_path, num_kills=4, seed=1)


@pytest.mark.slow
def test_a_hundred_kills(folder, tmp_path):
    kill_and_finish(folder, tmp_path, num_kills=100, seed=2)
