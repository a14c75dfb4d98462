"""CLIP's text half to ONNX: the program's own writer, beside torch's exporter.

    pip install onnxscript && python benchmarks/text_export.py

Published size with random weights. Prints the processor seconds of the export and of loading it, the
milliseconds of one query, the least cosine with torch, and the bytes on disk.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from vidsearch.models.clip import text_names, text_spec
from vidsearch.models.device import Device
from vidsearch.models.loading import numpy_state
from vidsearch.models.random_weights import random_embedder
from vidsearch.models.text_graph import write_graph

_END_TOKEN_ID = 49407


class _TextHalf(torch.nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(self._model.text_features(input_ids), dim=-1)


def main() -> None:
    """Measure, and print a line for each way."""
    embedder: Any = random_embedder("clip", device=Device("cpu", "fp32"))
    model = embedder.model
    ids = torch.randint(1, 49000, (3, 20), generator=torch.Generator().manual_seed(0))
    ids[:, 12] = _END_TOKEN_ID
    half = _TextHalf(model)
    with torch.inference_mode():
        expected = half(ids).numpy()

    def own(folder: Path) -> None:
        write_graph(folder, text_spec(model.config), text_names(model.config), numpy_state(model))

    def torchs(folder: Path) -> None:
        sizes = {0: torch.export.Dim("texts", min=1, max=4096), 1: torch.export.Dim("tokens", min=2, max=77)}
        torch.onnx.export(
            half,
            (ids,),
            str(folder / "tower.onnx"),
            input_names=["input_ids"],
            dynamo=True,
            dynamic_shapes={"input_ids": sizes},
            external_data=True,
        )

    for name, export in (("own writer", own), ("torch.onnx", torchs)):
        with tempfile.TemporaryDirectory() as folder:
            print(f"{name}: {_measure(export, Path(folder), ids.numpy(), expected)}", flush=True)


def _measure(export: Callable[[Path], None], folder: Path, ids: np.ndarray, expected: np.ndarray) -> str:
    started = time.process_time()
    export(folder)
    exported = time.process_time()
    session: Any = onnxruntime.InferenceSession(
        str(folder / "tower.onnx"), providers=["CPUExecutionProvider"]
    )
    loaded = time.process_time()
    (rows,) = session.run(None, {"input_ids": ids})
    cosine = float(np.sum(rows * expected, axis=1).min())
    queries = []
    for _ in range(10):
        began = time.process_time()
        session.run(None, {"input_ids": ids[:1]})
        queries.append(time.process_time() - began)
    size = sum(path.stat().st_size for path in folder.iterdir())
    seconds = f"export {exported - started:.1f} s, load {loaded - exported:.2f} s"
    return f"{seconds}, query {1000 * min(queries):.1f} ms, cosine {cosine:.7f}, {size / 1e6:.0f} MB"


if __name__ == "__main__":
    main()
