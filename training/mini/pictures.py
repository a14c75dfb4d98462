"""What the captioner sees of every photograph, in every view: computed once, and kept on disk.

By the exported image tower, and not by the float one that it was made from, so that the captioner learns from
exactly what it will be shown.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from training.mini.captioner import CELL_WIDTH, NUM_CELLS, NUM_SUMMARIES, SUMMARY_WIDTH, Pictures
from training.mini.data import Photo
from training.mini.features import photo_view
from training.mini.stages import Stage
from vidsearch.models.mini.embedder import ImageTower

_CHUNK = 64


def _paths(work: Path, view: int) -> tuple[Path, Path]:
    return work / f"cells_view{view}.npy", work / f"summaries_view{view}.npy"


def compute_pictures(
    photos: list[Photo], weights: Path, work: Path, *, num_views: int, seed: int, threads: int
) -> Pictures:
    """Compute what is missing with the image tower in `weights`, then open all views, memory-mapped."""
    tower = ImageTower(num_threads=threads, folder=weights)
    for view in range(num_views):
        stage = Stage(work / f"pictures_view{view}", made_from=[weights / "image.onnx"], seed=seed, view=view)
        if stage.is_done:
            continue
        cells, summaries = (
            np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(len(photos), *shape))
            for path, shape in zip(
                _paths(work, view), ((NUM_CELLS, CELL_WIDTH), (NUM_SUMMARIES, SUMMARY_WIDTH)), strict=True
            )
        )
        with ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(photos), _CHUNK):
                rows = range(start, min(start + _CHUNK, len(photos)))
                images = list(pool.map(lambda i, v=view: photo_view(photos[i], i, v, seed), rows))
                for part in tower.features(images):
                    stop = start + len(part.cells)
                    cells[start:stop] = part.cells
                    summaries[start:stop] = np.stack([part.head, part.conse], 1)
                    start = stop
        cells.flush()
        summaries.flush()
        stage.finish()
        print(f"pictures, view {view}", flush=True)
    paths = [_paths(work, view) for view in range(num_views)]
    return Pictures(
        [np.load(p[0], mmap_mode="r") for p in paths], [np.load(p[1], mmap_mode="r") for p in paths]
    )
