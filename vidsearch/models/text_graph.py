"""A text tower as an ONNX graph, written node by node from its weights.

The families share one transformer, so that one writer serves all. torch's own exporter makes the same graph
in fourteen times the time, and needs two more packages (`benchmarks/text_export.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from vidsearch.errors import ModelUnavailable

if TYPE_CHECKING:
    from vidsearch.models.text_export import LayerNames, TowerNames, TransformerSpec
    from vidsearch.types import Float32

_OPSET = 20
_IR_VERSION = 9
_PAGE_BYTES = 4096


class Graph:
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

    def halves(self, x: str) -> tuple[str, str]:
        """Cut the last axis into two."""
        self._count += 1
        outputs = [f"Split_{self._count}_{part}" for part in range(2)]
        self.nodes.append(helper.make_node("Split", [x], outputs, axis=-1, num_outputs=2))
        return outputs[0], outputs[1]

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


def write_graph(folder: Path, spec: TransformerSpec, names: TowerNames, state: Mapping[str, Float32]) -> None:
    """Write tower.onnx and tower.weights into a folder.

    Args:
        folder: where to.
        spec: the tower's shape.
        names: where its weights are.
        state: the weights.

    Raises:
        ModelUnavailable: for an activation that is not known here.
    """
    build_graph(folder, lambda graph: _tower(graph, spec, names, state), has_mask=spec.mask == "padding")


def build_graph(folder: Path, build: Callable[[Graph], str], *, has_mask: bool) -> None:
    """Write tower.onnx and tower.weights into a folder.

    Args:
        folder: where to.
        build: adds a tower's nodes, from `input_ids` on, and returns the name of its rows.
        has_mask: whether there is an input `attention_mask`, too.
    """
    graph = Graph(folder)
    try:
        output = build(graph)
    finally:
        graph.close()
    shape = ["texts", "tokens"]
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, shape)]
    if has_mask:
        inputs.append(helper.make_tensor_value_info("attention_mask", TensorProto.INT64, shape))
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["texts", None])]
    proto = helper.make_model(
        helper.make_graph(graph.nodes, "text_tower", inputs, outputs, graph.initializers),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="vidsearch",
    )
    (folder / "tower.onnx").write_bytes(proto.SerializeToString())


def _tower(graph: Graph, spec: TransformerSpec, names: TowerNames, state: Mapping[str, Float32]) -> str:
    num_tokens = graph.op("Shape", "input_ids", start=1, end=2)
    positions = graph.op(
        "Slice", graph.weight(state[names.positions]), graph.small([0]), num_tokens, graph.small([0])
    )
    hidden = graph.op("Gather", graph.weight(state[names.tokens]), "input_ids")
    hidden = graph.op("Add", hidden, positions)
    if names.embedding_norm:
        hidden = norm(graph, hidden, state, names.embedding_norm, spec.layer_norm_eps)
    mask = _mask(graph, spec, state[names.positions].shape[0], num_tokens)
    for index in range(spec.num_layers):
        layer = _Layer(graph, spec, names.layer_names, state, names.layer(index))
        hidden = layer.build(hidden, mask)
    if names.final_norm:
        hidden = norm(graph, hidden, state, names.final_norm, spec.layer_norm_eps)
    pooled = _pool(graph, spec, hidden)
    if names.pooler:
        pooled = graph.op("Tanh", linear(graph, pooled, state, names.pooler))
    row = linear(graph, pooled, state, names.projection)
    if names.projection_out:
        row = linear(graph, graph.op("Relu", row), state, names.projection_out)
    return graph.op("LpNormalization", row, axis=-1, p=2)


def _mask(graph: Graph, spec: TransformerSpec, max_tokens: int, num_tokens: str) -> str | None:
    """Return what is added to attention scores, broadcast over (texts, heads, queries, keys)."""
    if spec.mask == "causal":
        future = np.triu(np.full((max_tokens, max_tokens), np.finfo(np.float32).min, dtype=np.float32), k=1)
        size = graph.op("Concat", num_tokens, num_tokens, axis=0)
        return graph.op("Slice", graph.weight(future), graph.small([0, 0]), size, graph.small([0, 1]))
    return padding_mask(graph) if spec.mask == "padding" else None


def padding_mask(graph: Graph) -> str:
    """What hides padding when it is added to attention scores, (texts, 1, 1, keys)."""
    padding = graph.op("Sub", graph.small(1.0), graph.op("Cast", "attention_mask", to=TensorProto.FLOAT))
    padding = graph.op("Unsqueeze", padding, graph.small([1, 2]))
    return graph.op("Mul", padding, graph.small(float(np.finfo(np.float32).min)))


def _pool(graph: Graph, spec: TransformerSpec, hidden: str) -> str:
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


def norm(graph: Graph, x: str, state: Mapping[str, Float32], name: str, epsilon: float) -> str:
    """Apply a layer norm, with or without a bias."""
    weights = [graph.weight(state[key]) for key in (f"{name}.weight", f"{name}.bias") if key in state]
    return graph.op("LayerNormalization", x, *weights, axis=-1, epsilon=epsilon)


def linear(graph: Graph, x: str, state: Mapping[str, Float32], *names: str) -> str:
    """Apply linear layers side by side: their outputs are joined along the last axis."""
    out = graph.op("MatMul", x, graph.weight(np.concatenate([state[f"{name}.weight"] for name in names]).T))
    biases = [state[f"{name}.bias"] for name in names if f"{name}.bias" in state]
    return graph.op("Add", out, graph.weight(np.concatenate(biases))) if biases else out


def activate(graph: Graph, x: str, activation: str) -> str:
    """Apply an activation, by transformers' name. Raises ModelUnavailable for one that is not known here."""
    if activation == "quick_gelu":
        return graph.op("Mul", x, graph.op("Sigmoid", graph.op("Mul", x, graph.small(1.702))))
    if activation in ("gelu_pytorch_tanh", "gelu_new"):
        return graph.op("Gelu", x, approximate="tanh")
    if activation == "gelu":
        return graph.op("Gelu", x)
    raise ModelUnavailable(f"The text tower's activation {activation!r} is not one that this version knows.")


def attend(
    graph: Graph,
    joined: str,
    *,
    num_heads: int,
    width: int,
    mask: str | None,
    turn: Callable[[str], str] = lambda x: x,
) -> str:
    """Attention of all heads.

    Args:
        graph: where the nodes go.
        joined: queries, keys and values side by side, (texts, tokens, 3 * width).
        num_heads: of `width` together.
        width: of the result, (texts, tokens, width).
        mask: what is added to scores.
        turn: applied to queries and keys, (texts, heads, tokens, width of a head): rotary positions.
    """
    head = width // num_heads
    parts = graph.op("Reshape", joined, graph.small([0, 0, 3, num_heads, head]))
    by_head = graph.op("Transpose", parts, perm=[2, 0, 3, 1, 4])
    query, key, value = (graph.op("Gather", by_head, graph.small(part), axis=0) for part in range(3))
    scores = graph.op("MatMul", turn(query), graph.op("Transpose", turn(key), perm=[0, 1, 3, 2]))
    scores = graph.op("Mul", scores, graph.small(float(head**-0.5)))
    if mask is not None:
        scores = graph.op("Add", scores, mask)
    mixed = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), value)
    mixed = graph.op("Transpose", mixed, perm=[0, 2, 1, 3])
    return graph.op("Reshape", mixed, graph.small([0, 0, width]))


class _Layer:
    """One transformer layer."""

    def __init__(
        self,
        graph: Graph,
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
        return norm(self._graph, x, self._state, self._prefix + name, self._spec.layer_norm_eps)

    def _linear(self, x: str, *names: str) -> str:
        return linear(self._graph, x, self._state, *(self._prefix + name for name in names))

    def _mlp(self, x: str) -> str:
        inner = activate(self._graph, self._linear(x, self._names.mlp_in), self._spec.activation)
        return self._linear(inner, self._names.mlp_out)

    def _attention(self, x: str, mask: str | None) -> str:
        names = self._names
        width = self._state[f"{self._prefix}{names.query}.weight"].shape[0]
        joined = self._linear(x, names.query, names.key, names.value)
        mixed = attend(self._graph, joined, num_heads=self._spec.num_heads, width=width, mask=mask)
        return self._linear(mixed, names.attention_out)
