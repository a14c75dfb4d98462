"""Changes a library's models: new vectors and captions are built first, then searches switch to them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vidsearch.errors import QueryError
from vidsearch.service.models import ModelOptions, load_models, logger

if TYPE_CHECKING:
    from vidsearch.ingest import IngestReport, ProgressState
    from vidsearch.store.store import Store
    from vidsearch.types import LibraryModels


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The result of an upgrade."""

    models: LibraryModels
    """The new models."""
    report: IngestReport
    is_switched: bool
    """Whether the library uses the new models now. If not, a later run continues."""
    num_pruned: int = 0
    """The number of vectors and segments of the previous models that were removed."""


def upgrade(
    store: Store,
    options: ModelOptions,
    *,
    caption_every: str = "novel",
    skip_failed: bool = False,
    prune: bool = False,
    on_progress: Callable[[ProgressState], None] | None = None,
    stop: threading.Event | None = None,
) -> Upgrade:
    """Index all videos with other models, then switch searches to them; see `Library.upgrade`.

    Args:
        store: The library.
        options: The models, and how to run them.
        caption_every: Which frames to caption; see `IndexSettings`.
        skip_failed: Switch even if some videos failed.
        prune: After switching, remove the previous models' vectors and captions.
        on_progress: Called whenever the progress changes.
        stop: Set it to end the run after the current commit.

    Raises:
        QueryError: No model is named.
        ModelUnavailable: Weights are missing. The library is unchanged.
        LibraryNotWritable: The library cannot be written. What was committed before is kept.
    """
    from vidsearch.ingest import add_tracks, parse_policy
    from vidsearch.ingest.analyzers import CaptionAnalyzer
    from vidsearch.models.registry import resolve_models

    if options.models is None and options.embedder is None:
        raise QueryError("Name the models to change to, as in --models clip,blip.")
    policy = parse_policy(caption_every)
    choice = resolve_models(options.models or "auto", embedder=options.embedder)
    if choice.reason:
        logger.info(choice.reason)
    loaded = load_models(choice.models, options)
    spaces = [embedder.space for embedder in (*loaded.embedders, *loaded.moving, *loaded.sounds)]
    store.prepare_upgrade(spaces)
    report = add_tracks(
        store,
        store.videos(),
        embedders=loaded.embedders,
        analyzers=[CaptionAnalyzer(loaded.captioner, policy)] if loaded.captioner else [],
        stream_analyzers=loaded.stream_analyzers(),
        redo="others",
        shows=False,
        on_progress=on_progress,
        stop=stop,
    )
    is_whole = not report.interrupted and (skip_failed or not report.failures)
    if not is_whole:
        return Upgrade(choice.models, report, is_switched=False)
    kept = store.models
    models = choice.models
    if kept is not None:  # what no new model replaces stays
        models = replace(models, moving=models.moving or kept.moving, sounds=models.sounds or kept.sounds)
    store.switch_models(models, spaces)
    num_pruned = store.prune_superseded() if prune else 0
    store.refresh_vectors()
    return Upgrade(choice.models, report, is_switched=True, num_pruned=num_pruned)
