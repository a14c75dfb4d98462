"""Folders that are watched: what comes there is indexed, and alerts tell of what it shows."""

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
    """What is told of new moments, and to whom."""

    rules: tuple[str, ...] = ()
    """Words, or concepts as in "concept:Minka"."""
    command: str | None = None
    """Run for each alert, by no shell; the event is its stdin."""
    address: str | None = None
    """Each alert is posted to it."""
    min_confidence: float | None = None
    """From when on a frame counts; None for what a search calls found."""

    def __post_init__(self) -> None:
        if not self.rules and (self.command or self.address):
            raise QueryError("Say what to tell of, as in --alert smoke.")


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
    """Index what is in folders, and whatever comes or changes there, until a KeyboardInterrupt.

    Args:
        folder: The library, which is made where there is none.
        watched: The folders.
        options: How to index.
        on_ready: Called once the folders are there and the models loaded.
        on_report: Called after each run.
        on_error: Called where a run, or looking for alerts, fails as a whole; it is tried again.
        settle_seconds: How long a file must not have changed before it is indexed.
        force_polling: For network folders, which tell nobody of their changes.
        alerts: What is told of new moments.
        on_alert: Called with each event, JSON, from a thread of its own.
        on_delivery_failure: Called with a line for a person where a command or an address takes no alert.

    Raises:
        MediaError: A folder is not there; no library is made then.
        LibraryError, ModelUnavailable: As in `Library.index`.
        QueryError, ConceptNotFound: An alert means nothing.
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
            except VidsearchError as error:  # frames that were not looked at are, after the next run
                on_error(error)

        with delivering:
            look()  # at what came while nobody watched
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
    """What looks for alerts, and what delivers them."""
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
