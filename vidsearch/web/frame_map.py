"""Where frames lie on a map of all: by two principal components at once, by UMAP when that is worked out.

Two components lay groups over each other that UMAP keeps apart. UMAP (extra `map`) needs some ten seconds of
a processor, most of them to compile itself: it has a process of its own, which gives way to searches and is
gone afterwards.
"""

from __future__ import annotations

import atexit
import hashlib
import io
import logging
import os
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidsearch.types import Float32, Int64

LEAST_FRAMES = 50
"""Fewer are placed by principal components alone."""
_NEIGHBOURS = 20
_LEAST_GAP = 0.6
"""UMAP's `min_dist`: frames of one scene are so alike that they would lie on each other."""
_NEAR_SHARE = 0.05
"""How near points of a group are that stand together, of the map's extent."""
_MOST_COMPARED = 500
_LABEL_SHARE = (0.16, 0.05)
"""Width and height that a label takes, of the map's extent."""
_LOG = logging.getLogger(__name__)
_RUN = """\
import sys
sys.path.append(sys.argv.pop(1))
from vidsearch.web.frame_map import main
main()
"""


def label_places(places: np.ndarray, clusters: Int64) -> np.ndarray:
    """Return where each label stands, (number of clusters, 2): where most of its cluster is, none on another.

    Args:
        places: Where the points lie, (n, 2).
        clusters: Each point's cluster, from 0 on.
    """
    extent = np.maximum(np.ptp(places, axis=0), 1e-9)
    at = (places - places.min(axis=0)) / extent
    found = np.empty((int(clusters.max()) + 1, 2))
    for number in range(len(found)):
        inside = at[clusters == number]
        inside = inside[:: 1 + len(inside) // _MOST_COMPARED]
        near = np.linalg.norm(inside[:, None] - inside[None], axis=2) < _NEAR_SHARE
        found[number] = inside[near.sum(axis=1).argmax()]
    # From the top down, a label that would lie on an earlier one goes below it.
    width, height = _LABEL_SHARE
    order = np.argsort(-found[:, 1], kind="stable")
    for position, number in enumerate(order):
        for other in order[:position]:
            across, below = np.abs(found[other] - found[number])
            if across < width and below < height:
                found[number, 1] = found[other, 1] - height
    found *= extent
    found += places.min(axis=0)
    return found


class Arranger:
    """Arranges frames by UMAP, one set of them at a time, while the page goes on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key = b""
        self._places: np.ndarray | None = None
        self._is_working = False

    @property
    def is_working(self) -> bool:
        """Whether an arrangement is on its way."""
        return self._is_working

    def places(self, vectors: Float32) -> np.ndarray | None:
        """Return the places of the rows, (n, 2); None while they are worked out, or where UMAP is missing.

        The first call for some vectors sets the work going, unless other work is under way.
        """
        if len(vectors) < LEAST_FRAMES or find_spec("umap") is None:
            return None
        key = hashlib.blake2b(vectors.tobytes(), digest_size=16).digest()
        with self._lock:
            if key == self._key:
                return self._places
            if not self._is_working:
                self._key, self._places, self._is_working = key, None, True
                threading.Thread(target=self._arrange, args=(vectors,), daemon=True).start()
        return None

    def _arrange(self, vectors: Float32) -> None:
        try:
            places = _in_own_process(vectors)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            _LOG.warning("UMAP failed, so the map stays as it is: %s", error)
            places = None
        with self._lock:
            self._places, self._is_working = places, False


def _in_own_process(vectors: Float32) -> np.ndarray:
    given = io.BytesIO()
    np.save(given, vectors)
    # Isolated from the working folder (-P); the package is found where this one was.
    command = [sys.executable, "-P", "-c", _RUN, str(Path(__file__).parents[2])]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    atexit.register(process.kill)
    try:
        made, said = process.communicate(given.getvalue())
    finally:
        atexit.unregister(process.kill)
    if process.returncode != 0:
        last_line = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise ValueError(last_line or f"its process ended with {process.returncode}")
    places: np.ndarray = np.load(io.BytesIO(made))
    return places


def main() -> None:
    """Read vectors, .npy, from standard input; write their places to standard output. What `_RUN` runs."""
    if hasattr(os, "nice"):
        os.nice(10)
    vectors = np.load(io.BytesIO(sys.stdin.buffer.read()))
    import umap  # heavy, and wanted in this process alone

    # With a seed it runs in one thread, and gives the same map each time.
    made = umap.UMAP(n_neighbors=_NEIGHBOURS, min_dist=_LEAST_GAP, metric="cosine", random_state=0, n_jobs=1)
    places = made.fit_transform(vectors)
    np.save(sys.stdout.buffer, places.astype(np.float64))
