"""Why CLIP or SigLIP found an image: gradient-weighted attention relevance of its image tower.

Chefer, Gur and Wolf, "Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder
Transformers", ICCV 2021 (arXiv:2103.15679), equations 5 and 6. A layer's attention map A, weighted by the
gradient of the image's similarity to the query, tells how relevance moves between tokens: R <- R + mean over
heads of max(0, dS/dA * A) @ R, from R = identity. The class token's row of R is CLIP's answer. SigLIP pools
by attention instead (one learnt query over all tokens), whose map, weighted in the same way, reads R out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vidsearch.models.relevance import Relevance

if TYPE_CHECKING:
    from vidsearch.models.clip import ClipEmbedder
    from vidsearch.types import Float32, UInt8Image


class ClipExplainer:
    """An Explainer over a CLIP or SigLIP embedder with a vision transformer."""

    def __init__(self, embedder: ClipEmbedder, *, num_layers: int | None = None) -> None:
        """Explain by the last `num_layers` layers.

        None is one for CLIP, as in the authors' own CLIP demonstration
        (hila-chefer/Transformer-MM-Explainability, `CLIP_explainability.ipynb`), and none before the pooling
        attention for SigLIP.
        """
        self._embedder = embedder
        self._vision: Any = embedder.model.vision_model
        self._is_siglip = hasattr(self._vision, "head")
        if num_layers is None:
            num_layers = 0 if self._is_siglip else 1
        self._num_layers = num_layers
        self.method = f"gradient-weighted attention, last {num_layers} layers"

    def explain(self, image: UInt8Image, query: str) -> Relevance:
        """Return which patches speak for the query. The grid is never negative."""
        embedder = self._embedder
        text = torch.from_numpy(embedder.embed_texts([query])[0]).to(embedder.model.device)
        pixels = embedder.preprocessing.normalise(
            torch.from_numpy(embedder.preprocessing.batch([image])).to(embedder.model.device),
            embedder.model.dtype,
        )
        with torch.enable_grad(), _attention_maps(self._vision) as maps:
            pixels.requires_grad_(True)
            tokens = self._vision(pixel_values=pixels)
            pooling: torch.Tensor | None = None
            if self._is_siglip:
                row, pooling = _pool(self._vision.head, tokens.last_hidden_state)
            else:
                row = embedder.model.visual_projection(tokens.pooler_output)
            score = torch.nn.functional.cosine_similarity(row[0].float(), text.float(), dim=0)
            chosen = maps[len(maps) - self._num_layers :]
            asked = [*chosen, *([] if pooling is None else [pooling])]
            gradients = torch.autograd.grad(score, asked)
        flows = [_flow(attention, gradient) for attention, gradient in zip(asked, gradients, strict=True)]
        patches = _roll_out(flows, pools_last=pooling is not None)
        side_rows = embedder.preprocessing.height // self._vision.config.patch_size
        return Relevance(
            text=query,
            grid=patches.reshape(side_rows, -1),
            region=embedder.preprocessing.region(image.shape[0], image.shape[1]),
            score=float(score.detach()),
            method=self.method,
        )


@contextmanager
def _attention_maps(vision: Any) -> Iterator[list[torch.Tensor]]:
    """Collect each layer's attention map (1, heads, queries, keys) of the forward passes in the block.

    The fused kernels make no map, so that the plain attention runs meanwhile.
    """
    maps: list[torch.Tensor] = []
    before = vision.config._attn_implementation
    hooks = [
        layer.self_attn.register_forward_hook(lambda _module, _inputs, outputs: maps.append(outputs[1]))
        for layer in vision.encoder.layers
    ]
    vision.set_attn_implementation("eager")
    try:
        yield maps
    finally:
        vision.set_attn_implementation(before)
        for hook in hooks:
            hook.remove()


def _pool(head: Any, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Do what SigLIP's pooling head does, and return its attention map (1, heads, 1, tokens) too.

    torch's own MultiheadAttention returns a map that its output does not depend on, which has no gradient.
    """
    attention = head.attention
    width, num_heads = attention.embed_dim, attention.num_heads
    weights, biases = attention.in_proj_weight.split(width), attention.in_proj_bias.split(width)
    query, key, value = (
        _by_head(torch.nn.functional.linear(source, weight, bias), num_heads)
        for source, weight, bias in zip((head.probe, tokens, tokens), weights, biases, strict=True)
    )
    scores = query @ key.transpose(-1, -2) * (width // num_heads) ** -0.5
    attended = scores.softmax(dim=-1)
    mixed = attention.out_proj((attended @ value).transpose(1, 2).flatten(2))
    pooled = mixed + head.mlp(head.layernorm(mixed))
    return pooled[:, 0], attended


def _by_head(rows: torch.Tensor, num_heads: int) -> torch.Tensor:
    """Split (batch, tokens, width) into (batch, heads, tokens, width of a head)."""
    return rows.view(*rows.shape[:2], num_heads, -1).transpose(1, 2)


def _flow(attention: torch.Tensor, gradient: torch.Tensor) -> Float32:
    """Weigh an attention map by its gradient: (queries, keys), what speaks against the query left out."""
    weighed = (attention * gradient)[0].clamp(min=0).mean(dim=0)
    flow: Float32 = weighed.detach().float().cpu().numpy()
    return flow


def _roll_out(flows: Sequence[Float32], *, pools_last: bool) -> Float32:
    """Carry relevance through the layers. Returns one number per patch."""
    layers = flows[:-1] if pools_last else flows
    size = flows[-1].shape[1]
    relevance = np.eye(size, dtype=np.float32)
    for flow in layers:
        relevance = relevance + flow @ relevance
    if pools_last:
        pooled: Float32 = (flows[-1] @ relevance)[0]
        return pooled
    return relevance[0, 1:]
