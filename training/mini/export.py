"""Trained torch modules -> the shipped ONNX files.

Weights of matrix products are stored as int8 with one scale per output channel and widened when a
session opens:
a quarter of the bytes, and no activation is ever quantised by a scale that a neighbour in the
batch could change. The
image tower's convolutions are int8 in and out (static scales, from train photographs).
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from training.mini.backbone import Lite, normalise
from training.mini.captioner import (
    DECODER_LAYERS,
    HEADS,
    NUM_CELLS,
    NUM_SUMMARIES,
    WIDTH,
    Captioner,
    DecoderLayer,
)
from training.mini.combine import CAM_SHARPNESS, Gate
from training.mini.consensus import PhraseNetwork, shown
from training.mini.embedder import Towers
from training.mini.evidence import EvidenceNetwork
from training.mini.graphics import GraphicsMap, summaries
from training.mini.text import TextTower
from vidsearch.models.mini import weights
from vidsearch.models.mini.embedder import GRID
from vidsearch.models.mini.images import SIDE_PIXELS

OPSET = 17
TOP_CLASSES = 10


class ImageGraph(nn.Module):
    """The whole image tower. `grid_of` names the images whose grid is wanted; none costs
    nothing."""

    def __init__(self, lite: Lite, towers: Towers, class_vectors: Tensor, gate: Gate) -> None:
        super().__init__()
        self.trunk, self.plain_top, self.tuned_top = lite.trunk, lite.top, towers.top
        self.head, self.classifier, self.gate = towers.head, lite.classifier, gate
        self.class_vectors: Tensor
        self.register_buffer("class_vectors", class_vectors)

    def forward(self, images: Tensor, grid_of: Tensor) -> tuple[Tensor, ...]:
        x = self.trunk(normalise(images))
        plain, tuned = self.plain_top[:-1](x), self.tuned_top[:-1](x)
        cells = torch.cat([plain, tuned], 1).flatten(2).transpose(1, 2)
        plain = self.plain_top[-1](plain).flatten(2).transpose(1, 2)
        tuned = self.tuned_top[-1](tuned).flatten(2).transpose(1, 2)
        logits = self.classifier(plain.mean(1))
        classes = logits.softmax(-1)
        hidden = self.head.hidden((tuned.mean(1) - self.head.mean) / self.head.deviation)
        passed = 0.5 * (1 + torch.erf(hidden * 0.5**0.5))  # GELU(x) = x * passed(x)
        raw = self.head.out(hidden * passed)
        raw_length = raw.norm(dim=-1, keepdim=True)
        head = raw / raw_length
        top, chosen = (logits / self.gate.temperature).softmax(-1).topk(TOP_CLASSES, -1)
        named = (top[..., None] * self.class_vectors[chosen]).sum(1)
        named_length = named.norm(dim=-1, keepdim=True)
        conse = named / named_length
        share = self.gate(head)
        mixed = head + share * conse
        length = mixed.norm(dim=-1, keepdim=True)

        tuned, plain = tuned[grid_of], plain[grid_of]
        # Flattened, the head's matrices are the same constants as above, and are stored once.
        hidden = self.head.hidden(((tuned - self.head.mean) / self.head.deviation).flatten(0, 1))
        hidden = hidden.unflatten(0, (-1, GRID * GRID))
        by_head = self.head.out((hidden * passed[grid_of][:, None]).flatten(0, 1)).unflatten(
            0, (-1, GRID * GRID)
        )
        by_head = by_head / raw_length[grid_of][:, None]
        wanted = chosen[grid_of]
        scores = plain @ self.classifier.weight[wanted].transpose(1, 2) * CAM_SHARPNESS
        where = scores.softmax(1) * (GRID * GRID)
        by_class = (
            (where * top[grid_of][:, None]) @ self.class_vectors[wanted] / named_length[grid_of][:, None]
        )
        grid = (by_head + share[grid_of][:, None] * by_class) / length[grid_of][:, None]
        return mixed / length, head, conse, classes, cells, grid.unflatten(1, (GRID, GRID))


class ConsensusGraph(nn.Module):
    """Unit rows and cells -> each phrase's probability."""

    def __init__(self, network: PhraseNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, embedding: Tensor, cells: Tensor) -> Tensor:
        logits: Tensor = self.network(shown(embedding, cells))
        return logits.sigmoid()


class EvidenceGraph(nn.Module):
    """Cells -> the probabilities that people and animals are seen, (n, 2)."""

    def __init__(self, network: EvidenceNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, cells: Tensor) -> Tensor:
        _, logits = self.network(cells)
        likely: Tensor = logits.sigmoid()
        return likely


class GraphicsGraph(nn.Module):
    """Cells -> the probabilities of a photograph and of each kind of drawn picture, (n, 1 + kinds)."""

    def __init__(self, network: GraphicsMap) -> None:
        super().__init__()
        self.network = network

    def forward(self, cells: Tensor) -> Tensor:
        likely: Tensor = self.network(summaries(cells)).softmax(-1)
        return likely


class TextGraph(nn.Module):
    """Token ids of texts of one length (no padding) -> unit rows."""

    def __init__(self, tower: TextTower) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.tower(ids, torch.ones_like(ids))
        return out


class EncodeGraph(nn.Module):
    """Cells and summaries -> the picture's keys and values, stacked: (layers, n, heads, 83, 64)
    each."""

    def __init__(self, captioner: Captioner) -> None:
        super().__init__()
        self.captioner = captioner

    def forward(self, cells: Tensor, head: Tensor, conse: Tensor) -> tuple[Tensor, Tensor]:
        pairs = self.captioner.encode(cells, torch.stack([head, conse], 1))
        return torch.stack([k for k, _ in pairs]), torch.stack([v for _, v in pairs])


class StepGraph(nn.Module):
    """One word further: log-probabilities, the grown cache, and the mean attention over the 81
    cells."""

    def __init__(self, captioner: Captioner) -> None:
        super().__init__()
        self.captioner = captioner

    def forward(
        self,
        token: Tensor,
        past_keys: Tensor,
        past_values: Tensor,
        picture_keys: Tensor,
        picture_values: Tensor,
    ) -> tuple[Tensor, ...]:
        captioner = self.captioner
        position = past_keys.shape[3]
        x = (
            captioner.words(token[:, None]) * (0.3 * WIDTH**0.5)
            + captioner.positions[position : position + 1]
        )
        keys, values, seen = [], [], []
        for i, layer in enumerate(captioner.decoder):
            assert isinstance(layer, DecoderLayer)
            x, (k, v), weights = layer(
                x, (past_keys[i], past_values[i]), None, (picture_keys[i], picture_values[i])
            )
            keys.append(k)
            values.append(v)
            seen.append(weights[..., :NUM_CELLS].mean(1).flatten(0, 1))
        scores = captioner.logits(captioner.norm(x[:, 0])).log_softmax(-1)
        return scores, torch.stack(keys), torch.stack(values), torch.stack(seen).mean(0)


def _to_onnx(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    path: Path,
    names: Sequence[str],
    outputs: Sequence[str],
    axes: dict[str, dict[int, str]],
) -> None:
    torch.onnx.export(
        module.eval(),
        inputs,
        str(path),
        input_names=list(names),
        output_names=list(outputs),
        dynamic_axes=axes,
        dynamo=False,
        opset_version=OPSET,
    )


def _rows(*names: str) -> dict[str, dict[int, str]]:
    return {name: {0: f"n_{name}"} for name in names}


def export_image(graph: ImageGraph, path: Path) -> None:
    """Write the image tower, all in float32."""
    inputs = (torch.zeros(2, SIDE_PIXELS, SIDE_PIXELS, 3, dtype=torch.uint8), torch.tensor([0, 1]))
    outputs = ("embedding", "head", "conse", "classes", "cells", "grid")
    axes = {
        "images": {0: "n"},
        "grid_of": {0: "m"},
        "grid": {0: "m"},
        **{name: {0: "n"} for name in outputs[:-1]},
    }
    _to_onnx(graph, inputs, path, ("images", "grid_of"), outputs, axes)


def export_text(tower: TextTower, path: Path) -> None:
    """Write the text tower, all in float32."""
    axes = {"ids": {0: "n", 1: "t"}, "embedding": {0: "n"}}
    _to_onnx(TextGraph(tower), (torch.ones(2, 7, dtype=torch.int64),), path, ("ids",), ("embedding",), axes)


def export_captioner(captioner: Captioner, encode_path: Path, step_path: Path) -> None:
    """Write the captioner's two graphs, all in float32."""
    unit = WIDTH // HEADS
    cells = (torch.zeros(2, NUM_CELLS, 704), torch.zeros(2, 384), torch.zeros(2, 384))
    _to_onnx(
        EncodeGraph(captioner),
        cells,
        encode_path,
        ("cells", "head", "conse"),
        ("keys", "values"),
        {**_rows("cells", "head", "conse"), "keys": {1: "n"}, "values": {1: "n"}},
    )
    past = torch.zeros(DECODER_LAYERS, 6, HEADS, 3, unit)
    picture = torch.zeros(DECODER_LAYERS, 2, HEADS, NUM_CELLS + NUM_SUMMARIES, unit)
    _to_onnx(
        StepGraph(captioner),
        (torch.ones(6, dtype=torch.int64), past, past, picture, picture),
        step_path,
        ("token", "past_keys", "past_values", "picture_keys", "picture_values"),
        ("logprobs", "keys", "values", "attention"),
        {
            "token": {0: "rows"},
            "past_keys": {1: "rows", 3: "t"},
            "past_values": {1: "rows", 3: "t"},
            "picture_keys": {1: "n"},
            "picture_values": {1: "n"},
            "logprobs": {0: "rows"},
            "keys": {1: "rows", 3: "t1"},
            "values": {1: "rows", 3: "t1"},
            "attention": {0: "rows"},
        },
    )


def export_consensus(network: PhraseNetwork, path: Path) -> None:
    """Write what foresees phrases, all in float32."""
    inputs = (torch.zeros(2, 384), torch.zeros(2, NUM_CELLS, 704))
    names, outputs = ("embedding", "cells"), ("likely",)
    _to_onnx(ConsensusGraph(network), inputs, path, names, outputs, _rows(*names, *outputs))


def export_evidence(network: EvidenceNetwork, path: Path) -> None:
    """Write what tells whether people and animals are seen, all in float32."""
    cells = (torch.zeros(2, NUM_CELLS, 704),)
    _to_onnx(EvidenceGraph(network), cells, path, ("cells",), ("likely",), _rows("cells", "likely"))


def export_graphics(network: GraphicsMap, path: Path) -> None:
    """Write what tells drawn pictures from photographs, all in float32."""
    cells = (torch.zeros(2, NUM_CELLS, 704),)
    _to_onnx(GraphicsGraph(network), cells, path, ("cells",), ("likely",), _rows("cells", "likely"))


def quantise_convolutions(source: Path, target: Path, batches: Iterator[dict[str, npt.NDArray[Any]]]) -> None:
    """Convolutions to int8, activations to uint8 by the mean range seen in `batches` (ONNX
    Runtime); see also `fold_padding`."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
            return next(batches, None)

    with tempfile.TemporaryDirectory() as folder:
        prepared, quantised = Path(folder) / "prepared.onnx", Path(folder) / "quantised.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        # ReLU6 is a Clip: quantised together with its convolution, whose codes then span 0 to 6
        # and no more.
        backbone = [
            n.name
            for n in onnx.load(str(prepared)).graph.node
            if n.op_type in {"Conv", "Clip", "Add"}
            and n.name.startswith(("/trunk", "/plain_top", "/tuned_top"))
        ]
        quantize_static(
            str(prepared),
            str(quantised),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=backbone,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"CalibMovingAverage": True},
        )
        fold_padding(quantised, target)


def fold_padding(source: Path, target: Path) -> None:
    """Let quantised convolutions pad for themselves, and take the pixels as the codes that they are.

    A Pad stands between a dequantised and a quantised tensor and so moves floats: at the widest layer 39 MB
    for eight images, three times over, and more than half of the tower's time. A convolution pads its own
    codes with the zero point, which is 0.0 in the same scale, so no result changes by a bit. Nor does any
    where pixels were widened, centred and scaled only to be quantised to the same uint8. Raises ValueError
    where the codes before a Pad are not those after it.
    """
    model = onnx.load(str(source))
    graph = model.graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    made_by = {name: node for node in graph.node for name in node.output}

    def only_user(node: Any, kind: str) -> Any:
        (user,) = [n for n in graph.node if node.output[0] in n.input]
        if user.op_type != kind:
            raise ValueError(f"{node.name} is followed by {user.op_type}, not by {kind}")
        return user

    for pad in [node for node in graph.node if node.op_type == "Pad"]:
        quantise = only_user(pad, "QuantizeLinear")
        dequantise = only_user(quantise, "DequantizeLinear")
        convolution = only_user(dequantise, "Conv")
        before = made_by[pad.input[0]]
        scale, zero = (values[name] for name in quantise.input[1:])
        if before.op_type == "DequantizeLinear":
            same = all(
                np.array_equal(values[name], x)
                for name, x in zip(before.input[1:], (scale, zero), strict=True)
            )
            codes = before.input[0]
        else:
            codes, middle, width = _normalised(before, made_by)
            same = scale == 1 / values[width] and zero == values[middle]
        if not same:
            raise ValueError(f"the codes before {pad.name} are not those after it")
        dequantise.input[0] = codes
        sizes = values[pad.input[1]].reshape(2, 4)[:, 2:].ravel()
        for attribute in convolution.attribute:
            if attribute.name == "pads":
                attribute.ints[:] = [own + int(more) for own, more in zip(attribute.ints, sizes, strict=True)]
    _drop_unused(graph)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def _normalised(division: Any, made_by: dict[str, Any]) -> tuple[str, str, str]:
    """The names of x, m and w in a Div that is (float(x) - m) / w. Raises ValueError."""
    subtraction = made_by.get(division.input[0])
    cast = made_by.get(subtraction.input[0]) if subtraction is not None else None
    kinds = [getattr(node, "op_type", None) for node in (division, subtraction, cast)]
    if subtraction is None or cast is None or kinds != ["Div", "Sub", "Cast"]:
        raise ValueError(f"{division.name} is no pixel's normalisation")
    return cast.input[0], subtraction.input[1], division.input[1]


def _drop_unused(graph: Any) -> None:
    """Drop the nodes and constants that no output comes from."""
    wanted = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            kept.append(onnx.NodeProto.FromString(node.SerializeToString()))
            wanted.update(node.input)
    constants = [tensor for tensor in graph.initializer if tensor.name in wanted]
    shapes = [value for value in graph.value_info if value.name in wanted]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(constants)
    graph.value_info.extend(shapes)


def shrink_matrices(source: Path, target: Path, *, min_values: int = 4_000) -> None:
    """Store every float matrix or kernel of `min_values` or more as int8 with a scale per row or
    column.

    A matrix that is looked up by row (Gather) stays int8 in memory; the others are widened once,
    when ONNX Runtime
    folds constants.
    """
    model = onnx.load(str(source))
    graph = model.graph
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    kept, added_nodes, added = [], [], []
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        nodes = users.get(tensor.name, [])
        if array.dtype != np.float32 or array.ndim not in (2, 4) or array.size < min_values:
            kept.append(tensor)
            continue
        gathered = any(n.op_type == "Gather" and n.input[0] == tensor.name for n in nodes)
        # Scales go along what is not summed over: a looked-up row, or an output column of x @ W.
        by_row = gathered or array.ndim == 4 or any(n.op_type == "Gemm" and _is_transposed(n) for n in nodes)
        axis = tuple(range(1, array.ndim)) if by_row else 0
        scale = np.maximum(np.abs(array).max(axis=axis, keepdims=True), 1e-12) / 127
        codes = np.clip(np.round(array / scale), -127, 127).astype(np.int8)
        added += [
            numpy_helper.from_array(codes, tensor.name + "_int8"),
            numpy_helper.from_array(scale.astype(np.float32), tensor.name + "_scale"),
        ]
        others = [n for n in nodes if not (n.op_type == "Gather" and n.input[0] == tensor.name)]
        for n in nodes:
            if n.op_type == "Gather" and n.input[0] == tensor.name:
                out = n.output[0]
                n.input[0] = tensor.name + "_int8"
                n.output[0] = out + "_codes"
                added_nodes += [
                    (
                        n,
                        onnx.helper.make_node(
                            "Cast", [out + "_codes"], [out + "_wide"], to=onnx.TensorProto.FLOAT
                        ),
                    ),
                    (
                        n,
                        onnx.helper.make_node(
                            "Gather", [tensor.name + "_scale", n.input[1]], [out + "_scales"], axis=0
                        ),
                    ),
                    (n, onnx.helper.make_node("Mul", [out + "_wide", out + "_scales"], [out])),
                ]
        if others:
            added_nodes += [
                (
                    None,
                    onnx.helper.make_node(
                        "Cast", [tensor.name + "_int8"], [tensor.name + "_wide"], to=onnx.TensorProto.FLOAT
                    ),
                ),
                (
                    None,
                    onnx.helper.make_node(
                        "Mul", [tensor.name + "_wide", tensor.name + "_scale"], [tensor.name]
                    ),
                ),
            ]
    nodes = [node for after, node in added_nodes if after is None]
    following: dict[int, list[Any]] = {}
    for after, node in added_nodes:
        if after is not None:
            following.setdefault(id(after), []).append(node)
    for node in graph.node:
        nodes += [node, *following.get(id(node), [])]
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, *added])
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


TABLE_BLOCK = 32


def shrink_table(source: Path, target: Path, name: str) -> None:
    """Store the table `name`, used by one Gather, in 4 bits with a float16 scale per 32 values of
    a row.

    The rows looked up are widened with plain integer arithmetic, so that any ONNX Runtime can do
    it.
    """
    model = onnx.load(str(source))
    graph = model.graph
    tensor = next(t for t in graph.initializer if t.name == name)
    (gather,) = [n for n in graph.node if name in n.input]
    table = numpy_helper.to_array(tensor)
    rows, width = table.shape
    blocks = table.reshape(rows, width // TABLE_BLOCK, TABLE_BLOCK)
    scales = (np.maximum(np.abs(blocks).max(-1), 1e-6) / 7.5).astype(np.float16)
    codes = (
        np.clip(np.round(blocks / scales[..., None].astype(np.float32) + 7.5), 0, 15)
        .astype(np.uint8)
        .reshape(rows, width)
    )
    index, out = gather.input[1], gather.output[0]
    constants = {
        "packed": codes[:, : width // 2] * 16 + codes[:, width // 2 :],
        "scales": scales,
        "sixteen": np.array(16, np.int32),
        "middle": np.array(7.5, np.float32),
        "blocked": np.array([0, 0, -1, TABLE_BLOCK], np.int64),
        "flat": np.array([0, 0, -1], np.int64),
        "last": np.array([-1], np.int64),
    }
    graph.initializer.remove(tensor)
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(v), f"{name}.{k}") for k, v in constants.items()
    )

    def node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> Any:
        known = [f"{name}.{i}" if i in constants or i.startswith("_") else i for i in inputs]
        return onnx.helper.make_node(
            kind, known, [output if output == out else f"{name}.{output}"], **attributes
        )

    to = onnx.TensorProto
    widening = [
        node("Gather", ["packed", index], "_bytes"),
        node("Cast", ["_bytes"], "_whole", to=to.INT32),
        node("Div", ["_whole", "sixteen"], "_high"),
        node("Mod", ["_whole", "sixteen"], "_low"),
        node("Concat", ["_high", "_low"], "_codes", axis=-1),
        node("Cast", ["_codes"], "_float", to=to.FLOAT),
        node("Sub", ["_float", "middle"], "_centred"),
        node("Reshape", ["_centred", "blocked"], "_blocks"),
        node("Gather", ["scales", index], "_half"),
        node("Cast", ["_half"], "_scale", to=to.FLOAT),
        node("Unsqueeze", ["_scale", "last"], "_scale1"),
        node("Mul", ["_blocks", "_scale1"], "_rows"),
        node("Reshape", ["_rows", "flat"], out),
    ]
    nodes = []
    for each in graph.node:
        nodes += widening if each is gather else [onnx.NodeProto.FromString(each.SerializeToString())]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def _is_transposed(node: Any) -> bool:
    return any(attribute.name == "transB" and attribute.i for attribute in node.attribute)


def write_manifest(folder: Path, **facts: Any) -> None:
    """Record size and SHA-256 of every file in `folder`, with `facts`."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
        if path.name != weights.MANIFEST
    }
    facts = {**facts, "dim": 384, "preprocessing": f"squeeze-{SIDE_PIXELS}-area", "files": files}
    text = json.dumps(facts, indent=1)
    (folder / weights.MANIFEST).write_text(text + "\n", encoding="utf-8")
    weights.manifest.cache_clear()  # it is read once a process, and this process goes on with the new one


def build(folder: Path, steps: dict[str, Callable[[Path], None]]) -> None:
    """Run each step to write its file, then move all of them to `folder` at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        for name, step in steps.items():
            step(Path(temporary) / name)
            print(f"{name}: {(Path(temporary) / name).stat().st_size / 1e6:.1f} MB", flush=True)
        for name in steps:
            shutil.move(Path(temporary) / name, folder / name)
