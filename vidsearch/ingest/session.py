"""The library's side of an ingest: which files are work, and what becomes of what is made of them.

Between a file and the pipeline stands `open`, which may run in several threads at once; between the pipeline
and the library stands `keep`, which runs in the one thread that writes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.errors import (
    DamagedVideo,
    LeaseLost,
    LibraryError,
    MediaError,
    ModelOutOfMemory,
    TrackNotFound,
    VideoNotFound,
    VideoReplaced,
    VidsearchError,
)
from vidsearch.ingest.isolation import isolated
from vidsearch.ingest.jobs import Wanted, Work, make_job, work_on
from vidsearch.ingest.report import FileFailure
from vidsearch.ingest.work import ChunkDone, VideoDone, VideoJob
from vidsearch.media.decode import measured_duration
from vidsearch.media.probe import probe
from vidsearch.paths import stat_in_time
from vidsearch.store.fingerprint import fingerprint

if TYPE_CHECKING:
    from vidsearch.ingest.analyzers import FrameAnalyzer
    from vidsearch.ingest.progress import Progress
    from vidsearch.store.records import Lease, OpenedVideo
    from vidsearch.store.store import Store
    from vidsearch.tracks import Track
    from vidsearch.types import Fingerprint, Video, VideoInfo


_DEATHS_ALLOWED = 2
"""A file at which a worker died is decoded in a process of its own. If workers die all the same, it is not
only the decoder that the file kills, and no later worker is to be lost to it."""


@dataclass(slots=True)
class OpenVideo:
    """A video that this run works on, and holds the lease of."""

    path: Path
    video: Video
    fingerprint: Fingerprint
    lease: Lease
    track_ids: tuple[int, ...]
    """The tracks that this run makes, or continues."""
    seconds: float | None
    """How much of it is still to come, where its length is known."""
    until_seconds: float = 0.0
    """How far those tracks are in the library."""
    num_frames: int = 0


class IngestSession:
    """Opens files for the pipeline and keeps what comes back, in one library."""

    def __init__(
        self,
        library: Store,
        progress: Progress,
        wanted: Wanted,
        *,
        retry_failed: bool = False,
        reindex: bool = False,
        adds_videos: bool = True,
        isolate: bool = False,
        timeout_seconds: float | None = None,
    ) -> None:
        self._library = library
        self._progress = progress
        self._wanted = wanted
        self._retry_failed = retry_failed
        self._reindex = reindex
        self._adds_videos = adds_videos
        self._isolate = isolate
        self._timeout_seconds = timeout_seconds
        self._keys = itertools.count()
        self._open_videos: dict[int, OpenVideo] = {}
        self._put_off: list[Path] = []
        self._is_last_turn = False

    @property
    def analyzers(self) -> tuple[FrameAnalyzer, ...]:
        return self._wanted.analyzers

    def take_put_off(self) -> tuple[Path, ...]:
        """Take the files that somebody else was at work on. They are not put off again."""
        put_off, self._put_off = tuple(self._put_off), []
        self._is_last_turn = True
        return put_off

    def open(self, path: Path) -> VideoJob | None:
        """Turn a file into work, or into None where there is none. Raises LibraryError."""
        try:
            return self._open(path)
        except MediaError as error:
            self._fail(path, error)
            return None

    def seconds_of(self, job: VideoJob) -> float | None:
        """How much of a job's video this run has to cover, where that is known."""
        opened = self._open_videos.get(job.key)
        return None if opened is None else opened.seconds

    def keep(self, result: ChunkDone | VideoDone) -> None:
        """Put a result into the library. Raises LibraryError."""
        if result.job is None:
            # Its disk did not answer, which is not the file's fault; touching it again would hang here.
            self._progress.fail(
                result.path, result.error or MediaError("could not be opened", path=result.path)
            )
            return
        opened = self._open_videos.get(result.job.key)
        if opened is None:
            return  # it was given up; what was under way for it comes too late
        try:
            self._keep(opened, result.job, result)
        except LeaseLost:
            self._progress.leave_to_others(opened.path)
            del self._open_videos[result.job.key]

    def _keep(self, opened: OpenVideo, job: VideoJob, result: ChunkDone | VideoDone) -> None:
        try:
            self._check_unchanged(opened)
            if isinstance(result, ChunkDone):
                self._keep_chunk(opened, result)
            elif result.error is None:
                self._finish(opened, job)
            else:
                self._end_early(opened, job, result.error)
        except MediaError as error:
            # What this run made may be of either content, the one before or the one after.
            self._library.take_back(
                opened.video.id,
                opened.track_ids,
                frames_track_id=job.frames_track_id,
                spaces=job.spaces,
                from_seconds=job.resume_from_seconds,
                lease=opened.lease,
            )
            self._progress.fail(opened.path, error)
            self._let_go(job)
        except (VideoNotFound, TrackNotFound):
            removed = MediaError("was removed from the library while it was being indexed", path=opened.path)
            self._progress.fail(opened.path, removed)
            self._let_go(job)

    def forget_replaced(self) -> None:
        """Remove the videos whose files hold something else now, once every file had its turn to be found."""
        self._progress.replace(len(self._library.prune()))

    def close(self) -> None:
        """Give back all leases; what is not finished is for the next run."""
        for opened in self._open_videos.values():
            with suppress(LibraryError):  # where nothing can be written any more, they expire
                self._library.give_back(opened.lease)
        self._open_videos.clear()

    def renew_leases(self) -> None:
        """Say that the videos in work are still worked on. Raises LibraryError."""
        if held := [opened.lease for opened in list(self._open_videos.values())]:
            self._library.renew_leases(held)

    def _open(self, path: Path) -> VideoJob | None:
        state = self._library.lookup(path)
        if state.state == "failed" and self._retry_failed:
            self._library.forget_failure(path)
            state = self._library.lookup(path)
        if state.state == "failed" and state.failure is not None:
            known = state.failure
            self._progress.pass_over(
                FileFailure(path=path, reason=known.reason, error=known.error, known_before=True)
            )
            return None
        if state.video is None and not self._adds_videos:
            raise VideoReplaced(
                "does not hold a video of the library any more. Index it first, or put the earlier file back",
                path=path,
            )
        work = work_on(self._wanted, state, reindex=self._reindex)
        if work is None and state.video is not None:
            if not state.is_known_here:
                self._library.add_path(state.video.id, path, state.fingerprint)
            self._read_file(path, state.video, state.tracks)
            is_as_asked = state.video.plan == self._wanted.plan or not self._adds_videos
            self._progress.skip(path, is_as_asked=is_as_asked)
            return None
        assert work is not None
        print_of_file = state.fingerprint or fingerprint(path)
        lease = self._library.take_lease(print_of_file.content_hash)
        if lease is None:
            self._wait_for_turn(path)
            return None
        job = None
        try:
            job = self._open_leased(path, print_of_file, lease)
        finally:
            if job is None:
                self._library.give_back(lease)
        return job

    def _open_leased(self, path: Path, print_of_file: Fingerprint, lease: Lease) -> VideoJob | None:
        # Another process may have finished it since it was looked up.
        now = self._library.lookup_content(print_of_file)
        work = work_on(self._wanted, now, reindex=self._reindex)
        if work is None:
            self._progress.skip(path)
            return None
        if lease.deaths > _DEATHS_ALLOWED and not self._retry_failed:
            raise MediaError(
                f"{lease.deaths} runs died while they worked on it, though its decoder had a process of its "
                "own. Try it again with --retry-failed",
                path=path,
            )
        # Where a run died at a file, whatever it died of, the file may be what kills.
        is_isolated = self._isolate or lease.deaths > 0
        info = self._probe(path, is_isolated=is_isolated)
        opened = self._library.begin_video(
            path, print_of_file, info, work.specs, work.spaces, again=self._wanted.redo == "all"
        )
        if not is_isolated:  # a file that may kill whoever reads it is read by its own process alone
            self._read_file(path, opened.video, now.tracks)
        return self._job(path, opened, work, print_of_file, lease, is_isolated=is_isolated)

    def _probe(self, path: Path, *, is_isolated: bool) -> VideoInfo:
        if not is_isolated:
            return probe(path)
        (info,) = isolated(partial(_probed, path), name=path, timeout_seconds=self._timeout_seconds)
        return info

    def _read_file(self, path: Path, video: Video, tracks: Sequence[Track]) -> None:
        """Keep what the file analyzers find in a file, or beside it, that the video lacks."""
        for analyzer in self._wanted.file_analyzers:
            if not analyzer.lacks(path, tracks):
                continue
            try:
                findings = analyzer.analyze(path)
            except MediaError as error:  # its pictures may be sound all the same
                self._progress.warn(f"{path}: subtitles and chapters were not read: {error.reason}")
                continue
            for note in findings.notes:
                self._progress.warn(note)
            for made in findings.tracks:
                self._library.put_track(video.id, made.spec, made.segments)

    def _job(
        self,
        path: Path,
        opened: OpenedVideo,
        work: Work,
        print_of_file: Fingerprint,
        lease: Lease,
        *,
        is_isolated: bool,
    ) -> VideoJob:
        job = make_job(
            self._library,
            self._wanted,
            work,
            opened,
            path=path,
            key=next(self._keys),
            is_isolated=is_isolated,
        )
        made = {job.frames_track_id, job.shots_track_id, *(analysis.track_id for analysis in job.analyses)}
        unfinished = tuple(track.id for track in opened.tracks if track.id in made and not track.is_complete)
        self._open_videos[job.key] = OpenVideo(
            path=path,
            video=opened.video,
            fingerprint=print_of_file,
            lease=lease,
            track_ids=unfinished,
            seconds=_seconds_to_come(job, opened.video.info.duration_seconds),
            until_seconds=job.resume_from_seconds,
            num_frames=job.num_frames_before,
        )
        self._progress.open(path, seconds=self._open_videos[job.key].seconds)
        return job

    def _wait_for_turn(self, path: Path) -> None:
        if self._is_last_turn:
            self._progress.leave_to_others(path)
        else:
            self._put_off.append(path)

    def _keep_chunk(self, opened: OpenVideo, done: ChunkDone) -> None:
        self._library.append(opened.video.id, done.chunk, lease=opened.lease)
        opened.until_seconds = done.chunk.until_seconds
        opened.num_frames += done.counts.num_frames
        self._progress.commit(done.counts)

    def _finish(self, opened: OpenVideo, job: VideoJob) -> None:
        length = opened.video.info.duration_seconds
        if length is None:
            length = _measured_seconds(opened.path)
        self._show(opened, job, duration_seconds=opened.until_seconds if length is None else length)
        self._count_finished(opened, job)

    def _show(self, opened: OpenVideo, job: VideoJob, *, duration_seconds: float) -> None:
        self._library.finish_video(
            opened.video.id,
            opened.track_ids,
            frames_track_id=job.frames_track_id,
            spaces=job.spaces,
            duration_seconds=duration_seconds,
            shows=self._wanted.shows,
            lease=opened.lease,
        )

    def _end_early(self, opened: OpenVideo, job: VideoJob, error: VidsearchError) -> None:
        if stat_in_time(opened.path) is None:
            error = MediaError(
                "went away while it was being read. Index it again when it is back", path=opened.path
            )
            self._progress.fail(opened.path, error, seconds_kept=opened.until_seconds)
        elif isinstance(error, DamagedVideo) and opened.num_frames:
            # What decodes is a video, if a shorter one than it says.
            self._show(opened, job, duration_seconds=opened.until_seconds)
            self._library.record_failure(opened.path, error)
            self._progress.fail(opened.path, error, seconds_kept=opened.until_seconds, was_indexed=True)
            self._count_finished(opened, job)
            return
        else:
            self._library.remove_if_empty(opened.video.id, lease=opened.lease)
            self._fail(opened.path, error, seconds_kept=opened.until_seconds)
        self._let_go(job)

    def _count_finished(self, opened: OpenVideo, job: VideoJob) -> None:
        covered = opened.until_seconds - max(job.resume_from_seconds, job.plan.start_seconds)
        self._progress.finish(
            job,
            seconds=max(0.0, covered) if opened.seconds is None else opened.seconds,
            was_begun_before=job.num_frames_before > 0,
        )
        del self._open_videos[job.key]  # its lease went as it was finished

    def _fail(self, path: Path, error: VidsearchError, *, seconds_kept: float = 0.0) -> None:
        # A model's trouble is not the file's: only what will happen again is remembered.
        if isinstance(error, (MediaError, ModelOutOfMemory)) and stat_in_time(path) is not None:
            self._library.record_failure(path, error)
        self._progress.fail(path, error, seconds_kept=seconds_kept)

    def _check_unchanged(self, opened: OpenVideo) -> None:
        """Raise MediaError where a file is not any more what its frames are kept under."""
        now = stat_in_time(opened.path)
        if now is None:
            return  # gone, but what was open is still the same
        known = opened.fingerprint
        if (now.st_size, now.st_mtime_ns) == (known.size_bytes, known.mtime_ns):
            return
        current = fingerprint(opened.path)
        if current.content_hash != known.content_hash:
            raise MediaError(
                "changed while it was being read. Index it again when it has stopped changing",
                path=opened.path,
            )
        opened.fingerprint = current

    def _let_go(self, job: VideoJob) -> None:
        self._library.give_back(self._open_videos.pop(job.key).lease)


def _measured_seconds(path: Path) -> float | None:
    try:
        return measured_duration(path)
    except MediaError:
        return None


def _probed(path: Path) -> list[VideoInfo]:
    return [probe(path)]


def _seconds_to_come(job: VideoJob, duration_seconds: float | None) -> float | None:
    ends = [end for end in (duration_seconds, job.plan.end_seconds) if end is not None]
    if not ends:
        return None
    return max(0.0, min(ends) - max(job.plan.start_seconds, job.resume_from_seconds))
