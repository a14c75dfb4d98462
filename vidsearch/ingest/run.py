"""Videos into a library: what is new is indexed, what is known is passed over, what stopped goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.errors import LibraryNotWritable, MediaError, QueryError
from vidsearch.ingest.pipeline import PipelineOptions, process
from vidsearch.ingest.policy import NOVEL, CaptionPolicy
from vidsearch.ingest.progress import Progress
from vidsearch.ingest.session import IngestSession
from vidsearch.ingest.work import VideoAdvanced
from vidsearch.ingest.writer import Writer
from vidsearch.media.discover import find_videos
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from vidsearch.ingest.report import IngestReport, ProgressState
    from vidsearch.models.protocols import Captioner, Embedder
    from vidsearch.store.library import Library


def ingest(
    library: Library,
    paths: Iterable[Path],
    *,
    embedders: Sequence[Embedder],
    captioner: Captioner | None = None,
    plan: SamplingPlan = SamplingPlan(),
    caption_policy: CaptionPolicy = NOVEL,
    retry_failed: bool = False,
    reindex: bool = False,
    isolate: bool = False,
    options: PipelineOptions = PipelineOptions(),
    on_progress: Callable[[ProgressState], None] | None = None,
    stop: threading.Event | None = None,
) -> IngestReport:
    """Index videos, and the videos in folders.

    A file that cannot be indexed is reported, recorded in the library, and passed over from then on until it
    changes or `retry_failed` is set. A video that the library has is passed over; but with `reindex`, one
    that is in it under another plan, or without vectors of these embedders, is begun anew. With `isolate`
    every file is decoded in a process of its own, as is, in any case, one at which an earlier run died.

    A KeyboardInterrupt, or `stop` being set from another thread, ends the run after the commit in hand; what
    was committed stays, and the next run goes on from there. `on_progress` is called in this thread. Raises
    LibraryNotWritable and ModelUnavailable; what was committed before stays. QueryError for captions per shot
    of frames that are not sampled by shot.
    """
    if caption_policy.rule == "shot" and plan.sampling != "shots":
        raise QueryError("Captions per shot need frames sampled by shot: --sampling shots.")
    found = find_videos(paths)
    progress = Progress(found.videos)
    for path, reason in found.problems:
        progress.fail(path, MediaError(reason, path=path))
    session = IngestSession(
        library,
        progress,
        plan=plan,
        spaces=[embedder.space for embedder in embedders],
        retry_failed=retry_failed,
        reindex=reindex,
        isolate=isolate,
        timeout_seconds=options.timeout_seconds,
    )
    stop = stop or threading.Event()

    def work_on(videos: Sequence[Path], writer: Writer) -> None:
        for result in process(
            videos,
            session.open,
            embedders=embedders,
            captioner=captioner,
            policy=caption_policy,
            options=options,
            on_warning=progress.warn,
            stop=stop,
        ):
            if isinstance(result, VideoAdvanced):
                progress.advance(result, seconds=session.seconds_of(result.job))
            else:
                writer.submit(partial(session.keep, result))
            if on_progress is not None:
                on_progress(progress.progress())

    try:
        with Writer() as writer:
            work_on(found.videos, writer)
        # Files of which another process, or a copy among these, had the same content in work.
        with Writer() as writer:
            work_on(session.take_put_off(), writer)
        if not stop.is_set():
            session.forget_replaced()
            with suppress(LibraryNotWritable):  # a cache: without it, the first search takes longer
                library.refresh_vectors()
    except KeyboardInterrupt:
        stop.set()
    finally:
        session.close()
    if on_progress is not None:
        on_progress(progress.progress())
    return progress.report(interrupted=stop.is_set())
