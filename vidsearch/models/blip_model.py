"""BLIP's networks in torch, with the parameter names of published checkpoints.

They compute what `BlipForImageTextRetrieval` and `BlipForConditionalGeneration` of transformers compute
(tests/models compares them). Two things differ, and only in speed: attention is fused, and while a caption is
written, the keys and values of an image's patches are computed once and shared by all beams of the image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import nn

from vidsearch.models.layers import (
    Attention,
    Encoder,
    JointAttention,
    activation,
    embedding,
    join_heads,
    patch_convolution,
    split_heads,
)

if TYPE_CHECKING:
    from vidsearch.models.configs import DualConfig, TextConfig, TransformerConfig, VisionConfig

KeysValues: TypeAlias = tuple[torch.Tensor, torch.Tensor]
"""Keys and values, each (rows, heads, tokens, width of a head)."""


class BlipRetrievalModel(nn.Module):
    """BLIP for retrieval: two projections into one space, and a head that reads image and text together."""

    def __init__(self, config: DualConfig) -> None:
        super().__init__()
        self.config = config
        width = config.text.transformer.width
        self.vision_model = BlipVision(config.vision)
        self.text_encoder = _Bert(config.text, image_width=config.vision.transformer.width)
        self.vision_proj = nn.Linear(config.vision.transformer.width, config.dim)
        self.text_proj = nn.Linear(width, config.dim)
        self.itm_head = nn.Linear(width, 2)

    def image_features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Rows (n, dim), of any length, of pixels (n, 3, height, width)."""
        rows: torch.Tensor = self.vision_proj(self.vision_model(pixels)[:, 0])
        return rows

    def text_features(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Rows (n, dim), of any length, of token ids and mask (n, tokens), 1 where there is text."""
        rows: torch.Tensor = self.text_proj(self.text_encoder(ids, mask)[:, 0])
        return rows

    def match_logits(self, pixels: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Logits (n, 2) of "does not fit" and "fits", of images and texts in pairs."""
        hidden = self.text_encoder(ids, mask, image=self.vision_model(pixels))
        logits: torch.Tensor = self.itm_head(hidden[:, 0])
        return logits


class BlipCaptionModel(nn.Module):
    """BLIP for captions: an image tower and a text decoder that attends to its patches."""

    def __init__(self, config: DualConfig) -> None:
        super().__init__()
        self.config = config
        self.vision_model = BlipVision(config.vision)
        self.text_decoder = BlipDecoder(config.text, image_width=config.vision.transformer.width)


class BlipVision(nn.Module):
    """A vision transformer. Returns all its tokens (n, 1 + patches, width), the class token first."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        shape = config.transformer
        self.embeddings = _VisionEmbeddings(config)
        self.encoder = Encoder(shape, lambda: JointAttention(shape))
        self.post_layernorm = nn.LayerNorm(shape.width, eps=shape.layer_norm_eps)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        tokens: torch.Tensor = self.post_layernorm(self.encoder(self.embeddings(pixels)))
        return tokens


class BlipDecoder(nn.Module):
    """Writes one token after another, looking at an image."""

    def __init__(self, config: TextConfig, *, image_width: int) -> None:
        super().__init__()
        self.bert = _Bert(config, image_width=image_width)
        self.cls = _LanguageHead(config)

    def image_keys_values(self, image: torch.Tensor) -> list[KeysValues]:
        """Project an image tower's tokens (n, tokens, width) for each layer's cross-attention.

        Each head's lie side by side: they are read again for each token that is written, which takes half as
        long so.
        """
        both = (attention.keys_values(image) for attention in self.bert.cross_attentions())
        return [(keys.contiguous(), values.contiguous()) for keys, values in both]

    def forward(
        self, ids: torch.Tensor, image: list[KeysValues], past: list[KeysValues] | None = None
    ) -> tuple[torch.Tensor, list[KeysValues]]:
        """Read tokens, and say which may come next.

        Args:
            ids: (rows, tokens) that `past` does not hold yet; one where it is given. Rows are n images times
                any number of beams, an image's beams side by side.
            image: of the n images, by `image_keys_values`.
            past: what an earlier call returned.

        Returns:
            Logits (rows, vocabulary) after the last token, and `past` for the next call.
        """
        hidden, past = self.bert.decode(ids, image, past)
        return self.cls(hidden[:, -1]), past

    def cross_attentions(self) -> list[HeadsAttention]:
        """Return each layer's cross-attention, first layer first."""
        return self.bert.cross_attentions()


class _VisionEmbeddings(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width = config.transformer.width
        self.class_embedding = nn.Parameter(torch.empty(1, 1, width))
        self.patch_embedding = patch_convolution(config, bias=True)
        self.position_embedding = nn.Parameter(torch.empty(1, config.num_patches + 1, width))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(pixels), 1, -1)
        return torch.cat([first, patches], dim=1) + self.position_embedding


class _Bert(nn.Module):
    """BERT with cross-attention to an image in each layer (MED in the paper)."""

    def __init__(self, config: TextConfig, *, image_width: int) -> None:
        super().__init__()
        self.embeddings = _TextEmbeddings(config)
        self.encoder = _BertEncoder(config.transformer, image_width)

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor, *, image: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Encode texts (n, tokens), seeing both ways. Returns (n, tokens, width)."""
        hidden = self.embeddings(ids, 0)
        visible = mask.bool()[:, None, None, :]
        for layer, attention in zip(self.encoder.layer, self.cross_attentions(), strict=True):
            seen = None if image is None else attention.keys_values(image)
            hidden, _ = layer(hidden, seen, mask=visible)
        rows: torch.Tensor = hidden
        return rows

    def decode(
        self, ids: torch.Tensor, image: list[KeysValues], past: list[KeysValues] | None
    ) -> tuple[torch.Tensor, list[KeysValues]]:
        """Encode the next tokens of texts, seeing what came before. See `BlipDecoder.forward`."""
        hidden = self.embeddings(ids, 0 if past is None else past[0][0].shape[2])
        extended = []
        for index, layer in enumerate(self.encoder.layer):
            before = None if past is None else past[index]
            hidden, keys_values = layer(hidden, image[index], past=before, is_causal=past is None)
            extended.append(keys_values)
        return hidden, extended

    def cross_attentions(self) -> list[HeadsAttention]:
        """Return each layer's cross-attention, first layer first."""
        layers: Iterable[Any] = self.encoder.layer
        return [layer.crossattention.self for layer in layers]


class _TextEmbeddings(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        shape = config.transformer
        self.word_embeddings = embedding(config.vocab_size, shape.width)
        self.position_embeddings = embedding(config.max_tokens, shape.width)
        self.LayerNorm = nn.LayerNorm(shape.width, eps=shape.layer_norm_eps)

    def forward(self, ids: torch.Tensor, num_before: int) -> torch.Tensor:
        positions = self.position_embeddings.weight[num_before : num_before + ids.shape[1]]
        rows: torch.Tensor = self.LayerNorm(self.word_embeddings(ids) + positions)
        return rows


class _BertEncoder(nn.Module):
    def __init__(self, config: TransformerConfig, image_width: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_BertLayer(config, image_width) for _ in range(config.num_layers))


class _BertLayer(nn.Module):
    def __init__(self, config: TransformerConfig, image_width: int) -> None:
        super().__init__()
        self.attention = _BertAttention(config, config.width)
        self.crossattention = _BertAttention(config, image_width)
        self.intermediate = _Dense(config.width, config.mlp_width)
        self.output = _NormedDense(config.mlp_width, config)
        self._activate = activation(config.activation)

    def forward(
        self,
        x: torch.Tensor,
        image: KeysValues | None,
        *,
        mask: torch.Tensor | None = None,
        past: KeysValues | None = None,
        is_causal: bool = False,
    ) -> tuple[torch.Tensor, KeysValues]:
        own: KeysValues = self.attention.self.keys_values(x)
        if past is not None:
            own = (torch.cat([past[0], own[0]], dim=2), torch.cat([past[1], own[1]], dim=2))
        x = self.attention(x, own, mask=mask, is_causal=is_causal)
        if image is not None:
            x = self.crossattention(x, image)
        return self.output(self._activate(self.intermediate.dense(x)), x), own


class _BertAttention(nn.Module):
    def __init__(self, config: TransformerConfig, source_width: int) -> None:
        super().__init__()
        self.self = HeadsAttention(config, source_width)
        self.output = _NormedDense(config.width, config)

    def forward(
        self,
        x: torch.Tensor,
        keys_values: KeysValues,
        *,
        mask: torch.Tensor | None = None,
        is_causal: bool = False,
    ) -> torch.Tensor:
        rows: torch.Tensor = self.output(self.self(x, keys_values, mask=mask, is_causal=is_causal), x)
        return rows


class HeadsAttention(Attention):
    """Attention from text to itself, or to an image, before its output projection."""

    def __init__(self, config: TransformerConfig, source_width: int) -> None:
        super().__init__()
        self._num_heads = config.num_heads
        self.query = nn.Linear(config.width, config.width)
        self.key = nn.Linear(source_width, config.width)
        self.value = nn.Linear(source_width, config.width)

    def keys_values(self, source: torch.Tensor) -> KeysValues:
        """Project what is attended to."""
        return split_heads(self.key(source), self._num_heads), split_heads(
            self.value(source), self._num_heads
        )

    def forward(
        self,
        x: torch.Tensor,
        keys_values: KeysValues,
        *,
        mask: torch.Tensor | None = None,
        is_causal: bool = False,
    ) -> torch.Tensor:
        """Attend from x (rows, tokens, width). Where there are fewer rows of keys, an image's rows share
        them."""
        key, value = keys_values
        num_rows, num_tokens, width = x.shape
        # Beams of an image become further queries to the same keys: nothing is copied.
        query = split_heads(self.query(x).view(len(key), -1, width), self._num_heads)
        mixed = self.attend(query, key, value, mask=mask, is_causal=is_causal)
        return join_heads(mixed).view(num_rows, num_tokens, width)


class _Dense(nn.Module):
    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(in_width, out_width)


class _NormedDense(nn.Module):
    """A linear layer, a residual sum, and a norm."""

    def __init__(self, in_width: int, config: TransformerConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(in_width, config.width)
        self.LayerNorm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)

    def forward(self, x: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.LayerNorm(self.dense(x) + residual)
        return rows


class _LanguageHead(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.predictions = _Predictions(config)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.predictions(hidden)
        return logits


class _Predictions(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.transform = _HeadTransform(config.transformer)
        self.decoder = nn.Linear(config.transformer.width, config.vocab_size)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.decoder(self.transform(hidden))
        return logits


class _HeadTransform(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.width, config.width)
        self.LayerNorm = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self._activate = activation(config.activation)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.LayerNorm(self._activate(self.dense(hidden)))
        return rows
