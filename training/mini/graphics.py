"""What tells drawn pictures from photographs, and slides from charts: a linear map, taught and measured.

    python -m training.mini.graphics --data DATA

It is taught with pictures that `drawn.py` draws, and with train photographs: whole, spoiled as by a bad
video, as small windows, with words over them, and as textures, so that it goes neither by blur nor by letters
nor by fine grain. The figures are of pictures with other numbers, with dev photographs in them (half 0, of
even numbers, is for choosing), and of dev photographs in the same five ways.
"""

import argparse
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from training.mini.augment import SIZE, augmented, spoiled
from training.mini.canvas import Pixels
from training.mini.captioner import CELL_WIDTH
from training.mini.data import Photo, indices, read_photos, read_rgb
from training.mini.drawn import KINDS, drawn, subtitled
from training.mini.stages import Stage
from vidsearch.models.mini import weights
from vidsearch.models.mini.embedder import ImageTower
from vidsearch.models.mini.graphics import PHRASES, Graphics

_BATCH = 8
_SHOWN = 200
"""So many photographs are there to be shown on slides and pages."""
_MEASURED = 100_000
"""The first number of the pictures that measure."""


@dataclass(frozen=True, slots=True)
class GraphicsTraining:
    """How the map is trained, and on what."""

    num_drawn: int = 120
    """Pictures of each kind."""
    num_photographs: int = 2400
    epochs: int = 30
    batch: int = 128
    rate: float = 2e-3
    weight_decay: float = 1e-2
    noise: float = 0.3
    """Added to each input, in deviations."""
    dropout: float = 0.1
    seed: int = 0


class GraphicsMap(nn.Module):
    """Means and deviations of cells (n, 1408) -> logits (n, 1 + kinds): a photograph, then `PHRASES`."""

    def __init__(self) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(2 * CELL_WIDTH))
        self.register_buffer("deviation", torch.ones(2 * CELL_WIDTH))
        self.out = nn.Linear(2 * CELL_WIDTH, 1 + len(PHRASES))

    def forward(self, summaries: Tensor) -> Tensor:
        logits: Tensor = self.out((summaries - self.mean) / self.deviation)
        return logits


def summaries(cells: Tensor) -> Tensor:
    """What cells (n, 81, 704) show on average, and how much they differ: (n, 1408)."""
    means = cells.mean(1)
    return torch.cat([means, (cells - means[:, None]).square().mean(1).sqrt()], 1)


def photographs(photos: Sequence[Photo], *, seed: int) -> Iterator[Pixels]:
    """Photographs in five ways in turn: as they are, spoiled, a window, with words over them, a texture."""
    for number, photo in enumerate(photos):
        rng = np.random.default_rng((seed, number))
        image = read_rgb(photo.path)
        way = number % 5
        if way == 1:
            image = augmented(np.asarray(cv2.resize(image, (SIZE, SIZE)), np.uint8), rng)
        elif way == 2:
            image = spoiled(_window(image, rng), rng)
        elif way == 3:
            image = subtitled(image, rng)
        elif way == 4:
            image = spoiled(_texture(image, rng), rng)
        yield np.ascontiguousarray(image)


def _window(image: Pixels, rng: np.random.Generator) -> Pixels:
    height, width = image.shape[:2]
    share = rng.uniform(0.25, 0.6)
    tall, wide = int(share * height), int(share * width)
    top, left = int(rng.integers(height - tall)), int(rng.integers(width - wide))
    part = image[top : top + tall, left : left + wide]
    return np.asarray(cv2.resize(part, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), np.uint8)


def _texture(image: Pixels, rng: np.random.Generator) -> Pixels:
    """A small part of a photograph beside its mirror images, over and over; in half of them grey."""
    count = 2 * int(rng.integers(1, 5))
    side = -(-SIZE // count)
    part = cv2.resize(_window(image, rng), (side, side), interpolation=cv2.INTER_AREA)
    pair = np.concatenate([part, part[:, ::-1]], axis=1)
    tiles = np.tile(np.concatenate([pair, pair[::-1]]), (count // 2, count // 2, 1))[:SIZE, :SIZE]
    if rng.random() < 0.5:
        tiles = np.repeat(tiles.mean(axis=2, keepdims=True), 3, axis=2)
    return np.asarray(tiles, np.uint8)


def drawings(numbers: Sequence[int], photos: Sequence[Photo]) -> Iterator[Pixels]:
    """One picture of each kind for each number, kind after kind, with photographs in some."""
    shown = [read_rgb(photo.path) for photo in photos[:_SHOWN]]
    for number in numbers:
        for kind in KINDS:
            yield drawn(kind, number, shown)


def _summarised(images: Iterator[Pixels], tower: ImageTower) -> Tensor:
    parts = (part for batch in _batches(images) for part in tower.features(batch))
    return torch.cat([summaries(torch.from_numpy(part.cells)) for part in parts])


def _batches(images: Iterator[Pixels]) -> Iterator[list[Pixels]]:
    return iter(lambda: list(itertools.islice(images, _BATCH)), [])


def teach_graphics(
    photos: Sequence[Photo], weights: Path, work: Path, config: GraphicsTraining, *, threads: int
) -> GraphicsMap:
    """The map for the image tower in `weights`, taught on train photographs. Five minutes."""
    stage = Stage(work / "graphics.pt", made_from=[weights / "image.onnx"], how=config)
    if not stage.is_done:
        tower = ImageTower(num_threads=threads, folder=weights)
        rng = np.random.default_rng(config.seed)
        order = [photos[i] for i in rng.permutation(len(photos))]
        taken = _summarised(photographs(order[: config.num_photographs], seed=config.seed), tower)
        made = _summarised(drawings(range(config.num_drawn), order[::-1]), tower)
        kinds = 1 + torch.arange(len(made)) % len(KINDS)
        labels = torch.cat([torch.zeros(len(taken), dtype=torch.int64), kinds])
        torch.save(train_graphics(torch.cat([taken, made]), labels, config).state_dict(), stage.output)
        stage.finish()
    network = GraphicsMap()
    network.load_state_dict(torch.load(stage.output, weights_only=True))
    return network.eval()


def train_graphics(rows: Tensor, labels: Tensor, config: GraphicsTraining) -> GraphicsMap:
    """Train the map on summaries (n, 1408) and what each is (n,)."""
    torch.manual_seed(config.seed)
    network = GraphicsMap()
    network.mean.copy_(rows.mean(0))
    network.deviation.copy_(rows.std(0) + 1e-3)
    nn.init.zeros_(network.out.weight)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=config.weight_decay)
    for _ in range(config.epochs):
        for chosen in torch.randperm(len(rows)).split(config.batch):
            spread = config.noise * network.deviation * torch.randn(len(chosen), rows.shape[1])
            hidden = torch.rand(len(chosen), rows.shape[1]) < config.dropout
            shown = torch.where(hidden, network.mean, rows[chosen] + spread)
            loss = F.cross_entropy(network(shown), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


def figures(weights: Path, photos: Sequence[Photo], count: int, *, threads: int) -> dict[str, Any]:
    """What is said of drawn pictures, `count` of each kind and half, and of photographs."""
    tower = ImageTower(num_threads=threads, folder=weights)
    graphics = Graphics(num_threads=threads, folder=weights)

    def said(images: Iterator[Pixels]) -> list[str]:
        scenes = [graphics.seen(part) for batch in _batches(images) for part in tower.features(batch)]
        return ["" if scene is None else " ".join(scene.words[3:]) for part in scenes for scene in part]

    answer: dict[str, Any] = {}
    for half in (0, 1):
        phrases = said(drawings(range(_MEASURED + half, _MEASURED + 2 * count, 2), photos))
        answer[f"half {half}"] = {
            kind: dict(Counter(phrases[at :: len(KINDS)]).most_common()) for at, kind in enumerate(KINDS)
        }
    phrases = said(photographs(photos, seed=1))
    answer["photographs"] = {"pictures": len(phrases), "called drawn": sum(map(bool, phrases))}
    return answer


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds flickr8k_224/")
    parser.add_argument("--weights", type=Path, default=weights.FOLDER)
    parser.add_argument("--count", type=int, default=20, help="drawn pictures of each kind and half")
    parser.add_argument("--num-threads", type=int, default=2)
    arguments = parser.parse_args()
    photos = read_photos(arguments.data)
    dev = [photos[i] for i in indices(photos, "dev")]
    found = figures(arguments.weights, dev, arguments.count, threads=arguments.num_threads)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
