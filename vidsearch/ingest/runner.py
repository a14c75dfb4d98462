"""Runners do the work of an ingest, on this machine or on remote workers.

A runner takes jobs from the session and returns their results. Only the session touches the library.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vidsearch.ingest.pipeline import PipelineOptions, process

if TYPE_CHECKING:
    from vidsearch.ingest.session import IngestSession
    from vidsearch.ingest.work import WorkResult
    from vidsearch.media.container import OnWarning
    from vidsearch.models.protocols import Embedder


class Runner(Protocol):
    """Runs the jobs of a session."""

    def results(
        self,
        paths: Sequence[Path],
        session: IngestSession,
        *,
        on_warning: OnWarning,
        stop: threading.Event,
    ) -> Iterator[WorkResult]:
        """Yield the results of the files, as `pipeline.process` does, and workers' arrivals and losses.

        Ends once `stop` is set. `session.open` may be called in several threads at once. Raises
        ModelUnavailable.
        """
        ...


@dataclass(frozen=True, slots=True)
class ThisMachine:
    """Runs the jobs in threads of this process."""

    embedders: Sequence[Embedder]
    options: PipelineOptions

    def results(
        self,
        paths: Sequence[Path],
        session: IngestSession,
        *,
        on_warning: OnWarning,
        stop: threading.Event,
    ) -> Iterator[WorkResult]:
        return process(
            paths,
            session.open,
            embedders=self.embedders,
            analyzers=session.analyzers,
            stream_analyzers=session.stream_analyzers,
            is_wanted=session.in_work.is_open,
            reader=session.reader,
            options=self.options,
            on_warning=on_warning,
            stop=stop,
        )
