from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingest.clips import colour_clip
from tests.ingest.states import integrity
from vidsearch.store.store import Store

INDEX = """
import json, sys
from pathlib import Path
from tests.fakes import ColourCaptioner, ColourEmbedder
from vidsearch.store.store import Store
from vidsearch.ingest import PipelineOptions, ingest

with Store.open(Path(sys.argv[1]), create=True) as library:
    report = ingest(
        library, [Path(sys.argv[2])], embedders=[ColourEmbedder()], captioner=ColourCaptioner(),
        options=PipelineOptions(timeout_seconds=60),
    )
    indexed = [path.name for video in library.videos() for path in video.paths]
print(json.dumps({
    "indexed": indexed,
    "failed": [[failure.error, failure.reason] for failure in report.failures],
}))
"""


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Break some bytes: overwrite, cut, repeat or blank a few places, most of them near the start."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        place = int(len(data) * chance.random() ** chance.choice((1, 3)))
        length = min(len(data) - place, chance.choice((1, 2, 4, 64, 1024)))
        match chance.randrange(5):
            case 0:
                data[place : place + length] = chance.randbytes(length)
            case 1:
                data[place : place + length] = b"\xff" * length
            case 2:
                data[place : place + length] = bytes(length)
            case 3:
                del data[place : place + length]
            case 4:
                data[place:place] = data[place : place + length]
    return bytes(data)


def index_mutations(place: Path, num_files: int, *, seed: int) -> None:
    """Index a folder of broken files beside a sound one, and look whether all is well."""
    chance = random.Random(seed)
    folder = place / "videos"
    folder.mkdir()
    whole = colour_clip(folder / "whole.mp4", ["red", "blue"])
    contents = {".mp4": whole.read_bytes()}
    for suffix in (".mkv", ".avi", ".mov", ".ts"):
        contents[suffix] = colour_clip(place / f"whole{suffix}", ["red", "green"]).read_bytes()
    for number in range(num_files):
        suffix = chance.choice(list(contents))
        (folder / f"{number:05}{suffix}").write_bytes(mutated(contents[suffix], chance))

    library = place / "library"
    command: list[str | Path] = [sys.executable, "-c", INDEX, library, folder]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600 + num_files, check=False)
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert "whole.mp4" in answer["indexed"]
    # An exception that is not ours is named in the reason: "IndexError: list index out of range".
    assert [reason for _, reason in answer["failed"] if re.search(r"\b\w+(Error|Exception): ", reason)] == []
    assert integrity(library) == "ok"
    with Store.open(library) as opened:
        for video in opened.videos():
            times = [frame.time_seconds for frame in opened.frames(video.id)]
            assert video.is_complete
            assert times == sorted(times)
            assert len(set(times)) == len(times)


def test_broken_files_neither_crash_nor_hang_nor_hide_the_sound_one(tmp_path):
    index_mutations(tmp_path, 150, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_thousands_of_broken_files(tmp_path, seed):
    index_mutations(tmp_path, 400, seed=seed)
