"""A library goes on with other models: what they make is built beside what it has, then switched to."""

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
    """What became of an upgrade."""

    models: LibraryModels
    """Those asked for."""
    report: IngestReport
    is_switched: bool
    """Whether the library now runs these models. Otherwise a later run continues."""
    num_pruned: int = 0
    """Rows of the models before that were removed."""


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
    """Make what other models say of every video, then let the library search by them.

    Until the switch, and where a run is stopped, searches answer by the models before.

    Args:
        store: The library.
        options: The models, and how they run.
        caption_every: Which frames are captioned; see `IndexSettings`.
        skip_failed: Switch though some videos failed; those are then found by words alone.
        prune: After the switch, remove what the models before made.
        on_progress: Called with each new state.
        stop: Ends the run after the commit in hand, once it is set.

    Raises:
        QueryError: No model is named.
        ModelUnavailable: Weights are missing; nothing has changed then.
        LibraryNotWritable: What was committed before stays.
    """
    from vidsearch.ingest import add_tracks, parse_policy
    from vidsearch.ingest.analyzers import CaptionAnalyzer
    from vidsearch.models.registry import resolve_models

    if options.models is None and options.embedder is None:
        raise QueryError("Name the models to go on with, as in --models clip,blip.")
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
    if kept is not None:  # what no other model takes the place of stays
        models = replace(models, moving=models.moving or kept.moving, sounds=models.sounds or kept.sounds)
    store.switch_models(models, spaces)
    num_pruned = store.prune_superseded() if prune else 0
    store.refresh_vectors()
    return Upgrade(choice.models, report, is_switched=True, num_pruned=num_pruned)
