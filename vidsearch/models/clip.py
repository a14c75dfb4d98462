"""CLIP and SigLIP: images and texts in one space.

Radford et al. 2021 (arXiv:2103.00020), Zhai et al. 2023 (arXiv:2303.15343), Tschannen et al. 2025 (SigLIP 2,
arXiv:2502.14786, at fixed resolution), Chuang et al. 2025 (MetaCLIP 2, arXiv:2507.22062). Their texts differ:
CLIP pools a causal transformer at the end token, SigLIP pools the last position of one that sees both ways,
and pads every text to 64 tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from vidsearch.models.clip_model import ClipModel, SiglipModel
from vidsearch.models.loading import load_model, numpy_state
from vidsearch.models.preprocess import Preprocessing
from vidsearch.models.text_export import (
    LayerNames,
    Pool,
    TowerNames,
    TransformerSpec,
    ensure_tower,
    tower_writer,
)
from vidsearch.models.tokens import load_tokenizer
from vidsearch.models.torch_model import TorchEmbedder, embed_texts

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.checkpoints import EmbedderCard
    from vidsearch.models.configs import DualConfig
    from vidsearch.models.device import Device
    from vidsearch.types import EmbeddingSpace, Float32

_CPU_BATCH = 16

_LAYER = LayerNames(
    query="self_attn.q_proj",
    key="self_attn.k_proj",
    value="self_attn.v_proj",
    attention_out="self_attn.out_proj",
    attention_norm="layer_norm1",
    mlp_in="mlp.fc1",
    mlp_out="mlp.fc2",
    mlp_norm="layer_norm2",
)


class ClipEmbedder(TorchEmbedder):
    """An Embedder over a CLIP or SigLIP model."""

    _IMAGE_PARTS = ("vision_model", "visual_projection")

    def __init__(
        self,
        model: ClipModel | SiglipModel,
        tokenizer: Tokenizer,
        *,
        space: EmbeddingSpace,
        preprocessing: Preprocessing,
        device: Device,
        batch_size: int | None = None,
    ) -> None:
        """Put a model onto a device; see `TorchEmbedder`."""
        self.logit_scale = float(model.logit_scale.exp())
        """What a cosine is multiplied by before the softmax (CLIP) or the sigmoid (SigLIP)."""
        bias = getattr(model, "logit_bias", None)
        self.logit_bias = None if bias is None else float(bias)
        """SigLIP: added after that."""
        super().__init__(
            model,
            tokenizer,
            space=space,
            preprocessing=preprocessing,
            device=device,
            batch_size=batch_size,
            cpu_batch_size=_CPU_BATCH,
        )

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Embed texts. Returns float32 (n, dim), unit rows."""
        return embed_clip_texts(self.model, self.tokenizer, texts, self.space.dim)

    def _image_rows(self, pixels: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self._model.image_features(pixels)
        return rows


def load_clip(card: EmbedderCard, *, device: Device, batch_size: int | None = None) -> ClipEmbedder:
    """Load a CLIP or SigLIP checkpoint, and export its text tower unless that is done already.

    Raises ModelUnavailable where the checkpoint is not whole.
    """
    config = card.config
    tokenizer = load_tokenizer(card.checkpoint, card.token_rules, config)
    model = load_model(
        lambda: SiglipModel(config) if card.family == "siglip" else ClipModel(config), card.checkpoint
    )
    bias = getattr(model, "logit_bias", None)
    ensure_tower(
        card.space,
        card.checkpoint.folder,
        write=tower_writer(text_spec(config), text_names(config), lambda: numpy_state(model)),
        tokenizer=tokenizer,
        reference=lambda texts: embed_clip_texts(model, tokenizer, texts, card.space.dim),
        logit_scale=float(model.logit_scale.exp()),
        logit_bias=None if bias is None else float(bias),
    )
    return ClipEmbedder(
        model,
        tokenizer,
        space=card.space,
        preprocessing=card.preprocessing,
        device=device,
        batch_size=batch_size,
    )


def embed_clip_texts(model: Any, tokenizer: Tokenizer, texts: Sequence[str], dim: int) -> Float32:
    """Embed texts by a model's `text_features`. Returns float32 (n, dim), unit rows."""
    device = model.logit_scale.device
    return embed_texts(texts, tokenizer, lambda ids, _: model.text_features(ids), dim=dim, device=device)


def text_spec(config: DualConfig) -> TransformerSpec:
    """Return a text tower's shape, for its export."""
    text, shape = config.text, config.text.transformer
    pool: Pool = "end token"
    if config.family == "siglip":
        pool = "last"
    elif text.pools_highest_id:
        pool = "highest id"
    return TransformerSpec(
        num_layers=shape.num_layers,
        num_heads=shape.num_heads,
        layer_norm_eps=shape.layer_norm_eps,
        activation=shape.activation,
        norm_first=True,
        mask="none" if config.family == "siglip" else "causal",
        pool=pool,
        end_token_id=text.end_token_id,
    )


def text_names(config: DualConfig) -> TowerNames:
    """Return where a text tower's weights are."""
    return TowerNames(
        tokens="text_model.embeddings.token_embedding.weight",
        positions="text_model.embeddings.position_embedding.weight",
        embedding_norm=None,
        layer=lambda index: f"text_model.encoder.layers.{index}.",
        layer_names=_LAYER,
        final_norm="text_model.final_layer_norm",
        projection="text_model.head" if config.family == "siglip" else "text_projection",
    )
