"""Why BLIP matched a text or wrote a word: its cross-attention from words to image patches.

Matching: Grad-CAM over the attention maps of one cross-attention layer of the text encoder, weighted by the
gradient of the matching score (Li et al. 2021, ALBEF, arXiv:2107.07651, section 6.5; for BLIP
salesforce/LAVIS, `compute_gradcam` in `blip_image_text_matching.py`, whose demonstrations take the eighth of
twelve layers). Captions: the decoder's cross-attention at the position that wrote each word, averaged over
heads and layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from vidsearch.models.blip import encode_to_match
from vidsearch.models.layers import recorded_attention
from vidsearch.models.relevance import Relevance, WordRelevance

if TYPE_CHECKING:
    from vidsearch.models.blip import BlipEmbedder
    from vidsearch.models.blip_captioner import BlipCaptioner
    from vidsearch.models.preprocess import Preprocessing
    from vidsearch.types import Float32, UInt8Image

_LAYER_SHARE = 8 / 12


class BlipExplainer:
    """An Explainer over a BLIP retrieval model's matching head."""

    method = "Grad-CAM over cross-attention"

    def __init__(self, embedder: BlipEmbedder) -> None:
        self._embedder = embedder

    def explain(self, image: UInt8Image, query: str) -> Relevance:
        """Return which patches make the query match, and each of its words. Grids are never negative."""
        embedder = self._embedder
        model = embedder.model
        ids, mask = encode_to_match(model, embedder.tokenizer, query)
        layers = model.text_encoder.cross_attentions()
        layer = layers[max(0, round(len(layers) * _LAYER_SHARE) - 1)]
        with torch.enable_grad(), recorded_attention([layer]) as maps:
            pixels = _pixels(embedder.preprocessing, image, model).requires_grad_(True)
            logits = model.match_logits(pixels, ids, mask)[0].float()
            (gradient,) = torch.autograd.grad(logits[1], maps)
        # The first key is the image's class token, which has no place.
        cams = (maps[0] * gradient.clamp(min=0))[0, :, :, 1:].mean(dim=0).detach().float().cpu().numpy()
        rows = embedder.preprocessing.height // model.config.vision.patch_size
        grids = cams.reshape(len(cams), rows, -1)
        tokens = [embedder.tokenizer.id_to_token(int(token)) or "" for token in ids[0]]
        inner = slice(1, len(tokens) - 1)  # without the start and the end token
        return Relevance(
            text=query,
            grid=grids[inner].mean(axis=0) if len(tokens) > 2 else grids[0],
            region=embedder.preprocessing.region(image.shape[0], image.shape[1]),
            score=float(torch.softmax(logits.detach(), dim=0)[1]),
            method=self.method,
            words=_whole_words(tokens[inner], grids[inner]),
        )


class BlipCaptionExplainer:
    """A CaptionExplainer over a BLIP captioner."""

    method = "decoder cross-attention"

    def __init__(self, captioner: BlipCaptioner) -> None:
        self._captioner = captioner

    def explain_caption(self, image: UInt8Image) -> Relevance:
        """Caption an image, and return where the decoder looked for each word. The score is mean
        log-probability."""
        captioner = self._captioner
        model = captioner.torch_model
        decoder = model.text_decoder
        (caption,) = captioner.captions([image])
        tokens = [token for token in caption.tokens if token != captioner.end_token]
        start = captioner.start_ids
        written = [captioner.tokenizer.token_to_id(token) for token in tokens]
        with torch.inference_mode(), recorded_attention(decoder.cross_attentions()) as maps:
            pixels = _pixels(captioner.preprocessing, image, model)
            ids = torch.tensor([[*start, *written]], device=pixels.device)
            decoder(ids, decoder.image_keys_values(model.vision_model(pixels)))
        attention = torch.stack([each[0].float() for each in maps]).mean(dim=(0, 1)).cpu().numpy()
        # Position i sees tokens 0 to i and writes token i + 1; the last one writes the end.
        writing = attention[len(start) - 1 : len(start) - 1 + len(tokens), 1:]
        rows = captioner.preprocessing.height // model.config.vision.patch_size
        grids = writing.reshape(len(tokens), rows, -1)
        return Relevance(
            text=caption.text,
            grid=grids.mean(axis=0),
            region=captioner.preprocessing.region(image.shape[0], image.shape[1]),
            score=float(np.mean(caption.token_logprobs)),
            method=self.method,
            words=_whole_words(tokens, grids),
        )


def _pixels(preprocessing: Preprocessing, image: UInt8Image, model: torch.nn.Module) -> torch.Tensor:
    weight = next(model.parameters())
    batch = torch.from_numpy(preprocessing.batch([image])).to(weight.device)
    return preprocessing.normalise(batch, weight.dtype)


def _whole_words(tokens: Sequence[str], grids: Float32) -> tuple[WordRelevance, ...]:
    """Join word pieces ("play", "##ing") to words; a word's grid is the mean of its pieces'."""
    words: list[str] = []
    parts: list[list[Float32]] = []
    for token, grid in zip(tokens, grids, strict=True):
        if token.startswith("##") and words:
            words[-1] += token.removeprefix("##")
            parts[-1].append(grid)
        else:
            words.append(token)
            parts.append([grid])
    return tuple(
        WordRelevance(word, np.mean(grids_of_word, axis=0).astype(np.float32))
        for word, grids_of_word in zip(words, parts, strict=True)
    )
