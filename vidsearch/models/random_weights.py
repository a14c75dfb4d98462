"""CLIP and BLIP at their published sizes with random weights: to measure speed where the weights are not.

The work is the same to the last multiplication, but for captions: random ones never end by themselves, and so
take all the tokens there are. The vectors and captions mean nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    CLIPConfig,
    CLIPModel,
)

from vidsearch.errors import ModelUnavailable
from vidsearch.models.blip import BlipEmbedder
from vidsearch.models.blip_captioner import PUBLISHED_NUM_BEAMS, BlipCaptioner
from vidsearch.models.clip import ClipEmbedder
from vidsearch.models.preprocess import Preprocessing
from vidsearch.types import EmbeddingSpace

if TYPE_CHECKING:
    from vidsearch.models.device import Device
    from vidsearch.models.protocols import Captioner, Embedder

_SEED = 0


def random_embedder(name: str, *, device: Device, batch_size: int | None = None) -> Embedder:
    """Return an embedder of the size of "clip" (ViT-B/32) or "blip" (ViT-B/16 at 384 pixels)."""
    torch.manual_seed(_SEED)
    if name == "clip":
        text = {"hidden_act": "gelu", "eos_token_id": 2}
        config = CLIPConfig(text_config=text, vision_config={"hidden_act": "gelu"}, projection_dim=512)
        return ClipEmbedder(
            _ready(CLIPModel(config)),
            _tokenizer("<|startoftext|>", "<|endoftext|>", first_id=49406),
            space=_space("clip", 512),
            preprocessing=Preprocessing.from_config({}, family="clip"),
            device=device,
            batch_size=batch_size,
        )
    if name == "blip":
        return BlipEmbedder(
            _ready(BlipForImageTextRetrieval(_blip_config())),
            _tokenizer("[CLS]", "[SEP]", first_id=101),
            space=_space("blip", 256),
            preprocessing=Preprocessing.from_config({}, family="blip"),
            device=device,
            batch_size=batch_size,
        )
    raise ModelUnavailable(f"There are no random weights for {name!r}: choose clip or blip.")


def random_captioner(
    name: str, *, device: Device, batch_size: int | None = None, num_beams: int | None = None
) -> Captioner:
    """Return a captioner of the size of "blip" (base)."""
    if name != "blip":
        raise ModelUnavailable(f"There are no random weights for a captioner {name!r}: choose blip.")
    torch.manual_seed(_SEED)
    return BlipCaptioner(
        _ready(BlipForConditionalGeneration(_blip_config())),
        _tokenizer("[CLS]", "[SEP]", first_id=101),
        model="blip, random weights",
        preprocessing=Preprocessing.from_config({}, family="blip"),
        device=device,
        batch_size=batch_size,
        num_beams=num_beams or PUBLISHED_NUM_BEAMS,
    )


def _blip_config() -> BlipConfig:
    text = {"num_attention_heads": 12, "encoder_hidden_size": 768}
    return BlipConfig(text_config=text, vision_config={"initializer_range": 0.02})


def _ready(model: torch.nn.Module) -> torch.nn.Module:
    return model.eval().requires_grad_(False)


def _space(name: str, dim: int) -> EmbeddingSpace:
    return EmbeddingSpace(
        model=f"{name}, random weights", weights_digest=f"random {_SEED}", preprocessing=name, dim=dim
    )


def _tokenizer(start: str, end: str, *, first_id: int) -> Tokenizer:
    """Make a tokenizer that knows no word: each becomes one unknown token between a start and an end
    token."""
    vocab = {"[PAD]": 0, "[UNK]": 1, start: first_id, end: first_id + 1}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, first_id), (end, first_id + 1)]
    )
    tokenizer.enable_truncation(35)
    tokenizer.enable_padding()
    return tokenizer
