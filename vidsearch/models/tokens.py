"""Text as a checkpoint's text tower wants it. Runs on `tokenizers` alone: no torch, and transformers only for
a checkpoint that has no tokenizer.json.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Regex, Tokenizer, normalizers
from tokenizers.processors import TemplateProcessing

from vidsearch.errors import ModelUnavailable

if TYPE_CHECKING:
    from vidsearch.models.weights import Checkpoint
    from vidsearch.types import Int64


@dataclass(frozen=True, slots=True)
class TokenRules:
    """How a model family was trained to see text."""

    max_tokens: int
    """Special tokens included; what is longer is cut."""
    pad_to_max: bool
    """SigLIP pools the last position and sees its padding; the others only pad a batch to its longest
    text."""


def load_tokenizer(checkpoint: Checkpoint, rules: TokenRules, *, family: str) -> Tokenizer:
    """Load a checkpoint's tokenizer, set to cut and pad by `rules`. Raises ModelUnavailable.

    SigLIP's training text is lower case and, for its own 32k vocabulary, without punctuation; it has no start
    token, and always an end token (google-research/big_vision,
    `evaluators/proj/image_text/prompt_engineering.py` and the `tok` preprocessing op). Published tokenizer
    files do not always say so, so it is set here.
    """
    path = checkpoint.folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path)) if path.is_file() else _from_vocabulary(checkpoint.folder)
    if family == "siglip":
        _follow_siglip_training(tokenizer)
    _set_lengths(tokenizer, rules, family)
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[Int64, Int64]:
    """Tokenise texts. Returns token ids and mask (1 text, 0 padding), both int64 (n, tokens)."""
    encodings = tokenizer.encode_batch(list(texts))
    ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
    mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
    return ids, mask


def _set_lengths(tokenizer: Tokenizer, rules: TokenRules, family: str) -> None:
    pad = next(
        (name for name in _PAD_TOKENS[family] if tokenizer.token_to_id(name) is not None),
        None,
    )
    if pad is None:
        raise ModelUnavailable(f"The tokenizer has none of the padding tokens {_PAD_TOKENS[family]}.")
    tokenizer.enable_truncation(rules.max_tokens)
    tokenizer.enable_padding(
        pad_id=tokenizer.token_to_id(pad),
        pad_token=pad,
        length=rules.max_tokens if rules.pad_to_max else None,
    )


_PAD_TOKENS = {
    # CLIP pools the first end token and is causal, so any padding does; the end token is always there.
    "clip": ("<|endoftext|>", "</s>", "<pad>"),
    "siglip": ("<pad>", "</s>"),
    "blip": ("[PAD]",),
}


def _follow_siglip_training(tokenizer: Tokenizer) -> None:
    unigram = json.loads(tokenizer.to_str())["model"]["type"] == "Unigram"
    steps: list[normalizers.Normalizer] = [normalizers.Lowercase()]
    if unigram:
        steps += [
            normalizers.Replace(Regex(r"[!-/:-@\[-`{-~]"), ""),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    if tokenizer.normalizer is not None:
        steps.append(tokenizer.normalizer)
    tokenizer.normalizer = normalizers.Sequence(steps)
    end = next((name for name in ("<eos>", "</s>") if tokenizer.token_to_id(name) is not None), None)
    if end is None:
        raise ModelUnavailable("The SigLIP tokenizer has no end token, <eos> or </s>.")
    tokenizer.post_processor = TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, tokenizer.token_to_id(end))]
    )


def _from_vocabulary(folder: Path) -> Tokenizer:
    """Build the tokenizer of an older checkpoint from its vocabulary files, by way of transformers."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
    except (OSError, ValueError, ImportError, AttributeError) as error:
        raise ModelUnavailable(
            f"{folder} has no tokenizer.json, and none could be made from its vocabulary ({error}). "
            "With `pip install sentencepiece protobuf` a SentencePiece vocabulary can be read."
        ) from error
    return Tokenizer.from_str(tokenizer.to_str())
