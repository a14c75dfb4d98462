"""Watches folders: indexes new files, and sends alerts about their content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.errors import QueryError
from vidsearch.service.indexing import Indexer, IndexOptions, has_library
from vidsearch.store.store import Store

if TYPE_CHECKING:
    from vidsearch.errors import VidsearchError
    from vidsearch.ingest import IngestReport
    from vidsearch.labels.delivery import Deliverer
    from vidsearch.models.device import Device


@dataclass(frozen=True, slots=True)
class AlertOptions:
    """Which new moments raise alerts, and where alerts are sent."""

    rules: tuple[str, ...] = ()
    """Words, or concepts as in "concept:Minka"."""
    command: str | None = None
    """A command to run for each alert, without a shell, with the event on stdin."""
    address: str | None = None
    """A URL to post each alert to."""
    min_confidence: float | None = None
    """The minimum confidence of a match; None for the threshold at which a search reports a match."""

    def __post_init__(self) -> None:
        if not self.rules and (self.command or self.address):
            raise QueryError("Say what to alert about, as in --alert smoke.")


def watch_into(
    folder: Path,
    watched: Sequence[Path],
    options: IndexOptions,
    *,
    on_ready: Callable[[], None],
    on_report: Callable[[IngestReport, Device], None],
    on_error: Callable[[VidsearchError], None],
    settle_seconds: float,
    force_polling: bool,
    alerts: AlertOptions | None = None,
    on_alert: Callable[[str], None] = lambda event: None,
    on_delivery_failure: Callable[[str], None] = lambda line: None,
) -> None:
    """Index the files in folders, and new or changed ones, until a KeyboardInterrupt.

    Args:
        folder: The library, which is created if there is none.
        watched: The folders.
        options: How to index.
        on_ready: Called once the folders are found and the models are loaded.
        on_report: Called after each run.
        on_error: Called if a run, or the search for alerts, fails as a whole. It is tried again.
        settle_seconds: How long a file must be unchanged before it is indexed.
        force_polling: Whether to poll, for network folders that report no changes.
        alerts: Which moments raise alerts.
        on_alert: Called with each event, as JSON, from a thread of its own.
        on_delivery_failure: Called with a message if a command or URL does not accept an alert.

    Raises:
        MediaError: A folder does not exist. No library is created then.
        LibraryError, ModelUnavailable: As in `Library.index`.
        QueryError, ConceptNotFound: A rule for alerts is invalid.
    """
    from vidsearch.errors import VidsearchError
    from vidsearch.ingest.watch import check_folders, watch

    check_folders(watched)
    indexer = None if has_library(folder) else Indexer.load(options, store=None)
    with Store.open(folder, create=True) as store:
        indexer = indexer or Indexer.load(options, store=store)
        run, device = indexer.run, indexer.loaded.device
        look, delivering = _alerting(store, alerts, on_alert, on_delivery_failure)
        on_ready()

        def tell(report: IngestReport) -> None:
            on_report(report, device)
            try:
                look()
            except VidsearchError as error:  # the next run checks these frames again
                on_error(error)

        with delivering:
            look()  # checks frames that were indexed since the last watch
            watch(
                watched,
                lambda paths: run(store, paths),
                on_report=tell,
                on_error=on_error,
                settle_seconds=settle_seconds,
                exclude=indexer.exclude(store),
                force_polling=force_polling or None,
            )


def _alerting(
    store: Store,
    options: AlertOptions | None,
    on_alert: Callable[[str], None],
    on_failure: Callable[[str], None],
) -> tuple[Callable[[], object], Deliverer | nullcontext[None]]:
    """Return the function that looks for alerts, and the one that delivers them."""
    if options is None or not options.rules:
        return lambda: None, nullcontext()
    from vidsearch.labels.alerts import look_for_alerts
    from vidsearch.labels.delivery import Deliverer, to_address, to_command, to_function
    from vidsearch.labels.names import checked_labels
    from vidsearch.search.engine import Searcher

    rules = checked_labels(options.rules, where="The alerts")
    targets = [to_function(on_alert)]
    if options.command is not None:
        targets.append(to_command(options.command))
    if options.address is not None:
        targets.append(to_address(options.address))
    store.alerts.begin(rules)
    searcher, keys = Searcher(store), [target.key for target in targets]

    def look() -> int:
        return look_for_alerts(searcher, rules, targets=keys, min_confidence=options.min_confidence)

    return look, Deliverer(store, targets, on_failure=on_failure)
