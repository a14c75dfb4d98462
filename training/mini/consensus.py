"""What people would agree on about a picture, learnt from the captions of the training photographs: what the
image tower shows -> how likely a caption is to have each of the commoner words and pairs of words.

How sentences are compared with that is the package's affair (`vidsearch/models/mini/consensus.py`).
"""

import collections
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from training.mini.captioner import CELL_WIDTH, SUMMARY_WIDTH, ended
from vidsearch.models.mini.beam import END, UNKNOWN
from vidsearch.models.mini.consensus import ORDERS, Phrase
from vidsearch.ngrams import count_ngrams

WIDTH = SUMMARY_WIDTH + CELL_WIDTH
HIDDEN = 300


@dataclass(frozen=True, slots=True)
class ConsensusTraining:
    """How the network is trained, and on which phrases."""

    fewest: tuple[int, ...] = (20, 40)
    """In the captions of how many photographs a phrase must be, by the number of its words."""
    epochs: int = 80
    batch: int = 128
    rate: float = 2e-3
    weight_decay: float = 0.1
    noise: float = 0.5
    """Added to what is shown, in deviations: of the training photographs the tower knows too much."""
    seed: int = 0


class PhraseNetwork(nn.Module):
    """What is shown of n pictures, `shown`'s rows (n, 1088) -> logits of each phrase (n, phrases)."""

    def __init__(self, num_phrases: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(WIDTH))
        self.register_buffer("deviation", torch.ones(WIDTH))
        self.hidden, self.out = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, num_phrases)

    def forward(self, rows: Tensor) -> Tensor:
        x = F.dropout((rows - self.mean) / self.deviation, 0.2, self.training)
        logits: Tensor = self.out(F.dropout(F.gelu(self.hidden(x)), 0.4, self.training))
        return logits


def shown(embedding: Tensor, cells: Tensor) -> Tensor:
    """Unit vectors (n, 384) and cells (n, 81, 704) -> rows (n, 1088): the vector, the mean of the cells."""
    return torch.cat([embedding, cells.mean(1)], 1)


def _said(captions: Tensor) -> list[set[Phrase]]:
    """The phrases of each caption, int64 (captions, t), that hold known words alone."""
    found = []
    for row in captions.tolist():
        words = [word for word in ended(row[1:]) if word != END]
        counted = count_ngrams(words, ORDERS)
        found.append({phrase for counts in counted for phrase in counts if UNKNOWN not in phrase})
    return found


def list_phrases(tokens: Tensor, fewest: Sequence[int]) -> tuple[list[Phrase], list[float]]:
    """The phrases worth knowing, and how rare each is: the logarithm of photographs to those that have it.

    tokens (photographs, captions, t).
    """
    frequency: collections.Counter[Phrase] = collections.Counter()
    for captions in tokens:
        frequency.update(set().union(*_said(captions)))
    phrases = sorted(phrase for phrase, count in frequency.items() if count >= fewest[len(phrase) - 1])
    return phrases, [math.log(len(tokens) / frequency[phrase]) for phrase in phrases]


def train_consensus(
    rows: Tensor, tokens: Tensor, phrases: Sequence[Phrase], config: ConsensusTraining
) -> PhraseNetwork:
    """Train the network on what photographs show (n, 1088) and their captions (n, captions, t). A minute."""
    torch.manual_seed(config.seed)
    number = {phrase: i for i, phrase in enumerate(phrases)}
    wanted = torch.zeros(len(tokens), len(phrases))
    for row, captions in zip(wanted, tokens, strict=True):
        for said in _said(captions):
            row[[number[phrase] for phrase in said if phrase in number]] += 1 / tokens.shape[1]
    network = PhraseNetwork(len(phrases))
    network.get_buffer("mean").copy_(rows.mean(0))
    deviation = network.get_buffer("deviation").copy_(rows.std(0) + 1e-4)
    network.out.bias.data.copy_(wanted.mean(0).clamp(1e-5, 1 - 1e-5).logit())
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=config.weight_decay)
    batches = math.ceil(len(tokens) / config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.rate, config.epochs * batches)
    for epoch in range(config.epochs):
        network.train()
        total = 0.0
        for chosen in torch.randperm(len(tokens)).split(config.batch):
            noise = config.noise * deviation * torch.randn(len(chosen), WIDTH)
            losses = F.binary_cross_entropy_with_logits(
                network(rows[chosen] + noise), wanted[chosen], reduction="none"
            )
            loss = losses.sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        if epoch % 10 == 9:
            print(f"  phrases, epoch {epoch} loss {total / batches:.2f}", flush=True)
    return network.eval()
