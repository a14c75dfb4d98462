"""BLIP as an embedder and as a matcher of one image with one text (Li et al. 2022, arXiv:2201.12086).

The embedder's vectors come from the contrastive projections of the retrieval checkpoint. Its matching head
reads an image and a text together: slower by far, and better at details; search re-ranks its best hits with
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from vidsearch.models.blip_model import BlipRetrievalModel
from vidsearch.models.loading import load_model, numpy_state
from vidsearch.models.preprocess import Preprocessing
from vidsearch.models.text_export import BERT_LAYER, TowerNames, bert_spec, ensure_tower, tower_writer
from vidsearch.models.tokens import encode, load_tokenizer
from vidsearch.models.torch_model import TorchEmbedder, embed_texts

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.checkpoints import EmbedderCard
    from vidsearch.models.device import Device
    from vidsearch.types import EmbeddingSpace, Float32, UInt8Image

_CPU_BATCH = 8

_NAMES = TowerNames(
    tokens="text_encoder.embeddings.word_embeddings.weight",
    positions="text_encoder.embeddings.position_embeddings.weight",
    embedding_norm="text_encoder.embeddings.LayerNorm",
    layer=lambda index: f"text_encoder.encoder.layer.{index}.",
    layer_names=BERT_LAYER,
    final_norm=None,
    projection="text_proj",
)


class BlipEmbedder(TorchEmbedder):
    """An Embedder, and a Matcher, over a BLIP retrieval model."""

    _IMAGE_PARTS = ("vision_model", "vision_proj")

    def __init__(
        self,
        model: BlipRetrievalModel,
        tokenizer: Tokenizer,
        *,
        space: EmbeddingSpace,
        preprocessing: Preprocessing,
        device: Device,
        batch_size: int | None = None,
    ) -> None:
        """Put a model onto a device; see `TorchEmbedder`."""
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
        model = self.model
        ids, mask = encode_to_match(model, self.tokenizer, text)

        def match(pixels: torch.Tensor) -> Sequence[float]:
            pairs = (row.expand(len(pixels), -1) for row in (ids, mask))
            logits = model.match_logits(pixels, *pairs).float()
            return list(torch.softmax(logits, dim=-1)[:, 1].tolist())

        return np.asarray(self._runner.run(images, match), dtype=np.float32)

    def _image_rows(self, pixels: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self._model.image_features(pixels)
        return rows


def load_blip(card: EmbedderCard, *, device: Device, batch_size: int | None = None) -> BlipEmbedder:
    """Load a BLIP retrieval checkpoint, and export its text tower unless that is done already.

    Raises ModelUnavailable where the checkpoint is not whole.
    """
    config = card.config
    tokenizer = load_tokenizer(card.checkpoint, card.token_rules, config)
    model = load_model(lambda: BlipRetrievalModel(config), card.checkpoint)
    shape = config.text.transformer
    ensure_tower(
        card.space,
        card.checkpoint.folder,
        write=tower_writer(
            bert_spec(
                num_layers=shape.num_layers,
                num_heads=shape.num_heads,
                layer_norm_eps=shape.layer_norm_eps,
                activation=shape.activation,
            ),
            _NAMES,
            lambda: numpy_state(model),
        ),
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


def encode_to_match(
    model: BlipRetrievalModel, tokenizer: Tokenizer, text: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokenise one text for the matching head: ids and mask, both (1, tokens), on the model's device.

    The head was trained with [ENC] in the place of [CLS] (salesforce/BLIP, `models/blip_retrieval.py`).
    Published tokenizers lack that token: it is the last of the model's embeddings."""
    device = model.itm_head.weight.device
    ids, mask = (torch.from_numpy(each).to(device) for each in encode(tokenizer, [text]))
    ids[:, 0] = model.config.text.vocab_size - 1
    return ids, mask


def _embed_texts(model: BlipRetrievalModel, tokenizer: Tokenizer, texts: Sequence[str], dim: int) -> Float32:
    return embed_texts(texts, tokenizer, model.text_features, dim=dim, device=model.itm_head.weight.device)
