"""CLIP and BLIP at their published sizes with random weights: to measure speed where the weights are not.

The work is the same to the last multiplication, but for captions: random ones never end by themselves, and so
take all the tokens there are. The vectors and captions mean nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing

from vidsearch.errors import ModelUnavailable
from vidsearch.models.blip import BlipEmbedder
from vidsearch.models.blip_captioner import BlipCaptioner
from vidsearch.models.blip_model import BlipCaptionModel, BlipRetrievalModel
from vidsearch.models.clip import ClipEmbedder
from vidsearch.models.clip_model import ClipModel
from vidsearch.models.configs import read_dual_config
from vidsearch.models.preprocess import Preprocessing
from vidsearch.types import EmbeddingSpace

if TYPE_CHECKING:
    from vidsearch.models.device import Device
    from vidsearch.models.protocols import Captioner, Embedder

Model = TypeVar("Model", bound=torch.nn.Module)

_SEED = 0
_DIGEST = f"random {_SEED}"
_CLIP = read_dual_config(
    {"text_config": {"hidden_act": "gelu"}, "vision_config": {"hidden_act": "gelu"}},
    family="clip",
    model="clip",
)
_LARGE = {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 24}
_BLIPS = {
    name: read_dual_config(
        {"text_config": {"num_attention_heads": 12}, "vision_config": vision}, family="blip", model=name
    )
    for name, vision in {"blip": {}, "blip-large": _LARGE}.items()
}


def random_embedder(name: str, *, device: Device, batch_size: int | None = None) -> Embedder:
    """Return an embedder of the size of "clip" (ViT-B/32) or "blip" (ViT-B/16 at 384 pixels)."""
    if name == "clip":
        return ClipEmbedder(
            _randomized(ClipModel(_CLIP)),
            _tokenizer("<|startoftext|>", "<|endoftext|>", first_id=49406),
            space=_space("clip", 512),
            preprocessing=Preprocessing.from_config({}, family="clip"),
            device=device,
            batch_size=batch_size,
        )
    if name == "blip":
        return BlipEmbedder(
            _randomized(BlipRetrievalModel(_BLIPS["blip"])),
            _tokenizer("[CLS]", "[SEP]", first_id=101),
            space=_space("blip", 256),
            preprocessing=Preprocessing.from_config({}, family="blip"),
            device=device,
            batch_size=batch_size,
        )
    raise ModelUnavailable(f"There are no random weights for {name!r}: choose clip or blip.")


def random_captioner(
    name: str,
    *,
    device: Device,
    batch_size: int | None = None,
    num_beams: int | None = None,
    prompt: str | None = None,
) -> Captioner:
    """Return a captioner of the size of "blip" (base) or "blip-large"; see `BlipCaptioner` for the other
    arguments."""
    if name not in _BLIPS:
        raise ModelUnavailable(
            f"There are no random weights for a captioner {name!r}: choose {' or '.join(_BLIPS)}."
        )
    return BlipCaptioner(
        _randomized(BlipCaptionModel(_BLIPS[name])),
        _tokenizer("[CLS]", "[SEP]", first_id=101),
        model=f"{name}, random weights",
        weights_digest=_DIGEST,
        preprocessing=Preprocessing.from_config({}, family="blip"),
        device=device,
        batch_size=batch_size,
        num_beams=num_beams,
        prompt=prompt,
    )


def _randomized(model: Model) -> Model:
    """Fill a model with random numbers of the usual size."""
    generator = torch.Generator().manual_seed(_SEED)
    for name, weight in model.named_parameters():
        is_norm = "norm" in name.lower() and name.endswith("weight")
        weight.data.normal_(1.0 if is_norm else 0.0, 0.02, generator=generator)
    return model.eval().requires_grad_(False)


def _space(name: str, dim: int) -> EmbeddingSpace:
    return EmbeddingSpace(
        model=f"{name}, random weights", weights_digest=_DIGEST, preprocessing=name, dim=dim
    )


def _tokenizer(start: str, end: str, *, first_id: int) -> Tokenizer:
    """Make a tokenizer without words: each becomes one unknown token between a start and an end token."""
    vocab = {"[PAD]": 0, "[UNK]": 1, start: first_id, end: first_id + 1}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, first_id), (end, first_id + 1)]
    )
    tokenizer.enable_truncation(35)
    tokenizer.enable_padding()
    return tokenizer
