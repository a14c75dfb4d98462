"""The library's side of an ingest: decides which files need work.

`open` turns files into jobs for the pipeline, in several threads; `VideosInWork.keep` writes results into the
library, in the one writing thread.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.errors import LeaseLost, MediaError, VideoReplaced
from vidsearch.ingest.files_apart import analyze_apart
from vidsearch.ingest.in_work import (
    OpenVideo,
    VideosInWork,
    seconds_to_come,
)
from vidsearch.ingest.isolation import isolated
from vidsearch.ingest.jobs import Wanted, Work, make_job, work_on
from vidsearch.ingest.report import FileFailure
from vidsearch.ingest.work import VideoJob, WorkerLost
from vidsearch.media.probe import probe
from vidsearch.store.fingerprint import identify

if TYPE_CHECKING:
    from vidsearch.ingest.analyzers import FrameAnalyzer, FrameReader
    from vidsearch.ingest.progress import Progress
    from vidsearch.ingest.windows import StreamAnalyzer
    from vidsearch.store.records import Lease, OpenedVideo
    from vidsearch.store.store import Store
    from vidsearch.tracks import Track
    from vidsearch.types import Fingerprint, Video, VideoInfo


_DEATHS_UNTIL_APART = 2
"""After this many deaths, a file is decoded in a separate process."""
_DEATHS_ALLOWED = 2
"""After this many, the decoder is not the only cause, and the file is no longer tried."""


class IngestSession:
    """Opens files for the pipeline, in one library."""

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
        is_read_here: bool = True,
        timeout_seconds: float | None = None,
    ) -> None:
        self._library = library
        self._progress = progress
        self._wanted = wanted
        self._retry_failed = retry_failed
        self._reindex = reindex
        self._adds_videos = adds_videos
        self._isolate = isolate
        self._is_read_here = is_read_here
        self._timeout_seconds = timeout_seconds
        self._keys = itertools.count()
        self.in_work = VideosInWork(library, progress, shows=wanted.shows)
        self._put_off: list[Path] = []
        self._is_last_turn = False
        self._suspects: list[Path] = []
        self._takes_suspects = not is_read_here

    @property
    def analyzers(self) -> tuple[FrameAnalyzer, ...]:
        return self._wanted.analyzers

    @property
    def stream_analyzers(self) -> tuple[StreamAnalyzer, ...]:
        return self._wanted.stream_analyzers

    @property
    def reader(self) -> FrameReader | None:
        return self._wanted.reader

    def take_put_off(self) -> tuple[Path, ...]:
        """Take the files that were deferred because another process was indexing them. They are not deferred
        again."""
        put_off, self._put_off = tuple(self._put_off), []
        self._is_last_turn = True
        return put_off

    def take_suspects(self) -> tuple[Path, ...]:
        """Take the files at which a process died, to be processed one at a time: another death must not
        affect or incriminate other files. They are not deferred again."""
        suspects, self._suspects = tuple(self._suspects), []
        self._takes_suspects = True
        return suspects

    def open(self, path: Path) -> VideoJob | None:
        """Turn a file into a job, or None if there is nothing to do. Raises LibraryError."""
        try:
            return self._open(path)
        except MediaError as error:
            self.in_work.fail(path, error)
            return None

    def go_on(self, lost: WorkerLost) -> None:
        """Make a job of the rest of one whose worker was lost. In the writing thread.

        That worker's late results are refused: its job is closed, and the lease has a new epoch.
        """
        opened = self.in_work.take_out(lost.job)
        job = None
        if opened is not None:
            lease = opened.lease
            try:
                if lost.has_begun:
                    lease = self._library.note_death(lease)
                job = self._open_leased(opened.path, opened.fingerprint, lease)
            except MediaError as error:
                self.in_work.fail(opened.path, error)
            except LeaseLost:
                self._progress.leave_to_others(opened.path)
            finally:
                if job is None:
                    self._library.give_back(lease)
        lost.go_on(job)

    def forget_replaced(self) -> None:
        """Remove videos whose files have changed, once all files have been looked at for their content."""
        self._progress.replace(len(self._library.prune()))

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
            self._read_file(path, state.video, state.tracks, is_isolated=self._isolate)
            is_as_asked = state.video.plan == self._wanted.plan or not self._adds_videos
            self._progress.skip(path, is_as_asked=is_as_asked)
            return None
        assert work is not None
        print_of_file = state.fingerprint or identify(path)
        lease = self._library.take_lease(print_of_file.content_hash)
        if lease is None:
            self._wait_for_turn(path)
            return None
        job = None
        try:
            if lease.deaths and not self._takes_suspects:
                self._suspects.append(path)
            else:
                job = self._open_leased(path, print_of_file, lease)
        finally:
            if job is None:
                self._library.give_back(lease)
        return job

    def _open_leased(self, path: Path, print_of_file: Fingerprint, lease: Lease) -> VideoJob | None:
        # Another process may have finished it since the lookup.
        now = self._library.lookup_content(print_of_file)
        work = work_on(self._wanted, now, reindex=self._reindex)
        if work is None:
            self._progress.skip(path)
            return None
        if lease.deaths > _DEATHS_ALLOWED and not self._retry_failed:
            if now.video is not None:
                self._library.remove_if_empty(now.video.id, lease=lease)
            raise MediaError(
                f"{lease.deaths} runs or workers died while they worked on it, though its decoder had a "
                "process of its own at last. Try it again with --retry-failed",
                path=path,
            )
        is_isolated = self._isolate or lease.deaths >= _DEATHS_UNTIL_APART
        info = self._probe(path, is_isolated=is_isolated)
        opened = self._library.begin_video(
            path, print_of_file, info, work.specs, work.spaces, again=self._wanted.redo == "all"
        )
        self._read_file(path, opened.video, now.tracks, is_isolated=is_isolated)
        if not self._is_read_here:
            self._library.hand_over(lease)
        return self._job(path, opened, work, print_of_file, lease, is_isolated=is_isolated)

    def _probe(self, path: Path, *, is_isolated: bool) -> VideoInfo:
        if not is_isolated:
            return probe(path)
        (info,) = isolated(partial(_probed, path), name=path, timeout_seconds=self._timeout_seconds)
        return info

    def _read_file(self, path: Path, video: Video, tracks: Sequence[Track], *, is_isolated: bool) -> None:
        """Store the tracks that file analyzers find and the video lacks."""
        for analyzer in self._wanted.file_analyzers:
            if not analyzer.lacks(path, tracks):
                continue
            try:
                if is_isolated:
                    findings = analyze_apart(analyzer, path, timeout_seconds=self._timeout_seconds)
                else:
                    findings = analyzer.analyze(path)
            except MediaError as error:  # its pictures may still be intact
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
            is_suspect=lease.deaths > 0,
        )
        made = {job.frames_track_id, job.shots_track_id, *(analysis.track_id for analysis in job.analyses)}
        if job.reading is not None:
            made.add(job.reading.track_id)
        unfinished = tuple(track.id for track in opened.tracks if track.id in made and not track.is_complete)
        until_seconds = job.resume_from_seconds if job.has_pictures else job.from_seconds
        found = OpenVideo(
            path=path,
            video=opened.video,
            fingerprint=print_of_file,
            lease=lease,
            track_ids=unfinished,
            hearings={hearing.track_id: hearing for hearing in job.hearings},
            seconds=seconds_to_come(job, opened.video.info.duration_seconds),
            until_seconds=until_seconds,
            num_frames=job.num_frames_before,
        )
        self.in_work.add(job, found)
        self._progress.open(path, seconds=found.seconds)
        return job

    def _wait_for_turn(self, path: Path) -> None:
        if self._is_last_turn:
            self._progress.leave_to_others(path)
        else:
            self._put_off.append(path)


def _probed(path: Path) -> list[VideoInfo]:
    return [probe(path)]
