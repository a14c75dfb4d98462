"""What the captioner sees of every photograph, in every view: computed once by the trained towers,
kept on disk."""

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor, nn

from training.mini.backbone import Lite
from training.mini.captioner import CELL_WIDTH, NUM_CELLS, NUM_SUMMARIES, SUMMARY_WIDTH, Pictures
from training.mini.combine import conse
from training.mini.embedder import Towers
from training.mini.features import view_path

_CHUNK = 64


class _Tops(nn.Module):
    """Trunk activations -> cells, head and ConSE vectors, ImageNet logits."""

    def __init__(self, lite: Lite, towers: Towers, class_vectors: Tensor, temperature: float) -> None:
        super().__init__()
        self.plain, self.tuned, self.head, self.classifier = (
            lite.top,
            towers.top,
            towers.head,
            lite.classifier,
        )
        self.register_buffer("class_vectors", class_vectors)
        self.temperature = temperature

    def forward(self, trunk: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = trunk.float().permute(0, 3, 1, 2)
        plain, tuned = self.plain[:-1](x), self.tuned[:-1](x)
        logits = self.classifier(self.plain[-1](plain).mean((2, 3)))
        head = self.head(self.tuned[-1](tuned).mean((2, 3)))
        named = conse(logits, self.class_vectors, temperature=self.temperature)
        return torch.cat([plain, tuned], 1).flatten(2).transpose(1, 2), torch.stack([head, named], 1), logits


def _paths(work: Path, view: int) -> tuple[Path, Path, Path]:
    return tuple(work / f"{kind}_view{view}.npy" for kind in ("cells", "summaries", "logits"))  # type: ignore[return-value]


def compute_pictures(
    lite: Lite,
    towers: Towers,
    class_vectors: Tensor,
    work: Path,
    *,
    temperature: float,
    num_views: int,
    threads: int,
) -> Pictures:
    """Compute what is missing, then open all views, memory-mapped. Logits (n, 1000) are kept
    beside them."""
    graph = work / "tops.onnx"
    if not graph.exists():
        module = _Tops(lite, towers, class_vectors, temperature).eval()
        torch.onnx.export(
            module,
            (torch.zeros(2, 14, 14, lite.top[0].layers[0].conv.in_channels, dtype=torch.float16),),
            str(graph),
            input_names=["trunk"],
            output_names=["cells", "summaries", "logits"],
            dynamo=False,
            opset_version=17,
            dynamic_axes={name: {0: "n"} for name in ("trunk", "cells", "summaries", "logits")},
        )
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    for view in range(num_views):
        done = work / f"pictures_view{view}.done.json"
        if done.exists():
            continue
        trunk = np.load(view_path(work, view), mmap_mode="r")
        shapes = ((NUM_CELLS, CELL_WIDTH), (NUM_SUMMARIES, SUMMARY_WIDTH), (1000,))
        outs = [
            np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(len(trunk), *shape))  # type: ignore[no-untyped-call]
            for path, shape in zip(_paths(work, view), shapes, strict=True)
        ]
        for start in range(0, len(trunk), _CHUNK):
            for out, values in zip(
                outs, session.run(None, {"trunk": trunk[start : start + _CHUNK]}), strict=True
            ):
                out[start : start + _CHUNK] = values
        for out in outs:
            out.flush()
        done.write_text(json.dumps({"num_photos": len(trunk)}))
        print(f"pictures, view {view}", flush=True)
    return open_pictures(work, num_views)


def open_pictures(work: Path, num_views: int) -> Pictures:
    """The views computed before, memory-mapped."""
    paths = [_paths(work, view) for view in range(num_views)]
    return Pictures(
        [np.load(p[0], mmap_mode="r") for p in paths], [np.load(p[1], mmap_mode="r") for p in paths]
    )
