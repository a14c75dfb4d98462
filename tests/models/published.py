"""What tests at published sizes share: sizes, vocabularies as large as published ones, and comparing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from tests.models.texts import many_texts

SMALL = {"hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8, "num_hidden_layers": 12}
BASE = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 12}
LARGE = {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 24}
SO400M = {"hidden_size": 1152, "intermediate_size": 4304, "num_attention_heads": 16, "num_hidden_layers": 27}

SOME = slice(None, None, 5)
"""Every fifth of the many texts is embedded; all are tokenised."""


def save_weights(model: Any, folder: Path, form: str = "model.safetensors", **extra: torch.Tensor) -> None:
    """Save a model of transformers.

    Args:
        model: which one.
        folder: where to.
        form: model.safetensors, pytorch_model.bin, sharded, or fp16.
        extra: what older files hold beside the weights.
    """
    model.save_pretrained(folder, max_shard_size="1GB" if form == "sharded" else "50GB")
    path = folder / "model.safetensors"
    if form in ("pytorch_model.bin", "fp16") or extra:
        state = {**load_file(path), **extra}
        if form == "pytorch_model.bin":
            torch.save(state, folder / form)
            path.unlink()
            return
        if form == "fp16":
            state = {name: w.half() if w.is_floating_point() else w for name, w in state.items()}
        save_file(state, path, metadata={"format": "pt"})


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def least_cosine(ours: np.ndarray, reference: torch.Tensor | np.ndarray) -> float:
    """The least cosine of rows of length 1 with the reference's, of any length."""
    return float(np.sum(ours * _unit(reference), axis=1).min())


def spread(reference: torch.Tensor | np.ndarray) -> float:
    """How far rows are from their mean, at most: random weights may make the same of everything."""
    rows = _unit(reference)
    return float(np.linalg.norm(rows - rows.mean(axis=0), axis=1).max())


def _unit(rows: torch.Tensor | np.ndarray) -> np.ndarray:
    return torch.nn.functional.normalize(torch.as_tensor(rows).float(), dim=-1).numpy()


def trained_bytes(num_tokens: int, first: Sequence[str] = ()) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Train a byte-level BPE on the many texts.

    Returns a vocabulary that begins with `first` and is filled up with words that no text has, and merges.
    """
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=2000, initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator([text[:200] for text in many_texts()], trainer)
    model = json.loads(trained.to_str())["model"]
    words = [*first, *sorted(model["vocab"], key=model["vocab"].__getitem__)]
    words += [f"\u2603{number}" for number in range(num_tokens - len(words))]
    return {word: number for number, word in enumerate(words)}, [tuple(merge) for merge in model["merges"]]
