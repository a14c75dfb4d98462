"""From a torch text tower to an ONNX file. Runs once for a checkpoint; needs torch and onnx.

The graph is written node by node from the state dict instead of being traced: the three families share one
transformer, and a graph by hand does not depend on how a version of torch traces a version of transformers.
Each export is compared with the torch tower before it is kept.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper

from vidsearch.errors import ModelUnavailable
from vidsearch.models.text_onnx import OnnxTextEncoder, TowerCard, has_tower, tower_folder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.types import EmbeddingSpace, Float32

_OPSET = 20
_IR_VERSION = 9
_PAGE_BYTES = 4096
_MIN_COSINE = 0.9999

Pool: TypeAlias = Literal["first", "last", "highest id", "end token"]

_PROBES = (
    "a dog",
    "two people walk along a beach at sunset, talking",
    "A red car; 3 trees & a house!",
    "the quick brown fox jumps over the lazy dog " * 12,
)
"""Short, ordinary, with capitals and signs, and longer than any tower's limit."""


@dataclass(frozen=True, slots=True)
class TransformerSpec:
    """A text tower's shape, in the words that its three families share."""

    num_layers: int
    num_heads: int
    layer_norm_eps: float
    activation: str
    """transformers' name: "quick_gelu", "gelu" or "gelu_pytorch_tanh"."""
    norm_first: bool
    """Layer norms before attention and MLP (CLIP, SigLIP), or after their residual sums (BERT in BLIP)."""
    mask: Literal["causal", "padding", "none"]
    pool: Pool
    end_token_id: int = 0


@dataclass(frozen=True, slots=True)
class LayerNames:
    """Where one layer's weights are, below its prefix."""

    query: str
    key: str
    value: str
    attention_out: str
    attention_norm: str
    mlp_in: str
    mlp_out: str
    mlp_norm: str


@dataclass(frozen=True, slots=True)
class TowerNames:
    """Where a tower's weights are in a state dict."""

    tokens: str
    positions: str
    embedding_norm: str | None
    layer: Callable[[int], str]
    """Prefix of layer i, with its dot."""
    layer_names: LayerNames
    final_norm: str | None
    projection: str


def ensure_tower(
    space: EmbeddingSpace,
    checkpoint_folder: Path,
    *,
    spec: TransformerSpec,
    names: TowerNames,
    state: Callable[[], Mapping[str, Float32]],
    tokenizer: Tokenizer,
    reference: Callable[[Sequence[str]], Float32],
    logit_scale: float | None = None,
    logit_bias: float | None = None,
) -> Path:
    """Export a text tower unless it is there already. Returns its folder.

    `state` gives the fp32 weights by name, and `reference` the torch tower's unit rows for texts. Two
    processes take turns, and a tower appears whole or not at all. Raises ModelUnavailable where the exported
    tower's vectors differ from the reference (cosine below 0.9999), or the tower has an activation that is
    not known here.
    """
    from filelock import FileLock

    folder = tower_folder(space)
    if has_tower(space):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if has_tower(space):
            return folder
        draft = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        try:
            _write_graph(draft, spec, names, state())
            (draft / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
            card = TowerCard(space, logit_scale, logit_bias, str(checkpoint_folder.absolute()))
            (draft / "tower.json").write_text(card.to_json(), encoding="utf-8")
            _compare(draft, space, reference)
            shutil.rmtree(folder, ignore_errors=True)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def _compare(folder: Path, space: EmbeddingSpace, reference: Callable[[Sequence[str]], Float32]) -> None:
    exported = OnnxTextEncoder(folder).embed_texts(_PROBES)
    cosine = float(np.min(np.sum(exported * reference(_PROBES), axis=1)))
    if not cosine >= _MIN_COSINE:
        raise ModelUnavailable(
            f"The text tower of {space.model} does not survive its export (cosine {cosine:.5f}): "
            "its layout is not one that this version knows."
        )


class _Graph:
    """Collects nodes, and writes weights straight to the external file."""

    def __init__(self, folder: Path) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._file = (folder / "tower.weights").open("wb")
        self._count = 0

    def close(self) -> None:
        self._file.close()

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output. Returns the output's name."""
        self._count += 1
        output = f"{kind}_{self._count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def small(self, value: Sequence[int] | int | float) -> str:
        """Add a constant: a float32 scalar, or int64, a scalar or a row."""
        self._count += 1
        name = f"constant_{self._count}"
        array = np.array(value, dtype=np.float32 if isinstance(value, float) else np.int64)
        self.initializers.append(onnx.numpy_helper.from_array(array, name))
        return name

    def weight(self, array: Float32) -> str:
        """Add a weight, kept in the external file at a page boundary, so that it can be mapped."""
        self._count += 1
        data = np.ascontiguousarray(array, dtype="<f4")
        self._file.write(b"\0" * (-self._file.tell() % _PAGE_BYTES))
        tensor = TensorProto(name=f"weight_{self._count}", data_type=TensorProto.FLOAT, dims=data.shape)
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": "tower.weights", "offset": self._file.tell(), "length": data.nbytes}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self._file.write(data.data)
        self.initializers.append(tensor)
        return str(tensor.name)


def _write_graph(
    folder: Path, spec: TransformerSpec, names: TowerNames, state: Mapping[str, Float32]
) -> None:
    graph = _Graph(folder)
    try:
        output = _tower(graph, spec, names, state)
    finally:
        graph.close()
    shape = ["texts", "tokens"]
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, shape)]
    if spec.mask == "padding":
        inputs.append(helper.make_tensor_value_info("attention_mask", TensorProto.INT64, shape))
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["texts", None])]
    proto = helper.make_model(
        helper.make_graph(graph.nodes, "text_tower", inputs, outputs, graph.initializers),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="vidsearch",
    )
    (folder / "tower.onnx").write_bytes(proto.SerializeToString())


def _tower(graph: _Graph, spec: TransformerSpec, names: TowerNames, state: Mapping[str, Float32]) -> str:
    num_tokens = graph.op("Shape", "input_ids", start=1, end=2)
    positions = graph.op(
        "Slice", graph.weight(state[names.positions]), graph.small([0]), num_tokens, graph.small([0])
    )
    hidden = graph.op("Gather", graph.weight(state[names.tokens]), "input_ids")
    hidden = graph.op("Add", hidden, positions)
    if names.embedding_norm:
        hidden = _norm(graph, hidden, state, names.embedding_norm, spec.layer_norm_eps)
    mask = _mask(graph, spec, state[names.positions].shape[0], num_tokens)
    for index in range(spec.num_layers):
        layer = _Layer(graph, spec, names.layer_names, state, names.layer(index))
        hidden = layer.build(hidden, mask)
    if names.final_norm:
        hidden = _norm(graph, hidden, state, names.final_norm, spec.layer_norm_eps)
    pooled = _pool(graph, spec, hidden)
    return graph.op("LpNormalization", _linear(graph, pooled, state, names.projection), axis=-1, p=2)


def _mask(graph: _Graph, spec: TransformerSpec, max_tokens: int, num_tokens: str) -> str | None:
    """Return what is added to attention scores, broadcast over (texts, heads, queries, keys)."""
    if spec.mask == "causal":
        future = np.triu(np.full((max_tokens, max_tokens), np.finfo(np.float32).min, dtype=np.float32), k=1)
        size = graph.op("Concat", num_tokens, num_tokens, axis=0)
        return graph.op("Slice", graph.weight(future), graph.small([0, 0]), size, graph.small([0, 1]))
    if spec.mask == "padding":
        padding = graph.op("Sub", graph.small(1.0), graph.op("Cast", "attention_mask", to=TensorProto.FLOAT))
        padding = graph.op("Unsqueeze", padding, graph.small([1, 2]))
        return graph.op("Mul", padding, graph.small(float(np.finfo(np.float32).min)))
    return None


def _pool(graph: _Graph, spec: TransformerSpec, hidden: str) -> str:
    """Return one row per text: (texts, width)."""
    if spec.pool in ("first", "last"):
        row = graph.op("Gather", hidden, graph.small([0 if spec.pool == "first" else -1]), axis=1)
        return graph.op("Squeeze", row, graph.small([1]))
    found = "input_ids"
    if spec.pool == "end token":
        equal = graph.op("Equal", "input_ids", graph.small([spec.end_token_id]))
        found = graph.op("Cast", equal, to=TensorProto.INT64)
    where = graph.op("ArgMax", found, axis=1, keepdims=1)
    return graph.op("GatherND", hidden, where, batch_dims=1)


def _norm(graph: _Graph, x: str, state: Mapping[str, Float32], name: str, epsilon: float) -> str:
    weight, bias = graph.weight(state[f"{name}.weight"]), graph.weight(state[f"{name}.bias"])
    return graph.op("LayerNormalization", x, weight, bias, axis=-1, epsilon=epsilon)


def _linear(graph: _Graph, x: str, state: Mapping[str, Float32], *names: str) -> str:
    """Apply linear layers side by side: their outputs are joined along the last axis."""
    out = graph.op("MatMul", x, graph.weight(np.concatenate([state[f"{name}.weight"] for name in names]).T))
    biases = [state[f"{name}.bias"] for name in names if f"{name}.bias" in state]
    return graph.op("Add", out, graph.weight(np.concatenate(biases))) if biases else out


def _activate(graph: _Graph, x: str, activation: str) -> str:
    if activation == "quick_gelu":
        return graph.op("Mul", x, graph.op("Sigmoid", graph.op("Mul", x, graph.small(1.702))))
    if activation in ("gelu_pytorch_tanh", "gelu_new"):
        return graph.op("Gelu", x, approximate="tanh")
    if activation == "gelu":
        return graph.op("Gelu", x)
    raise ModelUnavailable(f"The text tower's activation {activation!r} is not one that this version knows.")


class _Layer:
    """One transformer layer."""

    def __init__(
        self,
        graph: _Graph,
        spec: TransformerSpec,
        names: LayerNames,
        state: Mapping[str, Float32],
        prefix: str,
    ) -> None:
        self._graph = graph
        self._spec = spec
        self._names = names
        self._state = state
        self._prefix = prefix

    def build(self, x: str, mask: str | None) -> str:
        graph, names = self._graph, self._names
        if self._spec.norm_first:
            x = graph.op("Add", x, self._attention(self._norm(x, names.attention_norm), mask))
            return graph.op("Add", x, self._mlp(self._norm(x, names.mlp_norm)))
        x = self._norm(graph.op("Add", x, self._attention(x, mask)), names.attention_norm)
        return self._norm(graph.op("Add", x, self._mlp(x)), names.mlp_norm)

    def _norm(self, x: str, name: str) -> str:
        return _norm(self._graph, x, self._state, self._prefix + name, self._spec.layer_norm_eps)

    def _linear(self, x: str, *names: str) -> str:
        return _linear(self._graph, x, self._state, *(self._prefix + name for name in names))

    def _mlp(self, x: str) -> str:
        inner = _activate(self._graph, self._linear(x, self._names.mlp_in), self._spec.activation)
        return self._linear(inner, self._names.mlp_out)

    def _attention(self, x: str, mask: str | None) -> str:
        graph, names, num_heads = self._graph, self._names, self._spec.num_heads
        width = self._state[f"{self._prefix}{names.query}.weight"].shape[0]
        head = width // num_heads
        joined = self._linear(x, names.query, names.key, names.value)
        parts = graph.op("Reshape", joined, graph.small([0, 0, 3, num_heads, head]))
        by_head = graph.op("Transpose", parts, perm=[2, 0, 3, 1, 4])
        query, key, value = (graph.op("Gather", by_head, graph.small(part), axis=0) for part in range(3))
        scores = graph.op("MatMul", query, graph.op("Transpose", key, perm=[0, 1, 3, 2]))
        scores = graph.op("Mul", scores, graph.small(float(head**-0.5)))
        if mask is not None:
            scores = graph.op("Add", scores, mask)
        mixed = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), value)
        mixed = graph.op("Transpose", mixed, perm=[0, 2, 1, 3])
        return self._linear(graph.op("Reshape", mixed, graph.small([0, 0, width])), names.attention_out)
