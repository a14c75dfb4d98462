"""Why CLIP or SigLIP found an image: gradient-weighted attention relevance of its image tower.

Chefer, Gur and Wolf, "Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder
Transformers", ICCV 2021 (arXiv:2103.15679), equations 5 and 6. A layer's attention map A, weighted by the
gradient of the image's similarity to the query, tells how relevance moves between tokens: R <- R + mean over
heads of max(0, dS/dA * A) @ R, from R = identity. The class token's row of R is CLIP's answer. SigLIP pools
by attention instead (one learnt query over all tokens), whose map, weighted in the same way, reads R out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from vidsearch.models.clip_model import SiglipModel
from vidsearch.models.layers import recorded_attention
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
        self._is_siglip = isinstance(embedder.model, SiglipModel)
        if num_layers is None:
            num_layers = 0 if self._is_siglip else 1
        self._num_layers = num_layers
        self.method = f"gradient-weighted attention, last {num_layers} layers"

    def explain(self, image: UInt8Image, query: str) -> Relevance:
        """Return which patches speak for the query. The grid is never negative."""
        embedder = self._embedder
        model, vision = embedder.model, embedder.model.vision_model
        device, dtype = model.logit_scale.device, model.logit_scale.dtype
        text = torch.from_numpy(embedder.embed_texts([query])[0]).to(device)
        batch = torch.from_numpy(embedder.preprocessing.batch([image])).to(device)
        pixels = embedder.preprocessing.normalise(batch, dtype)
        layers = vision.encoder.attentions()
        asked = layers[len(layers) - self._num_layers :]
        if self._is_siglip:
            asked = [*asked, vision.head.attention]
        with torch.enable_grad(), recorded_attention(asked) as maps:
            row = model.image_features(pixels.requires_grad_(True))[0]
            score = torch.nn.functional.cosine_similarity(row.float(), text.float(), dim=0)
            gradients = torch.autograd.grad(score, maps)
        flows = [_flow(attention, gradient) for attention, gradient in zip(maps, gradients, strict=True)]
        patches = _roll_out(flows, pools_last=self._is_siglip)
        side_rows = embedder.preprocessing.height // model.config.vision.patch_size
        return Relevance(
            text=query,
            grid=patches.reshape(side_rows, -1),
            region=embedder.preprocessing.region(image.shape[0], image.shape[1]),
            score=float(score.detach()),
            method=self.method,
        )


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
