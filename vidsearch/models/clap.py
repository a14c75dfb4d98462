"""CLAP: sounds and texts in one space (Wu et al. 2023, arXiv:2211.06687), by transformers' own network.

Published models hear windows of ten seconds, 48,000 samples per second, mono. Longer sound they would crop at
random, so windows are cut before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from vidsearch.models.checkpoints import check_clap
from vidsearch.models.loading import numpy_state
from vidsearch.models.text_export import BERT_LAYER, TowerNames, bert_spec, ensure_tower, tower_writer
from vidsearch.models.tokens import read_tokenizer
from vidsearch.models.torch_model import embed_texts
from vidsearch.models.torch_windows import TorchSoundEmbedder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.device import Device
    from vidsearch.models.weights import Checkpoint
    from vidsearch.types import EmbeddingSpace, Float32

_POSITIONS = "text_model.embeddings.position_embeddings.weight"
_NAMES = TowerNames(
    tokens="text_model.embeddings.word_embeddings.weight",
    positions=_POSITIONS,
    embedding_norm="text_model.embeddings.LayerNorm",
    layer=lambda index: f"text_model.encoder.layer.{index}.",
    layer_names=BERT_LAYER,
    final_norm=None,
    pooler="text_model.pooler.dense",
    projection="text_projection.linear1",
    projection_out="text_projection.linear2",
)


class ClapEmbedder(TorchSoundEmbedder):
    """A SoundEmbedder over a CLAP model. A short sound is repeated until it fills a window."""

    def __init__(
        self,
        model: Any,
        extractor: Any,
        tokenizer: Tokenizer,
        *,
        space: EmbeddingSpace,
        device: Device,
        batch_size: int | None = None,
    ) -> None:
        """Put a model onto a device.

        Args:
            model: transformers' ClapModel.
            extractor: transformers' ClapFeatureExtractor, of the same checkpoint.
            tokenizer: likewise, set to cut and pad.
            space: of its vectors.
            device: where to run.
            batch_size: windows at once; None is a number that fits.
        """
        self.tokenizer = tokenizer
        self._extractor = extractor
        super().__init__(
            model,
            space=space,
            sample_rate=int(extractor.sampling_rate),
            window_seconds=float(extractor.max_length_s),
            device=device,
            batch_size=batch_size,
        )

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Embed texts. Returns float32 (n, dim), unit rows."""
        return _embed_texts(self.model, self.tokenizer, texts, self.space.dim)

    def _sound_rows(self, sounds: Sequence[Float32]) -> torch.Tensor:
        features = self._extractor(list(sounds), sampling_rate=self.sample_rate, return_tensors="pt")
        mel = features["input_features"].to(self.device.torch_device, self.device.torch_dtype)
        # No window is longer than the model's own. (The extractor calls one of them so, at random.)
        is_longer = torch.zeros((len(sounds), 1), dtype=torch.bool, device=mel.device)
        rows: torch.Tensor = self.model.get_audio_features(
            input_features=mel, is_longer=is_longer
        ).pooler_output
        return rows


def load_clap(
    checkpoint: Checkpoint, space: EmbeddingSpace, *, device: Device, batch_size: int | None = None
) -> ClapEmbedder:
    """Load a CLAP checkpoint, and export its text tower unless that is done already.

    Raises ModelUnavailable where the checkpoint is not whole.
    """
    from transformers.models.clap.feature_extraction_clap import ClapFeatureExtractor
    from transformers.models.clap.modeling_clap import ClapModel

    from vidsearch.models.transformers_model import load_pretrained

    check_clap(checkpoint)
    model = load_pretrained(ClapModel, checkpoint)
    tokenizer = clap_tokenizer(checkpoint)
    text = model.config.text_config
    ensure_tower(
        space,
        checkpoint.folder,
        write=tower_writer(
            bert_spec(
                num_layers=text.num_hidden_layers,
                num_heads=text.num_attention_heads,
                layer_norm_eps=text.layer_norm_eps,
                activation=text.hidden_act,
            ),
            _NAMES,
            lambda: _text_state(model),
        ),
        tokenizer=tokenizer,
        reference=lambda texts: _embed_texts(model, tokenizer, texts, space.dim),
    )
    extractor = ClapFeatureExtractor.from_pretrained(checkpoint.folder, local_files_only=True)
    return ClapEmbedder(model, extractor, tokenizer, space=space, device=device, batch_size=batch_size)


def clap_tokenizer(checkpoint: Checkpoint) -> Tokenizer:
    """Read a checkpoint's tokenizer, set to cut and pad. Raises ModelUnavailable."""
    text = checkpoint.config["text_config"]
    pad_id = int(text.get("pad_token_id", 1))
    tokenizer = read_tokenizer(checkpoint.folder)
    # Positions are counted from behind the padding token's number.
    tokenizer.enable_truncation(int(text.get("max_position_embeddings", 514)) - pad_id - 1)
    tokenizer.enable_padding(pad_id=pad_id, pad_token=tokenizer.id_to_token(pad_id) or "<pad>")
    return tokenizer


def _text_state(model: Any) -> Mapping[str, Float32]:
    """The text tower's weights, with what RoBERTa adds to each token put into one table of positions."""
    state = numpy_state(model)
    pad_id = int(model.config.text_config.pad_token_id)
    kinds = state["text_model.embeddings.token_type_embeddings.weight"]
    return {**state, _POSITIONS: state[_POSITIONS][pad_id + 1 :] + kinds[:1]}


def _embed_texts(model: Any, tokenizer: Tokenizer, texts: Sequence[str], dim: int) -> Float32:
    def text_rows(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = model.get_text_features(input_ids=ids, attention_mask=mask).pooler_output
        return rows

    return embed_texts(texts, tokenizer, text_rows, dim=dim, device=model.device)
