"""Self-critical sequence training: the captioner is rewarded for CIDEr-D on what it samples.

Rennie et al., CVPR 2017; as baseline the mean reward of the image's other samples (Luo, "A Better
Variant of
Self-Critical Sequence Training", 2020), which needs no greedy decoding. Vedantam et al., CIDEr,
CVPR 2015.
"""

import collections
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from training.mini.captioner import END, MAX_LENGTH, PAD, START, UNKNOWN, Average, Captioner, Pictures

_ORDERS = 4
_SIGMA = 6.0
NGram = tuple[int, ...]


def _counts(words: Sequence[int]) -> collections.Counter[NGram]:
    return collections.Counter(
        tuple(words[i : i + n]) for n in range(1, _ORDERS + 1) for i in range(len(words) - n + 1)
    )


class CiderReward:
    """CIDEr-D of word numbers, document frequencies from the references given. The end counts as a
    word."""

    def __init__(self, references: Sequence[Sequence[Sequence[int]]]) -> None:
        counts = [[_counts(reference) for reference in group] for group in references]
        frequency: collections.Counter[NGram] = collections.Counter()
        for group in counts:
            frequency.update({gram for one in group for gram in one})
        self._log_num = math.log(len(references))
        self._frequency = {gram: math.log(count) for gram, count in frequency.items()}
        self._references = [
            [
                (self._vector(one), self._norms(self._vector(one)), len(words))
                for one, words in zip(group, raw, strict=True)
            ]
            for group, raw in zip(counts, references, strict=True)
        ]

    def _vector(self, counts: collections.Counter[NGram]) -> dict[NGram, float]:
        return {
            gram: count * (self._log_num - self._frequency.get(gram, 0.0)) for gram, count in counts.items()
        }

    @staticmethod
    def _norms(vector: dict[NGram, float]) -> list[float]:
        sums = [1e-12] * (_ORDERS + 1)
        for gram, value in vector.items():
            sums[len(gram)] += value * value
        return [math.sqrt(total) for total in sums]

    def score(self, photo: int, words: Sequence[int]) -> float:
        """CIDEr-D, 0 to 10, of one caption against the references of photograph number `photo`."""
        vector = self._vector(_counts(words))
        norms = self._norms(vector)
        total = 0.0
        for reference, reference_norms, length in self._references[photo]:
            products = [0.0] * (_ORDERS + 1)
            for gram, value in vector.items():
                other = reference.get(gram)
                if other is not None:
                    products[len(gram)] += min(value, other) * other
            similarity = (
                sum(products[n] / (norms[n] * reference_norms[n]) for n in range(1, _ORDERS + 1)) / _ORDERS
            )
            total += similarity * math.exp(-((len(words) - length) ** 2) / (2 * _SIGMA**2))
        return 10 * total / len(self._references[photo])


@torch.inference_mode()
def sample(model: Captioner, picture: list[tuple[Tensor, Tensor]], rows: int) -> Tensor:
    """One sampled caption per row: int64 (rows, t), ended and padded."""
    token = torch.full((rows,), START)
    past, out, done = None, [], torch.zeros(rows, dtype=torch.bool)
    for position in range(MAX_LENGTH - 1):
        scores, past = model.step(picture, token, past, position)
        scores = scores.float()
        scores[:, [PAD, START, UNKNOWN]] = -1e9
        token = torch.multinomial(scores.softmax(-1), 1)[:, 0].masked_fill(done, PAD)
        out.append(token)
        done |= token == END
        if done.all():
            break
    return torch.stack(out, 1)


@dataclass(frozen=True, slots=True)
class SelfCritical:
    """How the captioner is trained by its own samples."""

    steps: int = 260
    batch: int = 48
    samples: int = 5
    rate: float = 4e-5
    ema: float = 0.98
    seed: int = 1


def _ended(row: Sequence[int]) -> list[int]:
    words = list(row)
    return words[: words.index(END) + 1] if END in words else [w for w in words if w != PAD]


def train_self_critical(
    model: Captioner,
    pictures: Pictures,
    tokens: Tensor,
    train: npt.NDArray[np.int64],
    config: SelfCritical,
    *,
    checkpoint: Path,
) -> None:
    """Train in place; leaves the averaged weights. Saves `checkpoint` every 50 steps. tokens (n,
    5, 20)."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    reward = CiderReward([[_ended(row[1:]) for row in tokens[i].tolist()] for i in train])
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.rate, betas=(0.9, 0.98), weight_decay=0.0)
    average = Average(model, config.ema)
    model.eval()  # one policy for sampling and for learning: no dropout
    started = time.monotonic()
    history: list[float] = []
    for step in range(config.steps):
        positions = rng.choice(len(train), config.batch, replace=False)
        chosen = train[positions]
        views = rng.integers(0, len(pictures.cells), config.batch)
        cells, summaries = pictures.batch(chosen, views, rng.random(config.batch) < 0.5)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.inference_mode():
                picture = model.encode(cells, summaries)
                sampled = sample(model, picture, config.batch * config.samples)
            sampled = sampled.clone()
            hidden = model(
                model.encode(cells, summaries),
                torch.cat([torch.full((len(sampled), 1), START), sampled[:, :-1]], 1),
            )
            wanted = sampled != PAD
            scores = model.logits(hidden[wanted])
        scores = scores.float()
        scores[:, [PAD, START, UNKNOWN]] = -1e9
        rewards = torch.tensor(
            [
                [reward.score(position, _ended(row)) for row in rows]
                for position, rows in zip(
                    positions.tolist(), sampled.view(config.batch, config.samples, -1).tolist(), strict=True
                )
            ]
        )
        others = (rewards.sum(1, keepdim=True) - rewards) / (config.samples - 1)
        advantage = (rewards - others).flatten()[:, None].expand(sampled.shape)[wanted]
        negative = F.cross_entropy(scores, sampled[wanted], reduction="none")
        loss = (advantage * negative).sum() / wanted.sum()
        for group in optimizer.param_groups:
            group["lr"] = config.rate * min(1.0, (step + 1) / 10) * (1 - 0.9 * step / config.steps)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update()
        history.append(rewards.mean().item())
        if step % 10 == 9:
            print(
                f"step {step + 1}/{config.steps} reward of samples {np.mean(history[-10:]):.3f} "
                f"{(time.monotonic() - started) / (step + 1):.2f} s/step",
                flush=True,
            )
        if step % 50 == 49 or step == config.steps - 1:
            torch.save(average.mean, checkpoint)
    model.load_state_dict(average.mean)
