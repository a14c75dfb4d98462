from __future__ import annotations

import subprocess
import sys

from tests.ingest.index_process import index, numbered_clip
from tests.ingest.states import integrity, state_of
from vidsearch.store.store import Store

FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests.ingest.index_process import index
from vidsearch.errors import LibraryNotWritable

library, folder, log = map(Path, sys.argv[1:4])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
room = max(file.stat().st_size for file in library.iterdir() if file.is_file()) + int(sys.argv[4])
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
try:
    index(library, folder, log)
except LibraryNotWritable as error:
    print(error)
"""


def test_a_full_disk_ends_the_run_cleanly_and_the_next_one_goes_on(tmp_path):
    # A file that may not grow stands for a disk that is full: the same error from every write.
    folder, library = tmp_path / "videos", tmp_path / "library"
    folder.mkdir()
    numbered_clip(folder / "first.mp4", 1000, 10)
    index(library, folder, tmp_path / "log")
    with Store.open(library) as opened:
        earlier = state_of(opened)
    for number in range(4):
        numbered_clip(folder / f"{number}.mp4", 2000 + 1000 * number, 30)
    index(tmp_path / "whole", folder, tmp_path / "log")
    with Store.open(tmp_path / "whole") as opened:
        whole = state_of(opened)

    for room in (0, 50_000, 100_000):
        command = [sys.executable, "-c", FULL_DISK, library, folder, tmp_path / "log", str(room)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "the disk is full" in run.stdout or "the disk reports an error, or is full" in run.stdout
        assert "Traceback" not in run.stderr
        assert integrity(library) == "ok"
        with Store.open(library) as opened:
            assert state_of(opened)["first.mp4"] == earlier["first.mp4"]

    assert index(library, folder, tmp_path / "log").failures == ()
    with Store.open(library) as opened:
        assert state_of(opened) == whole
