"""Indexes videos into a library: makes what each lacks, skips what exists, and continues stopped runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.errors import LibraryNotWritable, MediaError, QueryError
from vidsearch.ingest.analyzers import CaptionAnalyzer
from vidsearch.ingest.embedded_text import EmbeddedText
from vidsearch.ingest.jobs import Redo, Wanted
from vidsearch.ingest.pipeline import PipelineOptions
from vidsearch.ingest.policy import NOVEL, LookPolicy
from vidsearch.ingest.progress import Progress
from vidsearch.ingest.runner import ThisMachine
from vidsearch.ingest.session import IngestSession
from vidsearch.ingest.work import (
    SoundDone,
    SoundHeard,
    VideoAdvanced,
    WorkerJoined,
    WorkerLost,
    WorkersAwaited,
)
from vidsearch.ingest.writer import Writer
from vidsearch.media.discover import find_videos
from vidsearch.store.leases import Heartbeat
from vidsearch.types import SamplingPlan

if TYPE_CHECKING:
    from vidsearch.ingest.analyzers import FileAnalyzer, FrameAnalyzer, FrameReader
    from vidsearch.ingest.report import IngestReport, ProgressState
    from vidsearch.ingest.runner import Runner
    from vidsearch.ingest.windows import StreamAnalyzer
    from vidsearch.models.protocols import Captioner, Embedder
    from vidsearch.store.store import Store
    from vidsearch.types import Video


def ingest(
    library: Store,
    paths: Iterable[Path],
    *,
    embedders: Sequence[Embedder],
    captioner: Captioner | None = None,
    plan: SamplingPlan = SamplingPlan(),
    caption_policy: LookPolicy = NOVEL,
    analyzers: Sequence[FrameAnalyzer] = (),
    stream_analyzers: Sequence[StreamAnalyzer] = (),
    reader: FrameReader | None = None,
    file_analyzers: Sequence[FileAnalyzer] = (EmbeddedText(),),
    exclude: Sequence[str] = (),
    retry_failed: bool = False,
    reindex: bool = False,
    isolate: bool = False,
    options: PipelineOptions = PipelineOptions(),
    runner: Runner | None = None,
    on_progress: Callable[[ProgressState], None] | None = None,
    stop: threading.Event | None = None,
) -> IngestReport:
    """Index videos, and the videos in folders, except those that match a pattern of `exclude`.

    A file that cannot be indexed is reported, recorded in the library, and skipped until it changes or
    `retry_failed` is set. For an indexed video, what it lacks is made: vectors of these embedders, captions,
    tracks of these analyzers and of this reader. With `reindex`, a video with another sampling plan is
    resampled; replacements are built beside the existing tracks, and shown once complete. With `isolate`,
    every file is decoded in a separate process; one at which an earlier run died always is.

    The work is done in this process, or by another `runner` whose workers have the same models.

    A KeyboardInterrupt, or setting `stop` from another thread, ends the run after the current commit; the
    next run continues from there. `on_progress` is called in this thread.

    Raises:
        LibraryNotWritable: The library cannot be written. Commits made before remain, as with any error.
        ModelUnavailable: A model cannot be run.
        QueryError: Captions per shot were requested, but frames are not sampled by shot.
    """
    if caption_policy.rule == "shot" and plan.sampling != "shots":
        raise QueryError("Captions per shot need frames sampled by shot: --sampling shots.")
    found = find_videos(paths, exclude=exclude)
    progress = Progress(found.videos, found.sizes_bytes)
    for path, reason in found.problems:
        progress.fail(path, MediaError(reason, path=path))
    captions = [] if captioner is None else [CaptionAnalyzer(captioner, caption_policy)]
    wanted = Wanted(
        plan=plan,
        spaces=tuple(embedder.space for embedder in embedders),
        analyzers=(*captions, *analyzers),
        stream_analyzers=tuple(stream_analyzers),
        reader=reader,
        file_analyzers=tuple(file_analyzers),
    )
    session = IngestSession(
        library,
        progress,
        wanted,
        retry_failed=retry_failed,
        reindex=reindex,
        isolate=isolate,
        is_read_here=runner is None,
        timeout_seconds=options.timeout_seconds,
    )
    runner = runner or ThisMachine(embedders, options)
    return _run(session, library, found.videos, runner, progress, on_progress, stop)


def add_tracks(
    library: Store,
    videos: Iterable[Video],
    *,
    embedders: Sequence[Embedder] = (),
    analyzers: Sequence[FrameAnalyzer] = (),
    stream_analyzers: Sequence[StreamAnalyzer] = (),
    redo: Redo = "others",
    shows: bool = True,
    options: PipelineOptions = PipelineOptions(),
    on_progress: Callable[[ProgressState], None] | None = None,
    stop: threading.Event | None = None,
) -> IngestReport:
    """Add to indexed videos: vectors of other embedders, captions by another model.

    Their frames stay. With `redo`, an analyzer's track is made even if another analyzer, or an earlier run,
    has made it. With `shows` false, new tracks stay hidden until `Store.switch_models`. A file whose content
    has changed is reported and skipped. Otherwise as `ingest`.
    """
    paths = [video.path for video in videos]
    progress = Progress(paths)
    wanted = Wanted(
        plan=SamplingPlan(),
        spaces=tuple(embedder.space for embedder in embedders),
        analyzers=tuple(analyzers),
        stream_analyzers=tuple(stream_analyzers),
        redo=redo,
        shows=shows,
    )
    session = IngestSession(
        library,
        progress,
        wanted,
        adds_videos=False,
        retry_failed=True,
        timeout_seconds=options.timeout_seconds,
    )
    runner = ThisMachine(embedders, options)
    return _run(session, library, paths, runner, progress, on_progress, stop)


def _run(
    session: IngestSession,
    library: Store,
    paths: Sequence[Path],
    runner: Runner,
    progress: Progress,
    on_progress: Callable[[ProgressState], None] | None,
    stop: threading.Event | None,
) -> IngestReport:
    stop = stop or threading.Event()

    def work_on(videos: Sequence[Path], writer: Writer) -> None:
        for result in runner.results(videos, session, on_warning=progress.warn, stop=stop):
            if isinstance(result, WorkersAwaited):
                progress.await_workers()
            elif isinstance(result, WorkerJoined):
                progress.join(result.worker)
            elif isinstance(result, WorkerLost):
                writer.submit(partial(session.go_on, result))  # after its last results
            elif isinstance(result, VideoAdvanced):
                progress.advance(result, seconds=session.in_work.seconds_of(result.job))
            else:
                if isinstance(result, (SoundHeard, SoundDone)):
                    progress.hear(result, seconds=session.in_work.seconds_of(result.job))
                writer.submit(partial(session.in_work.keep, result))
            if on_progress is not None:
                on_progress(progress.state())

    try:
        with Heartbeat(session.in_work.renew_leases):
            with Writer() as writer:
                work_on(paths, writer)
            # Files whose content another process, or a copy among these, had in work.
            with Writer() as writer:
                work_on(session.take_put_off(), writer)
            for path in session.take_suspects():
                with Writer() as writer:
                    work_on([path], writer)
        if not stop.is_set():
            session.forget_replaced()
            with suppress(LibraryNotWritable):  # only a cache: without it, the first search takes longer
                library.refresh_vectors()
    except KeyboardInterrupt:
        stop.set()
    finally:
        session.in_work.close()
    if on_progress is not None:
        on_progress(progress.state())
    return progress.report(interrupted=stop.is_set())
