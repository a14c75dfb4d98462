"""ModernBERT as an ONNX graph, written node by node from its weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidsearch.errors import ModelUnavailable
from vidsearch.models.text_graph import Graph, activate, attend, build_graph, linear, norm, padding_mask

if TYPE_CHECKING:
    from vidsearch.types import Float32

_HEAD_EPS = 1e-6


def write_modernbert(folder: Path, config: Any, state: Mapping[str, Float32], *, max_tokens: int) -> None:
    """Write tower.onnx and tower.weights into a folder.

    Args:
        folder: where to.
        config: transformers' ModernBertConfig.
        state: the weights of a `ModernBertText`.
        max_tokens: that a text may have.

    Raises:
        ModelUnavailable: for an activation or rotary positions that are not known here.
    """
    build_graph(folder, partial(_tower, config=config, state=state, max_tokens=max_tokens), has_mask=True)


def _tower(graph: Graph, *, config: Any, state: Mapping[str, Float32], max_tokens: int) -> str:
    layers = _Layers(graph, config, state, max_tokens)
    hidden = graph.op(
        "Gather", graph.weight(state["text_model.embeddings.tok_embeddings.weight"]), "input_ids"
    )
    hidden = norm(graph, hidden, state, "text_model.embeddings.norm", config.norm_eps)
    for index in range(config.num_hidden_layers):
        hidden = layers.build(hidden, index)
    hidden = norm(graph, hidden, state, "text_model.final_norm", config.norm_eps)
    first = graph.op("Squeeze", graph.op("Gather", hidden, graph.small([0]), axis=1), graph.small([1]))
    row = linear(graph, norm(graph, first, state, "head.layer_norm", _HEAD_EPS), state, "head.proj")
    return graph.op("LpNormalization", row, axis=-1, p=2)


class _Layers:
    """Builds layers. Some see all tokens, the others those nearby; each kind has its own rotary positions."""

    def __init__(self, graph: Graph, config: Any, state: Mapping[str, Float32], max_tokens: int) -> None:
        self._graph = graph
        self._config = config
        self._state = state
        self._num_tokens = graph.op("Shape", "input_ids", start=1, end=2)
        padding = padding_mask(graph)
        apart = np.abs(np.subtract.outer(np.arange(max_tokens), np.arange(max_tokens)))
        far = np.where(apart > config.sliding_window, np.finfo(np.float32).min / 2, 0).astype(np.float32)
        size = graph.op("Concat", self._num_tokens, self._num_tokens, axis=0)
        near = graph.op("Slice", graph.weight(far), graph.small([0, 0]), size, graph.small([0, 1]))
        self._masks = {"full_attention": padding, "sliding_attention": graph.op("Min", padding, near)}
        self._turns = {kind: self._turn(kind, max_tokens) for kind in sorted(set(config.layer_types))}

    def _turn(self, kind: str, max_tokens: int) -> tuple[str, str]:
        """Cosines and sines of rotary positions (tokens, width of a head)."""
        width = self._config.hidden_size // self._config.num_attention_heads
        rope = self._config.rope_parameters[kind]
        if rope.get("rope_type", "default") != "default":
            raise ModelUnavailable(
                f"A text tower with rotary positions {rope['rope_type']!r} is not supported."
            )
        steps = float(rope["rope_theta"]) ** -(np.arange(0, width, 2) / width)
        angles = np.tile(np.outer(np.arange(max_tokens), steps), 2)
        graph = self._graph
        cos, sin = (
            graph.op("Slice", graph.weight(table), graph.small([0]), self._num_tokens, graph.small([0]))
            for table in (np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32))
        )
        return cos, sin

    def _rotated(self, x: str, *, by: tuple[str, str]) -> str:
        graph = self._graph
        first, second = graph.halves(x)
        turned = graph.op("Concat", graph.op("Neg", second), first, axis=-1)
        return graph.op("Add", graph.op("Mul", x, by[0]), graph.op("Mul", turned, by[1]))

    def build(self, x: str, index: int) -> str:
        graph, prefix = self._graph, f"text_model.layers.{index}."
        seen = x if index == 0 else self._norm(x, f"{prefix}attn_norm")
        x = graph.op("Add", x, self._attention(seen, prefix, self._config.layer_types[index]))
        return graph.op("Add", x, self._mlp(self._norm(x, f"{prefix}mlp_norm"), prefix))

    def _norm(self, x: str, name: str) -> str:
        return norm(self._graph, x, self._state, name, self._config.norm_eps)

    def _mlp(self, x: str, prefix: str) -> str:
        graph = self._graph
        inner, gate = graph.halves(linear(graph, x, self._state, f"{prefix}mlp.Wi"))
        inner = graph.op("Mul", activate(graph, inner, self._config.hidden_activation), gate)
        return linear(graph, inner, self._state, f"{prefix}mlp.Wo")

    def _attention(self, x: str, prefix: str, kind: str) -> str:
        graph, num_heads = self._graph, self._config.num_attention_heads
        joined = linear(graph, x, self._state, f"{prefix}attn.Wqkv")
        width, mask = self._config.hidden_size, self._masks[kind]
        turn = partial(self._rotated, by=self._turns[kind])
        mixed = attend(graph, joined, num_heads=num_heads, width=width, mask=mask, turn=turn)
        return linear(graph, mixed, self._state, f"{prefix}attn.Wo")
