"""The captioner: grid cells and a few summary tokens -> a sentence, as a small transformer trained
from scratch.

One encoder layer over the picture's tokens, three decoder layers, tied word embeddings. The
decoder's attention to the
picture is shared by all captions (or beams) of an image, so the encoder runs once per image. Knows
no file format.
"""

import collections
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from training.mini.data import words
from vidsearch.models.mini.beam import END, MAX_WORDS, PAD, START, UNKNOWN
from vidsearch.models.mini.embedder import GRID

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
MAX_LENGTH = MAX_WORDS + 2
WIDTH, HEADS, DECODER_LAYERS = 320, 5, 3
CELL_WIDTH, SUMMARY_WIDTH, NUM_SUMMARIES = 704, 384, 2
NUM_CELLS = GRID * GRID
INPUT_DROPOUT, BLOCK_DROPOUT = 0.3, 0.2
WORD_DEVIATION = 0.05


def build_vocabulary(captions: Iterable[str], *, min_count: int = 4) -> list[str]:
    """The special tokens, then every word that occurs `min_count` times, most frequent first."""
    counts = collections.Counter(word for caption in captions for word in words(caption))
    return [*SPECIAL, *(word for word, count in counts.most_common() if count >= min_count)]


def encode_captions(captions: Sequence[str], vocabulary: Sequence[str]) -> npt.NDArray[np.int64]:
    """int64 (n, MAX_LENGTH): start, words, end, padding."""
    index = {word: i for i, word in enumerate(vocabulary)}
    rows = np.zeros((len(captions), MAX_LENGTH), np.int64)
    for row, caption in zip(rows, captions, strict=True):
        tokens = [START, *(index.get(word, UNKNOWN) for word in words(caption)[: MAX_LENGTH - 2]), END]
        row[: len(tokens)] = tokens
    return rows


def ended(row: Sequence[int]) -> list[int]:
    """Words up to and with the end, without padding."""
    words = list(row)
    return words[: words.index(END) + 1] if END in words else [w for w in words if w != PAD]


def thin(x: Tensor, rate: float, *, training: bool) -> Tensor:
    """Dropout with one mask per row for all its positions."""
    if not training:
        return x
    mask = torch.rand(x.shape[0], 1, x.shape[-1]) >= rate
    return x * (mask.to(x.dtype) / (1 - rate))


def _heads(x: Tensor) -> Tensor:
    """(n, t, WIDTH) -> (n, HEADS, t, WIDTH / HEADS)."""
    heads: Tensor = x.unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(1, 2)
    return heads


def _attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> tuple[Tensor, Tensor]:
    scores = q @ k.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5
    weights = (scores if bias is None else scores + bias).softmax(-1)
    return (weights @ v).transpose(1, 2).flatten(2), weights


class FeedForward(nn.Module):
    """Pre-norm feed-forward block with its residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.up, self.down = (
            nn.LayerNorm(WIDTH),
            nn.Linear(WIDTH, 4 * WIDTH),
            nn.Linear(4 * WIDTH, WIDTH),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(thin(F.gelu(self.up(self.norm(x))), 0.1, training=self.training))
        return x + thin(y, BLOCK_DROPOUT, training=self.training)


class EncoderLayer(nn.Module):
    """Pre-norm self-attention over the picture's tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.qkv, self.out = (
            nn.LayerNorm(WIDTH),
            nn.Linear(WIDTH, 3 * WIDTH),
            nn.Linear(WIDTH, WIDTH),
        )
        self.feed = FeedForward()

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = map(_heads, self.qkv(self.norm(x)).chunk(3, -1))
        x = x + thin(self.out(_attend(q, k, v)[0]), BLOCK_DROPOUT, training=self.training)
        y: Tensor = self.feed(x)
        return y


class DecoderLayer(nn.Module):
    """Pre-norm causal self-attention, then attention to the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.qkv, self.out = (
            nn.LayerNorm(WIDTH),
            nn.Linear(WIDTH, 3 * WIDTH),
            nn.Linear(WIDTH, WIDTH),
        )
        self.picture_norm, self.query = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH)
        self.picture_kv, self.picture_out = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.feed = FeedForward()

    def forward(
        self,
        x: Tensor,
        past: tuple[Tensor, Tensor] | None,
        bias: Tensor | None,
        picture: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
        """x (images * k, t, WIDTH); `picture` keys and values (images, HEADS, tokens, d), shared
        by an image's k rows."""
        q, keys, values = map(_heads, self.qkv(self.norm(x)).chunk(3, -1))
        if past is not None:
            keys, values = torch.cat([past[0], keys], 2), torch.cat([past[1], values], 2)
        x = x + thin(self.out(_attend(q, keys, values, bias)[0]), BLOCK_DROPOUT, training=self.training)
        rows, length, _ = x.shape
        images = picture[0].shape[0]
        q = _heads(self.query(self.picture_norm(x)).reshape(images, -1, WIDTH))
        seen, weights = _attend(q, *picture)
        x = x + thin(
            self.picture_out(seen.reshape(rows, length, WIDTH)), BLOCK_DROPOUT, training=self.training
        )
        return self.feed(x), (keys, values), weights


class Captioner(nn.Module):
    """Cells (n, 81, 704) and summaries (n, 2, 384) -> next-word logits."""

    def __init__(self, vocabulary_size: int) -> None:
        super().__init__()
        self.cell_mean: Tensor
        self.cell_deviation: Tensor
        self.register_buffer("cell_mean", torch.zeros(CELL_WIDTH))
        self.register_buffer("cell_deviation", torch.ones(CELL_WIDTH))
        self.cell_in = nn.Linear(CELL_WIDTH, WIDTH)
        self.cell_positions = nn.Parameter(torch.zeros(NUM_CELLS, WIDTH))
        self.summary_in = nn.Linear(SUMMARY_WIDTH, WIDTH)
        self.summary_kinds = nn.Parameter(torch.randn(NUM_SUMMARIES, WIDTH) * 0.02)
        self.encoder = EncoderLayer()
        self.encoder_norm = nn.LayerNorm(WIDTH)
        self.words = nn.Embedding(vocabulary_size, WIDTH)
        self.positions = nn.Parameter(torch.randn(MAX_LENGTH, WIDTH) * 0.02)
        self.decoder = nn.ModuleList([DecoderLayer() for _ in range(DECODER_LAYERS)])
        self.norm = nn.LayerNorm(WIDTH)
        nn.init.normal_(self.words.weight, std=WORD_DEVIATION)

    def encode(self, cells: Tensor, summaries: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The picture's keys and values for each decoder layer, each (n, HEADS, 83, WIDTH /
        HEADS)."""
        x = (cells.float() - self.cell_mean) / self.cell_deviation
        x = self.cell_in(thin(x, INPUT_DROPOUT, training=self.training)) + self.cell_positions
        # Unit rows of 384 have entries near 0.05; scaled to match the cells' spread.
        y = self.summary_in(
            thin(summaries.float() * SUMMARY_WIDTH**0.5, INPUT_DROPOUT, training=self.training)
        )
        x = self.encoder_norm(self.encoder(torch.cat([x, y + self.summary_kinds], 1)))
        pairs = []
        for layer in self.decoder:
            assert isinstance(layer, DecoderLayer)
            k, v = map(_heads, layer.picture_kv(x).chunk(2, -1))
            pairs.append((k, v))
        return pairs

    def embed(self, tokens: Tensor, first: int = 0) -> Tensor:
        """tokens (rows, t) at positions `first` and on -> (rows, t, WIDTH)."""
        x = self.words(tokens) * (0.3 * math.sqrt(WIDTH)) + self.positions[first : first + tokens.shape[1]]
        return thin(x, BLOCK_DROPOUT, training=self.training)

    def forward(self, picture: list[tuple[Tensor, Tensor]], tokens: Tensor) -> Tensor:
        """Teacher forcing. tokens (images * k, t) -> hidden states (images * k, t, WIDTH);
        `logits` goes on."""
        length = tokens.shape[1]
        bias = torch.triu(torch.full((length, length), -1e4), 1)
        x = self.embed(tokens)
        for layer, pair in zip(self.decoder, picture, strict=True):
            x, _, _ = layer(x, None, bias, pair)
        hidden: Tensor = self.norm(x)
        return thin(hidden, BLOCK_DROPOUT, training=self.training)

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states -> scores over the vocabulary."""
        return F.linear(hidden, self.words.weight)

    def step(
        self,
        picture: list[tuple[Tensor, Tensor]],
        token: Tensor,
        past: list[tuple[Tensor, Tensor]] | None,
        position: int,
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """One word further. token (rows,) -> logits (rows, vocabulary) and the grown cache."""
        x = self.embed(token[:, None], position)
        grown = []
        for i, (layer, pair) in enumerate(zip(self.decoder, picture, strict=True)):
            x, cache, _ = layer(x, past[i] if past else None, None, pair)
            grown.append(cache)
        return self.logits(self.norm(x[:, 0])), grown


def start_words(model: Captioner, vectors: Tensor) -> None:
    """Let words that mean alike start alike.

    `vectors` (words, d) are a text encoder's, of all but the special tokens. The WIDTH directions in which
    they differ most are kept.
    """
    centred = vectors - vectors.mean(0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    started = centred @ directions[:WIDTH].T
    model.words.weight.data[len(SPECIAL) :] = started * (WORD_DEVIATION / started.std())


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the captioner sees of the photographs, in each view (memory-mapped).

    cells: float16 (num_photos, 81, 704). summaries: float16 (num_photos, 2, 384).
    """

    cells: list[npt.NDArray[np.float16]]
    summaries: list[npt.NDArray[np.float16]]

    def batch(
        self,
        chosen: npt.NDArray[np.int64],
        views: npt.NDArray[np.int64],
        flip: npt.NDArray[np.bool_] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The chosen photographs, each in its view, mirrored where `flip`."""
        cells = torch.from_numpy(np.stack([self.cells[v][i] for v, i in zip(views, chosen, strict=True)]))
        summaries = torch.from_numpy(
            np.stack([self.summaries[v][i] for v, i in zip(views, chosen, strict=True)])
        )
        if flip is not None:
            mirrored = cells.unflatten(1, (GRID, GRID)).flip(2).flatten(1, 2)
            cells = torch.where(torch.from_numpy(flip)[:, None, None], mirrored, cells)
        return cells, summaries


@dataclass(frozen=True, slots=True)
class CaptionTraining:
    """How the captioner is trained by cross-entropy."""

    epochs: int = 12
    batch: int = 64
    captions: int = 4
    rate: float = 8e-4
    weight_decay: float = 0.03
    smoothing: float = 0.1
    most_consensus: float = 2.5
    """The most that a human caption counts, where a photograph's captions count 1 on average."""
    ema: float = 0.997
    seed: int = 0


class Average:
    """Exponential moving average of a module's parameters."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module, self.decay, self.steps = module, decay, 0
        self.mean = {k: v.clone() for k, v in module.state_dict().items()}

    def update(self) -> None:
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 9))
        for key, value in self.module.state_dict().items():
            self.mean[key].lerp_(value, 1 - decay)


def train_captioner(
    model: Captioner,
    pictures: Pictures,
    tokens: Tensor,
    weights: Tensor,
    train: npt.NDArray[np.int64],
    config: CaptionTraining,
    *,
    checkpoint: Path,
) -> None:
    """Cross-entropy training, in place; leaves the averaged weights. Resumes from `checkpoint`.

    tokens (n, 5, 20); weights (n, 5), how much each caption counts.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    sample = torch.from_numpy(pictures.cells[0][train[:1000]]).float()
    model.get_buffer("cell_mean").copy_(sample.mean((0, 1)))
    model.get_buffer("cell_deviation").copy_(sample.std((0, 1)) + 1e-3)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    plain = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=config.rate,
        betas=(0.9, 0.98),
    )
    per_epoch = len(train) // config.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.rate, config.epochs * per_epoch, pct_start=0.12
    )
    average = Average(model, config.ema)
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        average.mean, average.steps = saved["average"], saved["epoch"] * per_epoch
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        first = saved["epoch"]
    for epoch in range(first, config.epochs):
        started, total = time.monotonic(), 0.0
        model.train()
        order = rng.permutation(train)
        for step in range(per_epoch):
            chosen = order[step * config.batch : (step + 1) * config.batch]
            views = rng.integers(0, len(pictures.cells), len(chosen))
            cells, summaries = pictures.batch(chosen, views, rng.random(len(chosen)) < 0.5)
            picks = np.argsort(rng.random((len(chosen), 5)), 1)[:, : config.captions]
            captions = torch.from_numpy(chosen)[:, None], torch.from_numpy(picks)
            rows = tokens[captions].flatten(0, 1)
            rows = rows[:, : int((rows != PAD).sum(1).max())]
            wanted = rows[:, 1:] != PAD
            with torch.autocast("cpu", torch.bfloat16):
                hidden = model(model.encode(cells, summaries), rows[:, :-1])
                scores = model.logits(hidden[wanted])
            losses = F.cross_entropy(
                scores.float(), rows[:, 1:][wanted], label_smoothing=config.smoothing, reduction="none"
            )
            counts = weights[captions].flatten()[:, None].expand(wanted.shape)[wanted]
            loss = (losses * counts).sum() / counts.sum()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            average.update()
            total += loss.item()
            if step % 20 == 0:
                print(
                    f"  step {step}/{per_epoch} loss {loss.item():.3f} "
                    f"{(time.monotonic() - started) / (step + 1):.2f} s/step",
                    flush=True,
                )
        torch.save(
            {
                "model": model.state_dict(),
                "average": average.mean,
                "epoch": epoch + 1,
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
            },
            checkpoint,
        )
        print(f"epoch {epoch} loss {total / per_epoch:.3f} {time.monotonic() - started:.0f} s", flush=True)
    model.load_state_dict(average.mean)
    model.eval()
