"""BLIP as an embedder and as a matcher of one image with one text (Li et al. 2022, arXiv:2201.12086).

The embedder's vectors come from the contrastive projections of the retrieval checkpoint. Its matching head
reads an image and a text together: slower by far, and better at details; search re-ranks its best hits with
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import BlipForImageTextRetrieval

from vidsearch.models.preprocess import Preprocessing
from vidsearch.models.text_export import LayerNames, TowerNames, TransformerSpec, ensure_tower
from vidsearch.models.tokens import encode, load_tokenizer
from vidsearch.models.torch_model import TorchEmbedder, load_model, numpy_state, unit_rows

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.checkpoints import EmbedderCard
    from vidsearch.models.device import Device
    from vidsearch.types import EmbeddingSpace, Float32, UInt8Image

_CPU_BATCH = 8
_TEXT_BATCH = 256

_NAMES = TowerNames(
    tokens="text_encoder.embeddings.word_embeddings.weight",
    positions="text_encoder.embeddings.position_embeddings.weight",
    embedding_norm="text_encoder.embeddings.LayerNorm",
    layer=lambda index: f"text_encoder.encoder.layer.{index}.",
    layer_names=LayerNames(
        query="attention.self.query",
        key="attention.self.key",
        value="attention.self.value",
        attention_out="attention.output.dense",
        attention_norm="attention.output.LayerNorm",
        mlp_in="intermediate.dense",
        mlp_out="output.dense",
        mlp_norm="output.LayerNorm",
    ),
    final_norm=None,
    projection="text_proj",
)


class BlipEmbedder(TorchEmbedder):
    """An Embedder, and a Matcher, over a BLIP retrieval model."""

    def __init__(
        self,
        model: Any,
        tokenizer: Tokenizer,
        *,
        space: EmbeddingSpace,
        preprocessing: Preprocessing,
        device: Device,
        batch_size: int | None = None,
    ) -> None:
        """Put a model onto a device. `model` is transformers' BlipForImageTextRetrieval."""
        fuse_vision_attention(model.vision_model)
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
        return _embed_texts(self.model, self.tokenizer, texts, self.space.dim)

    def match_scores(self, images: Sequence[UInt8Image], text: str) -> Float32:
        """Return the probability that `text` fits each image, by the image-text matching head.

        float32 (n,), in [0, 1]. Raises ModelOutOfMemory.
        """
        ids, mask = _encode(self.model, self.tokenizer, [text])

        def match(pixels: torch.Tensor) -> Sequence[float]:
            seen = self.model.vision_model(pixel_values=pixels).last_hidden_state
            hidden = self.model.text_encoder(
                input_ids=ids.expand(len(pixels), -1),
                attention_mask=mask.expand(len(pixels), -1),
                encoder_hidden_states=seen,
            ).last_hidden_state
            logits = self.model.itm_head(hidden[:, 0]).float()
            return list(torch.softmax(logits, dim=-1)[:, 1].tolist())

        return np.asarray(self._runner.run(images, match), dtype=np.float32)

    def _image_rows(self, pixels: torch.Tensor) -> torch.Tensor:
        seen = self.model.vision_model(pixel_values=pixels).last_hidden_state
        rows: torch.Tensor = self.model.vision_proj(seen[:, 0])
        return rows


def load_blip(card: EmbedderCard, *, device: Device, batch_size: int | None = None) -> BlipEmbedder:
    """Load a BLIP retrieval checkpoint, and export its text tower unless that is done already.

    Raises ModelUnavailable where the checkpoint is not whole.
    """
    tokenizer = load_tokenizer(card.checkpoint, card.token_rules, family="blip")
    model = load_model(BlipForImageTextRetrieval, card.checkpoint)
    config = model.config.text_config
    ensure_tower(
        card.space,
        card.checkpoint.folder,
        spec=TransformerSpec(
            num_layers=config.num_hidden_layers,
            num_heads=config.num_attention_heads,
            layer_norm_eps=config.layer_norm_eps,
            activation=config.hidden_act,
            norm_first=False,
            mask="padding",
            pool="first",
        ),
        names=_NAMES,
        state=lambda: numpy_state(model),
        tokenizer=tokenizer,
        reference=lambda texts: _embed_texts(model, tokenizer, texts, card.space.dim),
    )
    return BlipEmbedder(
        model,
        tokenizer,
        space=card.space,
        preprocessing=card.preprocessing,
        device=device,
        batch_size=batch_size,
    )


def _embed_texts(model: Any, tokenizer: Tokenizer, texts: Sequence[str], dim: int) -> Float32:
    rows = np.empty((len(texts), dim), dtype=np.float32)
    for start in range(0, len(texts), _TEXT_BATCH):
        ids, mask = _encode(model, tokenizer, texts[start : start + _TEXT_BATCH])
        with torch.inference_mode():
            hidden = model.text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            rows[start : start + _TEXT_BATCH] = unit_rows(model.text_proj(hidden[:, 0]))
    return rows


def _encode(model: Any, tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    ids, mask = encode(tokenizer, texts)
    return torch.from_numpy(ids).to(model.device), torch.from_numpy(mask).to(model.device)


def fuse_vision_attention(vision_model: Any) -> None:
    """Let a BLIP vision tower use torch's fused attention, which transformers' own BLIP does not."""
    for layer in vision_model.encoder.layers:
        layer.self_attn.forward = MethodType(_fused_attention, layer.self_attn)


def _fused_attention(
    self: Any, hidden_states: torch.Tensor, **_: Any
) -> tuple[torch.Tensor, torch.Tensor | None]:
    batch, tokens, width = hidden_states.shape
    joined = self.qkv(hidden_states).view(batch, tokens, 3, self.num_heads, width // self.num_heads)
    query, key, value = joined.permute(2, 0, 3, 1, 4)
    mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value, scale=self.scale)
    return self.projection(mixed.transpose(1, 2).reshape(batch, tokens, width)), None
