"""A process that indexes made-up videos into a library, for tests of several at once.

python -m tests.store.writer index LIBRARY FOLDER     index every file there, with leases
python -m tests.store.writer hold LIBRARY HASH        lease a content, say so, and wait to be killed
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.store.examples import SPACE, Frame, append, axis, finish, info, record, specs
from vidsearch.store.fingerprint import fingerprint
from vidsearch.store.store import Store

NUM_CHUNKS = 4
FRAMES_PER_CHUNK = 3


def index_all(library: Store, folder: Path) -> None:
    """Index every file in a folder that is not indexed, going on where an earlier run stopped."""
    for path in sorted(folder.iterdir()):
        if library.lookup(path).state == "complete":
            continue
        whole = fingerprint(path)
        lease = library.take_lease(whole.content_hash)
        if lease is None:
            continue
        opened = library.begin_video(path, whole, info(duration_seconds=None), specs(), [SPACE])
        for number in range(NUM_CHUNKS):
            until = float((number + 1) * FRAMES_PER_CHUNK)
            if until > opened.tracks[0].done_until_seconds and not opened.tracks[0].is_complete:
                append(library, opened, frames_until(until), until_seconds=until, lease=lease)
        finish(library, opened, duration_seconds=until, lease=lease)
    library.refresh_vectors()


def frames_until(until: float) -> list[Frame]:
    """The frames of the last seconds before a time, one each second."""
    times = [until - before for before in range(FRAMES_PER_CHUNK, 0, -1)]
    return [record(t, axis(int(t)), f"frame at {t:g}") for t in times]


def main() -> None:
    command, folder, what = sys.argv[1:]
    with Store.open(folder, create=True) as library:
        if command == "index":
            index_all(library, Path(what))
        else:
            print(library.take_lease(what) is not None, flush=True)
            time.sleep(600)


if __name__ == "__main__":
    main()
