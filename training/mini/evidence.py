"""What tells whether a picture shows people and animals: trained on what an object detector finds in the
training photographs, and on their captions.

Captions alone would not do. Nearly all of Flickr8k's rooms and streets hold people, so what learns from whole
photographs takes a room for a sign of people. Here each cell learns whether it lies on a person, and windows
of the photographs in which nobody is seen show rooms and streets without them.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from training.mini.augment import SIZE, letterboxed, spoiled
from training.mini.captioner import CELL_WIDTH, NUM_CELLS, thin
from training.mini.data import Photo, read_rgb, words
from training.mini.detector import ANIMALS, PERSON, Box, Detector
from training.mini.stages import Stage
from vidsearch.models.mini.embedder import GRID, ImageTower
from vidsearch.models.mini.naming import ANIMAL_WORDS
from vidsearch.models.mini.people import PEOPLE

HIDDEN, MIXED = 64, 32
KINDS = ((frozenset({PERSON}), PEOPLE), (ANIMALS, ANIMAL_WORDS))
"""People and animals: the detector's classes, and the captions' words."""
_SURE, _DOUBTED = 0.35, 0.15
"""From the one score on an object is there; under the other it is not; between them nothing is learnt."""
_UNKNOWN = -1.0
_CHUNK = 64


@dataclass(frozen=True, slots=True)
class EvidenceTraining:
    """How the network is trained, and on what."""

    num_windows: int = 1
    """Of each photograph, besides the whole."""
    epochs: int = 4
    batch: int = 128
    rate: float = 2e-3
    weight_decay: float = 0.05
    noise: float = 0.3
    """Added to all cells of a view alike, in deviations."""
    dropout: float = 0.2
    seed: int = 0


class EvidenceNetwork(nn.Module):
    """Cells (n, 81, 704) -> logits of each cell (n, 81, 2) and of the picture (n, 2): people, animals."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(CELL_WIDTH))
        self.register_buffer("deviation", torch.ones(CELL_WIDTH))
        self.hidden = nn.Linear(CELL_WIDTH, HIDDEN)
        self.mixed, self.out = nn.Linear(2 * HIDDEN, MIXED), nn.Linear(MIXED, len(KINDS))
        self.scale, self.bias = nn.Parameter(torch.ones(len(KINDS))), nn.Parameter(torch.zeros(len(KINDS)))
        self.sharpness = nn.Parameter(torch.ones(len(KINDS)))
        self.dropout = dropout

    def forward(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        x = thin((cells - self.mean) / self.deviation, self.dropout, training=self.training)
        x = F.dropout(self.hidden(x).relu(), self.dropout, self.training)
        x = torch.cat([x, x.mean(1, keepdim=True).expand_as(x)], -1)
        logits: Tensor = self.out(self.mixed(x).relu())
        # Between the mean over the cells and their maximum, as sharp as is learnt.
        sharpness = F.softplus(self.sharpness)
        pooled = ((logits * sharpness).exp().mean(1)).log() / sharpness
        return logits, self.scale * pooled + self.bias


@dataclass(frozen=True, slots=True)
class View:
    """A window of a photograph as it is shown, and where in it things are."""

    photo: int
    window: tuple[float, float, float, float]
    """Left, top, right and bottom, as fractions of the photograph."""
    inner: tuple[float, float, float, float]
    """Where in the shown picture the window is, inside of bars."""
    mirrored: bool

    @property
    def is_whole(self) -> bool:
        """Whether it is the photograph itself."""
        return self.window == _WHOLE

    def seen(self, box: Box) -> tuple[float, float, float, float]:
        """The part of a box that is inside, as fractions of the window; nothing is left where sides cross."""
        left, top, right, bottom = self.window
        xs = [(x - left) / (right - left) for x in (box.left, box.right)]
        ys = [(y - top) / (bottom - top) for y in (box.top, box.bottom)]
        if self.mirrored:
            xs = [1 - xs[1], 1 - xs[0]]
        return max(xs[0], 0), max(ys[0], 0), min(xs[1], 1), min(ys[1], 1)


_WHOLE = (0.0, 0.0, 1.0, 1.0)


def find_boxes(photos: Sequence[Photo], package: Path, work: Path, *, threads: int) -> list[list[Box]]:
    """What the detector finds in each photograph. Ten minutes."""
    stage = Stage(work / "boxes.json", made_from=[package], num_photos=len(photos))
    if not stage.is_done:
        detector = Detector(package, num_threads=threads)
        found = [detector.boxes(read_rgb(photo.path), at_least=_DOUBTED) for photo in photos]
        rows = [[(b.label, b.score, b.left, b.top, b.right, b.bottom) for b in boxes] for boxes in found]
        stage.output.write_text(json.dumps(rows), encoding="utf-8")
        stage.finish()
    return [[Box(*row) for row in rows] for rows in json.loads(stage.output.read_text(encoding="utf-8"))]


def compute_cells(
    photos: Sequence[Photo], weights: Path, work: Path, config: EvidenceTraining, *, threads: int
) -> tuple[list[View], npt.NDArray[np.float16]]:
    """The views of the photographs, and what the image tower in `weights` makes of each: (views, 81, 704)."""
    stage = Stage(
        work / "evidence_cells.npy",
        made_from=[weights / "image.onnx"],
        num_photos=len(photos),
        num_windows=config.num_windows,
        seed=config.seed,
    )
    listing = work / "evidence_views.json"
    if not stage.is_done:
        tower = ImageTower(num_threads=threads, folder=weights)
        most = len(photos) * (1 + config.num_windows)
        out = np.lib.format.open_memmap(stage.output, "w+", np.float16, (most, NUM_CELLS, CELL_WIDTH))
        views: list[View] = []
        shown = _shown(photos, config)
        while chunk := list(itertools.islice(shown, _CHUNK)):
            start = len(views)
            views += [view for view, _ in chunk]
            for part in tower.features([image for _, image in chunk]):
                out[start : start + len(part.cells)] = part.cells
                start += len(part.cells)
        out.flush()
        listing.write_text(json.dumps([astuple(view) for view in views]), encoding="utf-8")
        stage.finish()
    rows = json.loads(listing.read_text(encoding="utf-8"))
    views = [View(photo, tuple(window), tuple(inner), mirrored) for photo, window, inner, mirrored in rows]
    return views, np.load(stage.output, mmap_mode="r")[: len(views)]


def _shown(photos: Sequence[Photo], config: EvidenceTraining) -> Iterator[tuple[View, npt.NDArray[np.uint8]]]:
    """Each photograph whole and as it is, then windows of it, spoiled."""
    for i, photo in enumerate(photos):
        image = read_rgb(photo.path)
        yield View(i, _WHOLE, _WHOLE, mirrored=False), image
        for number in range(config.num_windows):
            rng = np.random.default_rng((config.seed, number, i))
            yield _view(i, image, _window(rng), rng)


def _window(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """A tenth to seven tenths of the area, in any shape up to 16:9 either way."""
    area, aspect = np.exp(rng.uniform(np.log(0.1), np.log(0.7))), np.exp(rng.uniform(-0.5, 0.5))
    width, height = min(1.0, float(np.sqrt(area * aspect))), min(1.0, float(np.sqrt(area / aspect)))
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return left, top, left + width, top + height


def _area(sides: tuple[float, float, float, float]) -> float:
    left, top, right, bottom = sides
    return max(right - left, 0) * max(bottom - top, 0)


def _view(
    photo: int,
    image: npt.NDArray[np.uint8],
    window: tuple[float, float, float, float],
    rng: np.random.Generator,
) -> tuple[View, npt.NDArray[np.uint8]]:
    height, width = image.shape[:2]
    left, top = int(window[0] * width), int(window[1] * height)
    right, bottom = max(left + 8, int(window[2] * width)), max(top + 8, int(window[3] * height))
    enlarges = right - left < SIZE
    shown = np.asarray(
        cv2.resize(
            image[top:bottom, left:right],
            (SIZE, SIZE),
            interpolation=cv2.INTER_CUBIC if enlarges else cv2.INTER_AREA,
        ),
        np.uint8,
    )
    mirrored = bool(rng.random() < 0.5)
    shown = spoiled(np.ascontiguousarray(shown[:, ::-1] if mirrored else shown), rng)
    inner = _WHOLE
    if rng.random() < 0.2:
        shown, rows, columns = letterboxed(shown, rng)
        inner = (columns.start / SIZE, rows.start / SIZE, columns.stop / SIZE, rows.stop / SIZE)
    return View(photo, window, inner, mirrored), np.ascontiguousarray(shown)


def targets(
    views: Sequence[View], photos: Sequence[Photo], boxes: Sequence[Sequence[Box]]
) -> tuple[Tensor, Tensor]:
    """What to learn of each cell (views, 81, 2) and each view (views, 2): 1, 0, or -1 if not known."""
    middles = (np.arange(GRID) + 0.5) / GRID
    across, down = np.meshgrid(middles, middles)
    of_cells = np.zeros((len(views), NUM_CELLS, len(KINDS)), np.float32)
    of_views = np.full((len(views), len(KINDS)), _UNKNOWN, np.float32)
    for i, view in enumerate(views):
        for kind, (labels, names) in enumerate(KINDS):
            said = np.mean([not names.isdisjoint(words(caption)) for caption in photos[view.photo].captions])
            there = doubted = 0.0
            cells = of_cells[i, :, kind].reshape(GRID, GRID)
            for box in boxes[view.photo]:
                sides = view.seen(box)
                area = _area(sides)
                if box.label not in labels or area == 0:
                    continue
                doubted = max(doubted, box.score if area > 0.002 else 0)
                whole = (box.right - box.left) * (box.bottom - box.top)
                in_window = (view.window[2] - view.window[0]) * (view.window[3] - view.window[1])
                if area >= 0.004 and area * in_window >= 0.4 * whole:
                    there = max(there, box.score)
                left, top, right, bottom = view.inner
                xs = [left + x * (right - left) for x in (sides[0], sides[2])]
                ys = [top + y * (bottom - top) for y in (sides[1], sides[3])]
                on = (across >= xs[0]) & (across < xs[1]) & (down >= ys[0]) & (down < ys[1])
                cells[on & (cells != 1)] = 1 if box.score >= _SURE else _UNKNOWN
            if (there >= _SURE and (said > 0 or not view.is_whole)) or (view.is_whole and said >= 0.8):
                of_views[i, kind] = 1
            elif doubted < _DOUBTED and (said == 0 or not view.is_whole):
                of_views[i, kind] = 0
            if view.is_whole and said >= 0.8 and there < _SURE:
                cells[:] = _UNKNOWN  # the detector missed what the captions name
    return torch.from_numpy(of_cells), torch.from_numpy(of_views)


def train_evidence(
    cells: npt.NDArray[np.float16], of_cells: Tensor, of_views: Tensor, config: EvidenceTraining
) -> EvidenceNetwork:
    """Train the network. Two minutes."""
    torch.manual_seed(config.seed)
    network = EvidenceNetwork(config.dropout)
    some = torch.from_numpy(np.asarray(cells[:: max(1, len(cells) // 1000)], np.float32))
    network.mean.copy_(some.mean((0, 1)))
    network.deviation.copy_(some.std((0, 1)) + 1e-3)
    count = len(of_views)
    without, having = (of_views == 0).sum(0), (of_views == 1).sum(0)
    weight = (without / having.clamp(min=1)).clamp(0.3, 3)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=config.weight_decay)
    batches = -(-count // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.rate, total_steps=config.epochs * batches
    )
    for epoch in range(config.epochs):
        network.train()
        total = 0.0
        for chosen in torch.randperm(count).split(config.batch):
            shown = torch.from_numpy(np.asarray(cells[np.sort(chosen.numpy())], np.float32))
            chosen = chosen.sort().values
            shown = shown + config.noise * network.deviation * torch.randn(len(chosen), 1, CELL_WIDTH)
            by_cell, by_view = network(shown)
            loss = _known(by_cell, of_cells[chosen]) + _known(by_view, of_views[chosen], weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"  evidence, epoch {epoch} loss {total / batches:.3f}", flush=True)
    return network.eval()


def _known(logits: Tensor, wanted: Tensor, weight: Tensor | None = None) -> Tensor:
    """Cross-entropy where it is known what is wanted."""
    known = wanted != _UNKNOWN
    losses = F.binary_cross_entropy_with_logits(
        logits, wanted.clamp(min=0), pos_weight=weight, reduction="none"
    )
    return (losses * known).sum() / known.sum().clamp(min=1)


def teach_evidence(
    photos: Sequence[Photo],
    package: Path,
    weights: Path,
    work: Path,
    config: EvidenceTraining,
    *,
    threads: int,
) -> EvidenceNetwork:
    """The network for the image tower in `weights`, taught on train photographs."""
    boxes = find_boxes(photos, package, work, threads=threads)
    views, cells = compute_cells(photos, weights, work, config, threads=threads)
    stage = Stage(
        work / "evidence.pt", made_from=[work / "boxes.json", work / "evidence_cells.npy"], how=config
    )
    if not stage.is_done:
        network = train_evidence(cells, *targets(views, photos, boxes), config)
        torch.save(network.state_dict(), stage.output)
        stage.finish()
    network = EvidenceNetwork()
    network.load_state_dict(torch.load(stage.output, weights_only=True))
    return network.eval()
