"""Trunk activations of every photograph, in several views, computed once and kept on disk as
float16.

`VIEW 0` is the photograph as it is; the others are augmented. Written block by block, so an
interrupted run goes on.
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import torch

from training.mini.augment import augmented
from training.mini.backbone import load_lite, normalise
from training.mini.data import Photo, read_photos, read_rgb
from training.mini.stages import stamp_path
from vidsearch.models.mini.images import SIDE_PIXELS, squeeze

_CHUNK = 64


class _TrunkForExport(torch.nn.Module):
    def __init__(self, trunk: torch.nn.Module) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.trunk(normalise(images))
        return out.permute(0, 2, 3, 1)


def export_trunk(version: int, path: Path) -> None:
    """Write the trunk as ONNX: uint8 (n, 288, 288, 3) -> float32 (n, 18, 18, channels)."""
    module = _TrunkForExport(load_lite(version).trunk).eval()
    dummy = torch.zeros(2, SIDE_PIXELS, SIDE_PIXELS, 3, dtype=torch.uint8)
    torch.onnx.export(
        module,
        (dummy,),
        str(path),
        input_names=["images"],
        output_names=["trunk"],
        dynamic_axes={"images": {0: "n"}, "trunk": {0: "n"}},
        dynamo=False,
        opset_version=17,
    )


def view_path(work: Path, view: int) -> Path:
    """Where the trunk activations of one view are: float16 (num_photos, 18, 18, channels)."""
    return work / f"trunk_view{view}.npy"


def photo_view(photo: Photo, position: int, view: int, seed: int) -> npt.NDArray[np.uint8]:
    """One view of a photograph: uint8 (224, 224, 3). View 0 is the photograph itself."""
    image = read_rgb(photo.path)
    return image if view == 0 else augmented(image, np.random.default_rng((seed, view, position)))


def extract(
    photos: list[Photo], work: Path, *, version: int, num_views: int, seed: int, threads: int
) -> None:
    """Compute what is missing of the views 0 to `num_views` - 1."""
    work.mkdir(parents=True, exist_ok=True)
    onnx_path = work / f"trunk{version}_{SIDE_PIXELS}.onnx"
    if not onnx_path.exists():
        export_trunk(version, onnx_path)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(onnx_path), options, providers=["CPUExecutionProvider"])
    probe = session.run(None, {"images": np.zeros((1, SIDE_PIXELS, SIDE_PIXELS, 3), np.uint8)})[0]
    for view in range(num_views):
        path = view_path(work, view)
        done_path = stamp_path(path)
        state = {
            "version": version, "side": SIDE_PIXELS, "seed": seed, "num_photos": len(photos), "done": 0,
        }  # fmt: skip
        if path.exists() and done_path.exists():
            before = json.loads(done_path.read_text())
            if {**before, "done": 0} == state:
                state = before
        mode = "r+" if state["done"] else "w+"
        out = np.lib.format.open_memmap(
            path, mode=mode, dtype=np.float16, shape=(len(photos), *probe.shape[1:])
        )
        with ThreadPoolExecutor(threads) as pool:
            for start in range(state["done"], len(photos), _CHUNK):
                stop = min(start + _CHUNK, len(photos))
                batch = pool.map(lambda i, v=view: photo_view(photos[i], i, v, seed), range(start, stop))
                out[start:stop] = session.run(None, {"images": squeeze(list(batch))})[0]
                if start % (_CHUNK * 20) == 0 or stop == len(photos):
                    out.flush()
                    state["done"] = stop
                    done_path.write_text(json.dumps(state))
        print(f"view {view}: {len(photos)} photographs", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--version", type=int, default=2)
    parser.add_argument("--views", type=int, default=6)
    arguments = parser.parse_args()
    extract(
        read_photos(arguments.data),
        arguments.work,
        version=arguments.version,
        num_views=arguments.views,
        seed=0,
        threads=2,
    )
