"""Indexing: from paths and options to a run that indexes into a library."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsearch.errors import LibraryNotFound, QueryError
from vidsearch.outputs import CATALOG_FILE
from vidsearch.paths import given_path
from vidsearch.service.index_settings import IndexSettings
from vidsearch.service.listening import has_speech_model, speech_analyzer
from vidsearch.service.models import LoadedModels, ModelOptions, check_models, choose_models, load_models
from vidsearch.store.postgres.address import server_url
from vidsearch.store.store import Store
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from vidsearch.ingest import IngestReport, ProgressState
    from vidsearch.ingest.analyzers import FrameReader
    from vidsearch.ingest.pipeline import PipelineOptions
    from vidsearch.ingest.ray_cluster import RayOptions
    from vidsearch.ingest.ray_runner import RayRunner
    from vidsearch.ingest.ray_worker import Models as WorkerModels
    from vidsearch.ingest.speech import SpeechAnalyzer
    from vidsearch.media.container import DecodeDevice
    from vidsearch.models.device import Device
    from vidsearch.types import LibraryModels


PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How videos are indexed. `vidsearch index --help` describes the options, which have the same names."""

    models: ModelOptions = field(default_factory=ModelOptions)
    plan: SamplingPlan = field(default_factory=SamplingPlan)
    caption_every: str = "novel"
    """"novel", "frame", "shot", or N for every Nth frame."""
    text: bool = False
    speech: bool | None = None
    speech_model: str = "whisper"
    language: str = "auto"
    audio_track: int | None = None
    decode_device: DecodeDevice = "cpu"
    retry_failed: bool = False
    timeout_seconds: float = 120.0
    isolate: bool = False
    exclude: tuple[str, ...] | None = None
    """Patterns of files to skip; None for the library's own."""
    reindex: bool = False
    workers: RayOptions | None = None
    """Workers on a Ray cluster; None for this machine."""

    @classmethod
    def of(cls, settings: IndexSettings) -> IndexOptions:
        """Convert settings to options.

        Raises:
            QueryError: A setting is invalid.
            TypeError: There is no such setting.
        """
        given: dict[str, Any] = dict(settings)
        unknown = sorted(set(given) - set(IndexSettings.__annotations__))
        if unknown:
            raise TypeError(f"index() got an unexpected keyword argument {unknown[0]!r}")
        models = {_MODEL_FIELDS.get(name, name): value for name, value in given.items() if name in _MODELS}
        plan = {name: value for name, value in given.items() if name in _PLAN}
        rest = {name: value for name, value in given.items() if name not in _MODELS | _PLAN}
        if rest.get("exclude") is not None:
            patterns = [rest["exclude"]] if isinstance(rest["exclude"], str) else rest["exclude"]
            rest["exclude"] = tuple(pattern for pattern in patterns if pattern)
        if "caption_every" in rest:
            rest["caption_every"] = str(rest["caption_every"])
        return cls(models=ModelOptions(**models), plan=sampling_plan(**plan), **rest)


_MODEL_FIELDS = {"captions": "wants_captions"}
_MODELS = frozenset({"captions", *(item.name for item in fields(ModelOptions))} - {"wants_captions"})
_PLAN = frozenset(item.name for item in fields(SamplingPlan))


def sampling_plan(**values: Any) -> SamplingPlan:
    """Return the sampling plan with these fields.

    Raises:
        QueryError: The plan is invalid.
    """
    from vidsearch.media.sampling import check_plan

    plan = SamplingPlan(**values)
    try:
        check_plan(plan)
    except ValueError as error:
        raise QueryError(f"{error}.") from error
    return plan


class Indexer:
    """Keeps models loaded for several runs into one library."""

    def __init__(
        self, options: IndexOptions, chosen: LibraryModels, loaded: LoadedModels, *, listens: bool = False
    ) -> None:
        """Take loaded models, and load those for text and speech if they are wanted.

        Raises:
            ModelUnavailable: Weights are missing.
            QueryError: An option is invalid.
        """
        self.options = options
        self.loaded = loaded
        self._chosen = chosen
        self._listens = listens
        self._reader = _text_reader() if options.text else None
        listener = _speech_listener(options) if listens else None
        self._listening = (*filter(None, [listener]), *loaded.stream_analyzers())

    @classmethod
    def load(cls, options: IndexOptions, *, store: Store | None) -> Indexer:
        """Choose and load the models for a library. Does not change the library.

        Args:
            options: The options.
            store: The library; None if it does not exist yet.

        Raises:
            LibraryError: The options name other models than the library's.
            ModelUnavailable: Weights are missing.
            QueryError: An option is invalid.
        """
        from vidsearch.ingest import parse_policy

        policy = parse_policy(options.caption_every)
        if policy.rule == "shot" and options.plan.sampling != "shots":
            raise QueryError("Captions per shot need frames sampled by shot: --sampling shots.")
        chosen = choose_models(store, options.models)
        listens = options.speech
        if listens is None:
            is_new = store is None or store.models is None
            is_auto = options.models.models == "auto" or (options.models.models is None and is_new)
            listens = is_auto and has_speech_model(options.speech_model)
        return cls(options, chosen, load_models(chosen, options.models), listens=listens)

    def worker_models(self) -> WorkerModels:
        """Return the loaded models for a worker."""
        from vidsearch.ingest import parse_policy
        from vidsearch.ingest.analyzers import CaptionAnalyzer
        from vidsearch.ingest.ray_worker import Models

        captioner = self.loaded.captioner
        policy = parse_policy(self.options.caption_every)
        analyzers = () if captioner is None else (CaptionAnalyzer(captioner, policy),)
        return Models(self.loaded.embedders, analyzers, self._listening, self._reader)

    def _on_ray(self, workers: RayOptions, pipeline_options: PipelineOptions) -> RayRunner:
        from vidsearch.ingest.ray_runner import RayRunner
        from vidsearch.ingest.ray_worker import Introduction

        own = replace(self.options, workers=None, speech=self._listens)
        return RayRunner(
            partial(_worker_models, own, self._chosen),
            Introduction.of(self.worker_models()),
            ray_options=workers,
            options=pipeline_options,
        )

    def exclude(self, store: Store) -> tuple[str, ...]:
        """Return the patterns of files to skip: the options', which are stored in the library, or its own.

        Raises:
            QueryError: A pattern is invalid. The library's patterns are unchanged.
        """
        from vidsearch.media.discover import find_videos

        asked = self.options.exclude
        if asked is None:
            return store.exclude
        find_videos((), exclude=asked)  # raises for an invalid pattern
        if asked != store.exclude:
            store.set_exclude(asked)
        return asked

    def run(
        self,
        store: Store,
        paths: Iterable[Path],
        *,
        on_progress: Callable[[ProgressState], None] | None = None,
        stop: threading.Event | None = None,
    ) -> IngestReport:
        """Index videos into a library, and set its models.

        Raises:
            LibraryNotWritable, ModelUnavailable: What was committed before is kept.
        """
        from vidsearch.ingest import PipelineOptions, ingest, parse_policy
        from vidsearch.ingest.lines import read_lines

        options = self.options
        pipeline_options = PipelineOptions(
            timeout_seconds=options.timeout_seconds, decode_device=options.decode_device
        )
        check_models(store, self._chosen)
        if store.models != self._chosen:
            store.set_models(self._chosen)
        progress = None if on_progress is None else _Progress(on_progress)
        report = ingest(
            store,
            paths,
            embedders=self.loaded.embedders,
            captioner=self.loaded.captioner,
            reader=self._reader,
            stream_analyzers=self._listening,
            plan=options.plan,
            caption_policy=parse_policy(options.caption_every),
            exclude=self.exclude(store),
            retry_failed=options.retry_failed,
            reindex=options.reindex,
            isolate=options.isolate,
            options=pipeline_options,
            runner=None if options.workers is None else self._on_ray(options.workers, pipeline_options),
            on_progress=progress,
            stop=stop,
        )
        if report.interrupted:
            return report
        try:
            read_lines(store, on_read=None if progress is None else progress.read, stop=stop)
        except KeyboardInterrupt:  # the videos are kept, and the next run embeds the remaining lines
            return replace(report, interrupted=True)
        return report


class _Progress:
    """Reports the progress of a run, and afterwards the number of lines embedded."""

    def __init__(self, on_progress: Callable[[ProgressState], None]) -> None:
        self._on_progress = on_progress
        self._last: ProgressState | None = None

    def __call__(self, state: ProgressState) -> None:
        self._last = state
        self._on_progress(state)

    def read(self, num_lines: int) -> None:
        if self._last is not None:
            self._on_progress(replace(self._last, current=None, num_lines=num_lines))


def _worker_models(options: IndexOptions, chosen: LibraryModels) -> WorkerModels:
    """Load the models of a run, in the calling process."""
    loaded = load_models(chosen, options.models)
    return Indexer(options, chosen, loaded, listens=bool(options.speech)).worker_models()


def _speech_listener(options: IndexOptions) -> SpeechAnalyzer:
    """Load the speech analyzer. Raises ModelUnavailable, QueryError."""
    return speech_analyzer(
        options.speech_model,
        language=options.language,
        audio_track=options.audio_track,
        device=options.models.device,
    )


def _text_reader() -> FrameReader:
    """Load the reader of text on the screen. Raises ModelUnavailable."""
    from vidsearch.ingest.screen_text import ScreenText
    from vidsearch.models.ocr import PPOcr

    return ScreenText(PPOcr())


def has_library(folder: Path) -> bool:
    """Return whether there is a library in a folder, or on a server.

    Raises:
        LibraryError: The server cannot be reached.
    """
    if server_url(folder) is not None:
        try:
            Store.open(folder, read_only=True).close()
        except LibraryNotFound:
            return False
        return True
    return os.path.isfile(folder / CATALOG_FILE)  # noqa: PTH113 (false for an impossible path)


def index_into(
    folder: Path,
    paths: Sequence[Path],
    options: IndexOptions,
    *,
    on_progress: Callable[[ProgressState], None] | None = None,
) -> tuple[IngestReport, Device | None]:
    """Index into the library in a folder, which is created once a video is found and the models are loaded.

    Returns:
        The report, and the models' device; None if no video was found and there was no library.

    Raises:
        LibraryError, ModelUnavailable, QueryError: As in `Library.index`. No library is created then.
    """
    from vidsearch.media.discover import find_videos

    indexer = None
    if not has_library(folder):
        found = find_videos(paths, exclude=options.exclude or ())
        if not found.videos:
            return _report_of_nothing(found.problems), None
        indexer = Indexer.load(options, store=None)
    with Store.open(folder, create=True) as store:
        indexer = indexer or Indexer.load(options, store=store)
        return indexer.run(store, paths, on_progress=on_progress), indexer.loaded.device


def _report_of_nothing(problems: Iterable[tuple[Path, str]]) -> IngestReport:
    """Return the report of a run that found no video, with the paths that could not be used."""
    from vidsearch.errors import MediaError
    from vidsearch.ingest.progress import Progress

    progress = Progress(())
    for path, reason in problems:
        progress.fail(path, MediaError(reason))
    return progress.report(interrupted=False)


def as_paths(paths: PathLike | Iterable[PathLike]) -> list[Path]:
    """Return one or more paths or addresses as a list.

    Raises:
        QueryError: An address contains credentials.
    """
    if isinstance(paths, str | os.PathLike):
        return [given_path(paths)]
    return [given_path(path) for path in paths]
