"""Measures an embedder on a data set: text to picture, text to video, or text to moment.

Beside each figure stand what chance gives and, for moments, what a fixed stretch of every video gives:
descriptions cluster where people look first, and a model has to do better than that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidsearch.errors import MediaError
from vidsearch.evaluation.datasets import Dataset, MomentSet, RetrievalSet
from vidsearch.evaluation.metrics import Figure, best_overlap, moment_figures, retrieval_figures
from vidsearch.evaluation.published import Published, published
from vidsearch.search.moments import spans
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from vidsearch.models.protocols import Embedder
    from vidsearch.types import Float32, UInt8Image

    OnProgress = Callable[[int, int], None]
    """How many of how many files are done."""

FRAMES_PER_VIDEO = 12
"""As CLIP4Clip (Luo et al. 2021) takes for MSR-VTT and MSVD."""
MOMENT_FPS = 1.0
_BATCH = 32
_NUM_SPANS = 10
_GRID = 20


@dataclass(frozen=True, slots=True)
class Section:
    """Figures for one direction or pooling, and for its baselines."""

    title: str
    figures: tuple[Figure, ...]
    baselines: dict[str, tuple[Figure, ...]]
    published: Published | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, on what, with what."""

    dataset: str
    split: str
    model: str
    weights_digest: str
    num_files: int
    num_texts: int
    sections: tuple[Section, ...]
    problems: tuple[str, ...] = ()
    """Files that could not be read, and why; they count for nothing."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A table: who, then the figures with their intervals, section by section."""
        for section in self.sections:
            yield (section.title, *(figure.name for figure in section.figures))
            yield (self.model, *(_shown(figure) for figure in section.figures))
            for name, figures in section.baselines.items():
                yield (name, *(_shown(figure) for figure in figures))
            if section.published is not None:
                recalls = tuple(f"{recall:.1f}" for recall in section.published.recalls)
                yield (f"published ({section.published.source})", *recalls)


def evaluate(dataset: Dataset, embedder: Embedder, *, on_progress: OnProgress | None = None) -> Report:
    """Measure an embedder. Raises ModelError; files that cannot be read are reported and left out."""
    report = on_progress or (lambda done, total: None)
    if isinstance(dataset, MomentSet):
        return _moments(dataset, embedder, report)
    return _videos(dataset, embedder, report) if dataset.are_videos else _pictures(dataset, embedder, report)


def _pictures(dataset: RetrievalSet, embedder: Embedder, on_progress: OnProgress) -> Report:
    from vidsearch.media.images import read_image

    vectors: list[Float32] = []
    kept, problems, images = [], [], []
    for number, path in enumerate(dataset.paths):
        try:
            images.append(read_image(path))
            kept.append(number)
        except MediaError as error:
            problems.append(str(error))
        if len(images) == _BATCH or number == len(dataset.paths) - 1:
            vectors.append(embedder.embed_images(images))
            images = []
            on_progress(number + 1, len(dataset.paths))
    texts, item_of_text = _texts_of(dataset, kept)
    scores = embedder.embed_texts(texts) @ np.concatenate(vectors).T
    figures = {item.direction: item for item in published(dataset.name, embedder.space.model)}
    sections = (
        _retrieval("text to image", scores, item_of_text, figures.get("text to image")),
        _reverse_retrieval("image to text", scores, item_of_text, figures.get("image to text")),
    )
    return _report(dataset, embedder, len(kept), len(texts), sections, problems)


def _videos(dataset: RetrievalSet, embedder: Embedder, on_progress: OnProgress) -> Report:
    plan = SamplingPlan(fps=1e3, max_frames=FRAMES_PER_VIDEO)
    vectors: list[Float32] = []
    kept, problems = [], []
    for number, path in enumerate(dataset.paths):
        try:
            images, _ = _frames(path, plan, embedder)
            vectors.append(embedder.embed_images(images))
            kept.append(number)
        except MediaError as error:
            problems.append(str(error))
        on_progress(number + 1, len(dataset.paths))
    texts, item_of_text = _texts_of(dataset, kept)
    queries = embedder.embed_texts(texts)
    means = np.stack([_unit(rows.mean(axis=0)) for rows in vectors])
    best = np.stack([(queries @ rows.T).max(axis=1) for rows in vectors], axis=1)
    sections = (
        _retrieval("text to video, mean of frames", queries @ means.T, item_of_text, None),
        _retrieval("text to video, best frame", best, item_of_text, None),
    )
    return _report(dataset, embedder, len(kept), len(texts), sections, problems)


def _moments(dataset: MomentSet, embedder: Embedder, on_progress: OnProgress) -> Report:
    paths = list(dict.fromkeys(query.path for query in dataset.queries))
    found, right, groups, durations, problems = [], [], [], [], []
    for number, path in enumerate(paths):
        queries = [query for query in dataset.queries if query.path == path]
        try:
            images, times = _frames(path, SamplingPlan(fps=MOMENT_FPS), embedder)
        except MediaError as error:
            problems.append(str(error))
            continue
        vectors = np.concatenate(
            [embedder.embed_images(images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)]
        )
        texts = embedder.embed_texts([query.text for query in queries])
        duration = times[-1] + 1 / MOMENT_FPS
        for query, text in zip(queries, texts, strict=True):
            found.append(moment_spans(vectors @ text, times, duration))
            right.append(query.spans)
            groups.append(number)
            durations.append(duration)
        on_progress(number + 1, len(paths))
    by_video = np.asarray(groups)
    section = Section(
        "text to moment",
        moment_figures(found, right, by_video),
        {
            "random span": moment_figures(random_spans(durations), right, by_video),
            "same stretch of every video": moment_figures(
                usual_spans(durations, right, by_video), right, by_video
            ),
        },
    )
    return _report(dataset, embedder, len(paths) - len(problems), len(found), (section,), problems)


def moment_spans(cosines: Float32, times: Sequence[float], duration: float) -> list[tuple[float, float]]:
    """A video's spans for one text, best first, found as a search finds them."""
    standard = (cosines - cosines.mean()) / max(float(cosines.std()), 1e-6)
    order = np.argsort(-standard, kind="stable")
    made = spans(
        (int(place) for place in order),
        lambda a, b: standard[a:b],
        lambda _: (0, len(times)),
        limit=_NUM_SPANS,
    )
    ends = [*times[1:], duration]
    return [(times[span.first], ends[span.end - 1]) for span in made]


def _retrieval(title: str, scores: Float32, item_of_text: Sequence[int], known: Published | None) -> Section:
    groups = np.asarray(item_of_text)
    relevant = groups[:, None] == np.arange(scores.shape[1])
    return _section(title, scores, relevant, groups, known)


def _reverse_retrieval(
    title: str, scores: Float32, item_of_text: Sequence[int], known: Published | None
) -> Section:
    groups = np.arange(scores.shape[1])
    relevant = groups[:, None] == np.asarray(item_of_text)
    return _section(title, scores.T, relevant, groups, known)


def _section(title: str, scores: Float32, relevant: Any, groups: Any, known: Published | None) -> Section:
    chance = np.random.default_rng(0).random(scores.shape, dtype=np.float32)
    return Section(
        title,
        retrieval_figures(scores, relevant, groups),
        {"random": retrieval_figures(chance, relevant, groups)},
        known,
    )


def random_spans(durations: Sequence[float]) -> list[list[tuple[float, float]]]:
    """A stretch of each video between two random instants."""
    generator = np.random.default_rng(0)
    ends = np.sort(generator.random((len(durations), 2)), axis=1)
    return [
        [(float(a * duration), float(b * duration))] for (a, b), duration in zip(ends, durations, strict=True)
    ]


def usual_spans(
    durations: Sequence[float], right: Sequence[Sequence[tuple[float, float]]], groups: Any
) -> list[list[tuple[float, float]]]:
    """For each half of the videos, the stretch, relative to length, that does best on the other half."""
    grid = [(a / _GRID, b / _GRID) for a in range(_GRID) for b in range(a + 1, _GRID + 1)]
    overlaps = np.asarray(
        [
            [best_overlap((a * duration, b * duration), truth) for a, b in grid]
            for duration, truth in zip(durations, right, strict=True)
        ]
    )
    is_even = np.asarray(groups) % 2 == 0
    usual = []
    for number, duration in enumerate(durations):
        others = overlaps[is_even != is_even[number]]
        a, b = grid[int((others if len(others) else overlaps).mean(axis=0).argmax())]
        usual.append([(a * duration, b * duration)])
    return usual


def _frames(path: Path, plan: SamplingPlan, embedder: Embedder) -> tuple[list[UInt8Image], list[float]]:
    """A video's sampled pictures and their times; of a damaged one, those that decode."""
    from vidsearch.errors import DamagedVideo
    from vidsearch.media.decode import frames

    images: list[UInt8Image] = []
    times: list[float] = []
    try:
        for frame in frames(path, plan, short_side_pixels=embedder.short_side_pixels):
            images.append(frame.image)
            times.append(frame.sample_time_seconds)
    except DamagedVideo:
        if not images:
            raise
    return images, times


def _texts_of(dataset: RetrievalSet, kept: Sequence[int]) -> tuple[list[str], list[int]]:
    """The texts of the files that could be read, and for each the place of its file among them."""
    place = {number: at for at, number in enumerate(kept)}
    pairs = [
        (text, place[item])
        for text, item in zip(dataset.texts, dataset.described, strict=True)
        if item in place
    ]
    return [text for text, _ in pairs], [item for _, item in pairs]


def _report(
    dataset: Dataset,
    embedder: Embedder,
    num_files: int,
    num_texts: int,
    sections: tuple[Section, ...],
    problems: Sequence[str],
) -> Report:
    space = embedder.space
    return Report(
        dataset.name,
        dataset.split,
        space.model,
        space.weights_digest,
        num_files,
        num_texts,
        sections,
        tuple(problems),
    )


def _unit(vector: Float32) -> Float32:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def _shown(figure: Figure) -> str:
    return f"{figure.value:.1f} [{figure.low:.1f}, {figure.high:.1f}]"
