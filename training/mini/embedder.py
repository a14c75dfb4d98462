"""Image and text towers trained into one space: frozen-feature head first, then the last blocks of
both.

The loss is InfoNCE in both directions over a batch, with several of a photograph's captions as
positives. Knows
nothing of ImageNet's classes: what the classifier knows is added afterwards, in `combine.py`.
"""

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from training.mini.backbone import Lite, top_cells
from training.mini.data import CAPTIONS_PER_PHOTO
from training.mini.features import view_path
from training.mini.text import WIDTH, LowerStates, TextTower

HIDDEN = 1024


def shared_dropout(x: Tensor, rate: float, *, training: bool) -> Tensor:
    """Dropout with one mask for all positions of an item: (n, t, c) -> same. Far cheaper than a
    full mask."""
    if not training or rate == 0:
        return x
    mask = (torch.rand(x.shape[0], *(1,) * (x.dim() - 2), x.shape[-1]) >= rate).to(x.dtype) / (1 - rate)
    return x * mask


class ImageHead(nn.Module):
    """Mean of the 1280-channel cells -> the text tower's space, through one hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(1280))
        self.register_buffer("deviation", torch.ones(1280))
        self.hidden = nn.Linear(1280, HIDDEN)
        self.out = nn.Linear(HIDDEN, WIDTH)

    def forward(self, pooled: Tensor) -> Tensor:
        """(n, 1280) -> unit rows (n, 384)."""
        x = F.dropout((pooled - self.mean) / self.deviation, 0.2, self.training)
        x = F.dropout(F.gelu(self.hidden(x)), 0.3, self.training)
        return F.normalize(self.out(x).float(), dim=-1)


@dataclass
class Towers:
    """What is trained: the image side's top and head, the text side's upper layers, and the
    temperature."""

    top: nn.Sequential
    head: ImageHead
    text: TextTower
    log_scale: nn.Parameter = field(default_factory=lambda: nn.Parameter(torch.tensor(math.log(20.0))))

    def modules(self) -> dict[str, nn.Module]:
        return {"top": self.top, "head": self.head, "text": self.text}

    def state(self) -> dict[str, Any]:
        parts = {name: module.state_dict() for name, module in self.modules().items()}
        return {**parts, "log_scale": self.log_scale.data}

    def load(self, state: dict[str, Any]) -> None:
        for name, module in self.modules().items():
            module.load_state_dict(state[name])
        self.log_scale.data.copy_(state["log_scale"])

    def images(self, trunk: Tensor) -> Tensor:
        """Trunk activations (n, 18, 18, c) -> unit rows (n, 384)."""
        return self.head(top_cells(self.top, trunk).float().mean(1))  # type: ignore[no-any-return]


def contrastive_loss(images: Tensor, texts: Tensor, scale: Tensor, *, smoothing: float = 0.1) -> Tensor:
    """InfoNCE, image to text and text to image. images (n, d), texts (n, k, d): k positives per
    image."""
    n, k, _ = texts.shape
    loss = images.new_zeros(())
    targets = torch.arange(n)
    for j in range(k):
        scores = scale * images @ texts[:, j].T
        loss = loss + F.cross_entropy(scores, targets, label_smoothing=smoothing)
        loss = loss + F.cross_entropy(scores.T, targets, label_smoothing=smoothing)
    return loss / (2 * k)


def recall(images: Tensor, texts: Tensor) -> dict[str, float]:
    """Text to image. images (n, d), texts (n, 5, d): per cent of captions whose photograph is
    among the first k."""
    scores = texts.flatten(0, 1) @ images.T
    own = scores.gather(1, torch.arange(len(images)).repeat_interleave(texts.shape[1])[:, None])
    ranks = (scores > own).sum(1)
    return {f"R@{k}": round(100 * (ranks < k).float().mean().item(), 2) for k in (1, 5, 10)}


def train_head(
    pooled: Tensor, captions: Tensor, train: Tensor, *, epochs: int, seed: int
) -> tuple[ImageHead, nn.Linear]:
    """The head alone, on frozen features. pooled (n, views, 1280), captions (n, 5, 384). A minute.

    Returns the head and the text side's linear map.
    """
    torch.manual_seed(seed)
    head, project = ImageHead(), nn.Linear(WIDTH, WIDTH)
    nn.init.eye_(project.weight)
    nn.init.zeros_(project.bias)
    head.get_buffer("mean").copy_(pooled[train, 0].mean(0))
    head.get_buffer("deviation").copy_(pooled[train, 0].std(0) + 1e-3)
    log_scale = nn.Parameter(torch.tensor(math.log(20.0)))
    rates, batch = [1e-3, 2e-4, 1e-3], 512
    optimizer = torch.optim.AdamW(
        [{"params": m.parameters(), "lr": r} for m, r in zip((head, project), rates, strict=False)]
        + [{"params": [log_scale], "lr": rates[2], "weight_decay": 0.0}],
        weight_decay=0.05,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rates, total_steps=epochs * (len(train) // batch)
    )
    for _ in range(epochs):
        for chosen in train[torch.randperm(len(train))].split(batch):
            if len(chosen) < batch:
                continue
            views = torch.randint(0, pooled.shape[1], (batch,))
            picks = torch.rand(batch, CAPTIONS_PER_PHOTO).argsort(1)[:, :2]
            texts = F.normalize(project(captions[chosen[:, None], picks]), dim=-1)
            loss = contrastive_loss(head(pooled[chosen, views]), texts, log_scale.exp())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return head.eval(), project.eval()


@dataclass(frozen=True, slots=True)
class FineTuning:
    """How the towers are fine-tuned."""

    epochs: int = 4
    batch: int = 320
    captions: int = 2
    head_rate: float = 3e-4
    top_rate: float = 1.5e-4
    text_rate: float = 5e-5
    anchor_weight: float = 1.0
    ema: float = 0.985
    seed: int = 0


def _cosine(step: int, total: int, warm: int) -> float:
    if step < warm:
        return (step + 1) / warm
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


class Averaged:
    """Exponential moving average of the towers' weights."""

    def __init__(self, towers: Towers, decay: float) -> None:
        self._decay, self._towers = decay, towers
        self._steps = 0
        self._mean = {
            n: {k: v.clone() for k, v in m.state_dict().items()} for n, m in towers.modules().items()
        }

    def update(self) -> None:
        self._steps += 1
        decay = min(self._decay, self._steps / (self._steps + 9))
        for name, module in self._towers.modules().items():
            for key, value in module.state_dict().items():
                self._mean[name][key].lerp_(value, 1 - decay)

    def state(self) -> dict[str, Any]:
        return {**self._mean, "log_scale": self._towers.log_scale.data.clone()}

    def load(self, state: dict[str, Any], steps: int) -> None:
        self._mean = {name: state[name] for name in self._mean}
        self._steps = steps


def embed_photos(towers: Towers, work: Path, chosen: npt.NDArray[np.int64], view: int = 0) -> Tensor:
    """Unit rows of the chosen photographs in one view."""
    trunk = np.load(view_path(work, view), mmap_mode="r")
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        return torch.cat(
            [
                towers.images(torch.from_numpy(trunk[part]))
                for part in np.array_split(chosen, max(1, len(chosen) // 100))
            ]
        )


def embed_captions(towers: Towers, lower: LowerStates, chosen: npt.NDArray[np.int64]) -> Tensor:
    """Unit rows (n, 5, 384) of the five captions of the chosen photographs."""
    rows = (chosen[:, None] * CAPTIONS_PER_PHOTO + np.arange(CAPTIONS_PER_PHOTO)).ravel()
    order = rows[np.argsort([lower.length(int(i)) for i in rows], kind="stable")]
    out = torch.zeros(int(rows.max()) + 1, WIDTH)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(order), 250):
            part = order[start : start + 250]
            out[part] = towers.text.upper(*lower.batch(part.tolist()))
    return out[rows].view(len(chosen), CAPTIONS_PER_PHOTO, WIDTH)


def fine_tune(
    towers: Towers,
    work: Path,
    lower: LowerStates,
    anchors: LowerStates,
    originals: tuple[Tensor, Tensor],
    train: npt.NDArray[np.int64],
    held_out: npt.NDArray[np.int64],
    config: FineTuning,
    *,
    num_views: int,
    checkpoint: Path,
) -> None:
    """Fine-tune in place; leaves the averaged weights in `towers`. Resumes from `checkpoint`.

    `lower` holds all captions' states, `anchors` those of texts from outside the training
    captions, and `originals`
    the untouched tower's vectors for both: the text tower is held near them, so that words which
    no training caption
    has keep their place.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    views = [np.load(view_path(work, view), mmap_mode="r") for view in range(num_views)]
    for parameter in towers.text.parameters():
        parameter.requires_grad_(False)
    upper = [
        *towers.text.layers[-(len(towers.text.layers) - _frozen()) :].parameters(),
        *towers.text.project.parameters(),
    ]
    for parameter in upper:
        parameter.requires_grad_(True)
    groups = [
        {"params": list(towers.head.parameters()), "lr": config.head_rate, "weight_decay": 0.05},
        {"params": list(towers.top.parameters()), "lr": config.top_rate, "weight_decay": 0.02},
        {"params": upper, "lr": config.text_rate, "weight_decay": 0.02},
        {"params": [towers.log_scale], "lr": 1e-3, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    per_epoch = len(train) // config.batch
    total = per_epoch * config.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _cosine(step, total, per_epoch // 2))
    averaged = Averaged(towers, config.ema)
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        towers.load(saved["towers"])
        averaged.load(saved["averaged"], saved["epoch"] * per_epoch)
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        first = saved["epoch"]
    caption_originals, anchor_originals = originals
    for epoch in range(first, config.epochs):
        started, losses = time.monotonic(), []
        for module in towers.modules().values():
            module.train()
        order = rng.permutation(train)
        for step in range(per_epoch):
            chosen = np.sort(order[step * config.batch : (step + 1) * config.batch])
            which = rng.integers(0, num_views, len(chosen))
            trunk = torch.from_numpy(np.stack([views[v][i] for v, i in zip(which, chosen, strict=True)]))
            flip = torch.from_numpy(rng.random(len(chosen)) < 0.5)
            trunk = torch.where(flip[:, None, None, None], trunk.flip(2), trunk)
            picks = np.argsort(rng.random((len(chosen), CAPTIONS_PER_PHOTO)), axis=1)[:, : config.captions]
            rows = (chosen[:, None] * CAPTIONS_PER_PHOTO + picks).ravel()
            anchor_rows = rng.choice(len(anchor_originals), 64, replace=False)
            with torch.autocast("cpu", torch.bfloat16):
                images = towers.images(trunk)
                texts = towers.text.upper(*lower.batch(rows.tolist()))
                held = towers.text.upper(*anchors.batch(anchor_rows.tolist()))
            loss = contrastive_loss(
                images, texts.view(len(chosen), config.captions, WIDTH), towers.log_scale.exp()
            )
            drift = 1 - (texts * caption_originals[rows]).sum(-1).mean()
            held_drift = 1 - (held * anchor_originals[anchor_rows]).sum(-1).mean()
            optimizer.zero_grad()
            (loss + config.anchor_weight * (0.3 * drift + held_drift)).backward()
            nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], 1.0)  # type: ignore[attr-defined]
            optimizer.step()
            schedule.step()
            averaged.update()
            losses.append((loss.item(), drift.item(), held_drift.item()))
            if step % 5 == 0:
                print(
                    f"  step {step}/{per_epoch} loss {loss.item():.3f} "
                    f"{(time.monotonic() - started) / (step + 1):.1f} s/step",
                    flush=True,
                )
        state = {
            "towers": towers.state(),
            "averaged": averaged.state(),
            "epoch": epoch + 1,
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
        }
        torch.save(state, checkpoint)
        line = f"epoch {epoch} loss, drifts {np.mean(losses, 0).round(3)}"
        if len(held_out):
            current = towers.state()
            current = {
                n: ({k: v.clone() for k, v in s.items()} if isinstance(s, dict) else s.clone())
                for n, s in current.items()
            }
            towers.load(averaged.state())
            for module in towers.modules().values():
                module.eval()
            images, texts = embed_photos(towers, work, held_out), embed_captions(towers, lower, held_out)
            line += f" held out {recall(images, texts)}"
            towers.load(current)
        print(f"{line} {time.monotonic() - started:.0f} s", flush=True)
    towers.load(averaged.state())
    for module in towers.modules().values():
        module.eval()


def _frozen() -> int:
    from training.mini.text import NUM_FROZEN_LAYERS

    return NUM_FROZEN_LAYERS


def new_towers(lite: Lite, text: TextTower, head: ImageHead, project: nn.Linear) -> Towers:
    """Towers at the start of fine-tuning."""
    text.project.load_state_dict(project.state_dict())
    return Towers(lite.top, head, text)
