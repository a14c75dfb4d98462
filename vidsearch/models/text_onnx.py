"""Text towers on ONNX Runtime: all that a search needs of a model. Never imports torch or transformers.

A tower is a folder in the user cache, named by the key of its vector space:

    tower.json         the space, and what turns a cosine into a logit
    tokenizer.json     with cutting and padding already set
    tower.onnx         token ids (and a mask) to unit rows
    tower.weights      the graph's weights, mapped into memory
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidsearch.errors import ModelUnavailable
from vidsearch.models.weights import user_cache
from vidsearch.types import EmbeddingSpace

if TYPE_CHECKING:
    from vidsearch.types import Float32

_BATCH = 64


@dataclass(frozen=True, slots=True)
class TowerCard:
    """What is written beside a tower's graph."""

    space: EmbeddingSpace
    logit_scale: float | None
    """What a cosine is multiplied by before the softmax (CLIP) or the sigmoid (SigLIP); None where
    unknown."""
    logit_bias: float | None
    """Added after that; only SigLIP has one."""
    checkpoint_folder: str
    """Where the whole model lay when the tower was made."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> TowerCard:
        content = json.loads(text)
        return cls(**{**content, "space": EmbeddingSpace(**content["space"])})


def tower_folder(space: EmbeddingSpace) -> Path:
    """Return where a space's text tower is kept, whether or not it is there."""
    return user_cache() / "text-towers" / space.of("frames").key  # one for all kinds of segments


def has_tower(space: EmbeddingSpace) -> bool:
    """Return whether a space's text tower has been exported."""
    return (tower_folder(space) / "tower.json").is_file()


def read_card(space: EmbeddingSpace) -> TowerCard | None:
    """Return the card of a space's tower, or None where it has not been exported."""
    try:
        return TowerCard.from_json((tower_folder(space) / "tower.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


class OnnxTextEncoder:
    """A TextEncoder over an exported tower."""

    def __init__(self, folder: Path) -> None:
        """Load a tower. Raises ModelUnavailable where a file is missing or broken."""
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._card = TowerCard.from_json((folder / "tower.json").read_text(encoding="utf-8"))
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._session: Any = onnxruntime.InferenceSession(
                str(folder / "tower.onnx"), options, providers=["CPUExecutionProvider"]
            )
        # tokenizers and onnxruntime raise bare Exceptions for broken files
        except Exception as error:
            raise ModelUnavailable(
                f"The text encoder in {folder} is damaged ({type(error).__name__}: {error}). "
                "Delete that folder: it is made again when it is needed."
            ) from error
        self._inputs = {item.name for item in self._session.get_inputs()}

    @property
    def space(self) -> EmbeddingSpace:
        return self._card.space

    @property
    def logit_scale(self) -> float | None:
        return self._card.logit_scale

    @property
    def logit_bias(self) -> float | None:
        return self._card.logit_bias

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Embed texts. Returns float32 (n, dim), unit rows."""
        from vidsearch.models.tokens import encode

        rows = np.empty((len(texts), self.space.dim), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            ids, mask = encode(self._tokenizer, texts[start : start + _BATCH])
            feed = {"input_ids": ids, "attention_mask": mask}
            (out,) = self._session.run(None, {name: feed[name] for name in self._inputs})
            rows[start : start + _BATCH] = out
        return rows
