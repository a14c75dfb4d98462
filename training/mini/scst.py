"""Self-critical sequence training: the captioner is rewarded for what it samples, by CIDEr-D and BLEU-4.

Rennie et al., CVPR 2017; as baseline the mean reward of the image's other samples (Luo, "A Better Variant of
Self-Critical Sequence Training", 2020), which needs no greedy decoding.
CIDEr-D alone makes captions short; BLEU's brevity penalty holds against that.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from training.mini.captioner import MAX_LENGTH, Average, Captioner, Pictures, ended
from training.mini.reward import Reward
from vidsearch.models.mini.beam import END, PAD, START, UNKNOWN


@torch.inference_mode()
def sample(model: Captioner, picture: list[tuple[Tensor, Tensor]], rows: int) -> Tensor:
    """One sampled caption per row: int64 (rows, t), ended and padded."""
    token = torch.full((rows,), START)
    past, out, done = None, [], torch.zeros(rows, dtype=torch.bool)
    for position in range(MAX_LENGTH - 1):
        scores, past = model.step(picture, token, past, position)
        scores = scores.float()
        scores[:, [PAD, START, UNKNOWN]] = -1e9
        # By the inverse of the distribution: `multinomial` draws a number per word, which takes far longer.
        reached = scores.softmax(-1).cumsum(-1)
        drawn = torch.rand(rows, 1) * reached[:, -1:]
        token = torch.searchsorted(reached, drawn)[:, 0].clamp(max=scores.shape[-1] - 1)
        token = token.masked_fill(done, PAD)
        out.append(token)
        done |= token == END
        if done.all():
            break
    return torch.stack(out, 1)


@dataclass(frozen=True, slots=True)
class SelfCritical:
    """How the captioner is trained by its own samples."""

    steps: int = 400
    batch: int = 48
    samples: int = 5
    rate: float = 1.2e-4
    ema: float = 0.98
    bleu_weight: float = 1.0
    seed: int = 3


def train_self_critical(
    model: Captioner,
    pictures: Pictures,
    tokens: Tensor,
    train: npt.NDArray[np.int64],
    config: SelfCritical,
    *,
    checkpoint: Path,
) -> None:
    """Train in place; leaves the averaged weights. Resumes from `checkpoint`, kept every 50 steps.

    tokens (n, 5, 20).
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    references = [[ended(row[1:]) for row in tokens[i].tolist()] for i in train]
    reward = Reward(references, bleu_weight=config.bleu_weight)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.rate, betas=(0.9, 0.98), weight_decay=0.0)
    average = Average(model, config.ema)
    started = time.monotonic()
    history: list[float] = []
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        average.mean, average.steps, first = saved["average"], saved["step"], saved["step"]
        optimizer.load_state_dict(saved["optimizer"])
        torch.manual_seed(config.seed + first)
        rng = np.random.default_rng(config.seed + first)
    for step in range(first, config.steps):
        positions = rng.choice(len(train), config.batch, replace=False)
        chosen = train[positions]
        views = rng.integers(0, len(pictures.cells), config.batch)
        cells, summaries = pictures.batch(chosen, views, rng.random(config.batch) < 0.5)
        model.eval()
        with torch.autocast("cpu", torch.bfloat16):
            with torch.inference_mode():
                picture = model.encode(cells, summaries)
                sampled = sample(model, picture, config.batch * config.samples)
            sampled = sampled.clone()
            model.train()
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
                [reward.score(position, ended(row)) for row in rows]
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
                f"{(time.monotonic() - started) / (step + 1 - first):.2f} s/step",
                flush=True,
            )
        if step % 50 == 49:
            state = {
                "model": model.state_dict(),
                "average": average.mean,
                "optimizer": optimizer.state_dict(),
                "step": step + 1,
            }
            partial = checkpoint.with_suffix(".partial")
            torch.save(state, partial)
            partial.replace(checkpoint)
    model.load_state_dict(average.mean)
    model.eval()
