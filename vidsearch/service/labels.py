"""Labels: search for words in every frame of a library, and report where, how long and how often."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.errors import QueryError
from vidsearch.labels.report import ReportBy, ReportFormat, ReportLine, render_report
from vidsearch.text import either
from vidsearch.tracks import SegmentRecord

if TYPE_CHECKING:
    from vidsearch.ingest import ProgressState
    from vidsearch.search.engine import Searcher
    from vidsearch.service.reading import LibraryReader, VideoName
    from vidsearch.store.label_rows import LabelSpan
    from vidsearch.types import Video

_REPORT_FORMATS: dict[str, ReportFormat] = {".csv": "csv", ".svg": "svg"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """The result of a run of labels."""

    num_labels: int
    num_videos: int
    num_frames: int
    num_spans: int
    models: tuple[str, ...]
    seen: tuple[tuple[str, int], ...]
    """Each label and its number of spans, in the order of the labels."""


class Labels:
    """The labels of a library: `Library.labels`."""

    def __init__(self, library: LibraryReader, searcher: Searcher, lock: threading.RLock) -> None:
        self._library = library
        self._searcher = searcher
        self._lock = lock

    def names(self) -> list[str]:
        """Return the labels of the last run."""
        return self._library.store.labels.names()

    def seen(self) -> list[tuple[str, int]]:
        """Return the labels of the last run, and the number of spans of each."""
        counts = Counter(span.label for span in self._library.store.labels.spans())
        return [(name, counts[name]) for name in self.names()]

    def checked(self, labels: str | Iterable[str] | None) -> list[str]:
        """Return the labels that `apply` would look for.

        Raises:
            QueryError: There is no label, or one is invalid.
            ConceptNotFound: A label names a concept that the library was not taught.
        """
        from vidsearch.concepts.names import Names
        from vidsearch.labels.names import checked_labels, parse_labels

        if labels is None:
            names = self.names()
            if not names:
                raise QueryError("There are no labels yet. Give some, as in --labels forklift,smoke.")
        elif labels == "concepts":
            names = [concept.name for concept in self._library.store.concepts.all()]
            if not names:
                raise QueryError(
                    "The library was taught no concepts yet: vidsearch teach NAME --from VIDEO@TIME"
                )
        else:
            given = [*parse_labels(labels)] if isinstance(labels, str) else labels
            names = checked_labels(given, where="The labels")
        concepts = Names(self._library.store.concepts.all())
        for name in names:
            concepts.split(name)
        return names

    def apply(
        self,
        labels: str | Iterable[str] | None = None,
        *,
        min_confidence: float | None = None,
        join_seconds: float | None = None,
        on_progress: Callable[[ProgressState], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Labelled:
        """Look for labels in every frame, and store the spans where each was found as a track of each video.

        Earlier labels are replaced.

        Args:
            labels: Words, or names of concepts; "concepts" for all concepts. None for the labels of the last
                run.
            min_confidence: The minimum confidence of a frame; None for the threshold at which a search
                reports a match.
            join_seconds: Spans with smaller gaps are joined; None for 2.5 seconds.
            on_progress: Called in this thread whenever the progress changes.
            stop: Set it to end the run. Earlier labels are then kept.

        Raises:
            KeyboardInterrupt: It was stopped.
            QueryError: There is no label, or one is invalid.
            ModelUnavailable: No available model can encode the labels.
        """
        from vidsearch.labels.scoring import JOIN_SECONDS, LabelScorer, by_video

        names = self.checked(labels)
        if min_confidence is not None and not 0 < min_confidence < 1:
            raise QueryError(f"The minimum confidence is {min_confidence:g}; it must be between 0 and 1.")
        with self._lock:
            scorer = LabelScorer(self._searcher, names, min_confidence=min_confidence)
            num_frames = 0 if scorer.timeline is None else len(scorer.timeline)
            spans = scorer.spans(
                join_seconds=JOIN_SECONDS if join_seconds is None else join_seconds,
                on_frames=_listener(num_frames, on_progress, stop),
            )
        counts = [0] * len(names)
        for span in spans:
            counts[span.label] += 1
        records = {
            video_id: [
                SegmentRecord(
                    span.start_seconds,
                    span.end_seconds,
                    names[span.label],
                    {"confidence": round(span.confidence, 4), "best_seconds": span.best_seconds},
                )
                for span in own
            ]
            for video_id, own in by_video(spans).items()
        }
        videos = self._library.store.videos()
        self._library.store.labels.put(names, records, [video.id for video in videos], models=scorer.models)
        return Labelled(
            num_labels=len(names),
            num_videos=len(videos),
            num_frames=num_frames,
            num_spans=len(spans),
            models=scorer.models,
            seen=tuple(zip(names, counts, strict=True)),
        )

    def spans(self, video: VideoName | None = None) -> list[LabelSpan]:
        """Return the spans where labels were found, by video and time.

        Args:
            video: The video, or its name; None for all videos.

        Raises:
            VideoNotFound: No video, or more than one, has this name.
        """
        return self._library.store.labels.spans(None if video is None else self._library.video(video).id)

    def check(self, label: str) -> None:
        """Raise QueryError for a label that is not one of the last run; the message suggests similar ones."""
        known = self.names()
        if label in known:
            return
        near = get_close_matches(label, known, n=3, cutoff=0.4)
        hint = f"Did you mean {either(near)}?" if near else f"Look for it: vidsearch label --labels {label!r}"
        raise QueryError(f"This library has no label {label!r}. {hint}")

    def report(self, by: ReportBy = "label") -> list[ReportLine]:
        """Return how often and how long each label was found, by label, then by day, video or folder."""
        videos = {video.id: video for video in self._library.store.videos()}
        totals: dict[tuple[str, str], list[LabelSpan]] = {}
        for span in self._library.store.labels.spans():
            if span.video_id in videos:
                totals.setdefault((span.label, _where(by, span, videos[span.video_id])), []).append(span)
        lengths = self._lengths(by, videos.values())
        order = {label: number for number, label in enumerate(self.names())}
        return [
            ReportLine(
                label=label,
                where=where,
                count=len(spans),
                seconds=round(sum(span.end_seconds - span.start_seconds for span in spans), 3),
                share=min(
                    1.0,
                    sum(span.end_seconds - span.start_seconds for span in spans)
                    / max(lengths.get(where, 0.0), 1e-9),
                ),
                surest=max((span.confidence or 0.0 for span in spans), default=0.0),
            )
            for (label, where), spans in sorted(
                totals.items(), key=lambda item: (order.get(item[0][0], len(order)), item[0])
            )
        ]

    def _lengths(self, by: ReportBy, videos: Iterable[Video]) -> dict[str, float]:
        """Seconds of video for each `where` of the lines."""
        found: dict[str, float] = {}
        recorded = self._library.store.recorded_local_seconds() if by == "day" else {}
        for video in videos:
            where = _where_video(by, video, recorded.get(video.id, 0.0))
            found[where] = found.get(where, 0.0) + (
                video.info.duration_seconds or video.indexed_until_seconds
            )
        return found


def _listener(
    num_frames: int, on_progress: Callable[[ProgressState], None] | None, stop: threading.Event | None
) -> Callable[[int], None]:
    """Return a function that reports progress, given the number of frames done, and stops the run."""
    from vidsearch.ingest import ProgressState

    started = time.monotonic()

    def listen(done: int) -> None:
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt
        if on_progress is None:
            return
        rate = done / max(time.monotonic() - started, 1e-6)
        on_progress(
            ProgressState(
                files_done=0,
                files_total=0,
                current=None,
                num_frames=done,
                seconds_done=0.0,
                seconds_total=None,
                frames_per_second=rate,
                times_real_time=0.0,
                eta_seconds=(num_frames - done) / rate if rate else None,
            )
        )

    return listen


def _where(by: ReportBy, span: LabelSpan, video: Video) -> str:
    return _where_video(by, video, span.recorded_local_seconds + (span.start_seconds if by == "day" else 0.0))


def _where_video(by: ReportBy, video: Video, recorded_local_seconds: float) -> str:
    match by:
        case "day":
            day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=recorded_local_seconds)
            return day.date().isoformat()
        case "video":
            return str(video.path)
        case "camera":
            return str(video.path.parent)
    return ""


def write_report(
    lines: Sequence[ReportLine],
    path: str | os.PathLike[str],
    library: LibraryReader,
    *,
    overwrite: bool = False,
) -> None:
    """Write a report as a table (.csv) or a plot (.svg), by the file's suffix.

    Raises:
        ExportError: The file exists, cannot be written, or has another suffix.
    """
    from vidsearch.errors import ExportError
    from vidsearch.outputs import OutputRule

    file = Path(path)
    format = _REPORT_FORMATS.get(file.suffix.lower())
    if format is None:
        raise ExportError(f"{file} is neither a table nor a plot: name a file that ends in .csv or .svg.")
    OutputRule.for_library(library.store, overwrite=overwrite).write(file, render_report(lines, format))
