"""The videos that a run works on: what is still to be made of each, and what becomes of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.errors import (
    DamagedVideo,
    LeaseLost,
    LibraryError,
    MediaError,
    ModelOutOfMemory,
    NoSound,
    SourceUnavailable,
    TrackNotFound,
    VideoNotFound,
    VideoReplaced,
    VidsearchError,
)
from vidsearch.ingest.report import Counts
from vidsearch.ingest.work import ChunkDone, SoundDone, SoundHeard, VideoDone
from vidsearch.media.decode import measured_duration
from vidsearch.media.source import state_in_time
from vidsearch.paths import is_elsewhere
from vidsearch.store.fingerprint import identify
from vidsearch.tracks import Chunk

if TYPE_CHECKING:
    from vidsearch.ingest.progress import Progress
    from vidsearch.ingest.work import Hearing, VideoJob
    from vidsearch.store.records import Lease
    from vidsearch.store.store import Store
    from vidsearch.types import Fingerprint, Video


@dataclass(slots=True)
class OpenVideo:
    """A video that this run works on, and holds the lease of."""

    path: Path
    video: Video
    fingerprint: Fingerprint
    lease: Lease
    track_ids: tuple[int, ...]
    """The tracks that this run makes of its pictures, or continues; empty once that is done."""
    hearings: dict[int, Hearing]
    """What is still to be heard of it, by the id of the track."""
    seconds: float | None
    """How much of it is still to come, where its length is known."""
    until_seconds: float = 0.0
    """How far its pictures, or where only sound is made, its sound, are in the library."""
    num_frames: int = 0
    has_pictures_left: bool = True
    damage: DamagedVideo | None = None
    """Why its pictures break off, though what decodes of them is kept."""
    sound_error: VidsearchError | None = None
    """Why something is not to be heard in this run."""
    content_hash: str | None = None
    """Of a file elsewhere that was read whole for its pictures."""


class VideosInWork:
    """The videos that a run works on. Puts what is made of them into the library, in the one thread that
    writes."""

    def __init__(self, library: Store, progress: Progress, *, shows: bool) -> None:
        """`shows` says whether what was built beside other tracks takes their place at once."""
        self._library = library
        self._progress = progress
        self._shows = shows
        self._open_videos: dict[int, OpenVideo] = {}

    def add(self, job: VideoJob, opened: OpenVideo) -> None:
        """Take a video whose job was made, and hold its lease from now on."""
        self._open_videos[job.key] = opened

    def is_open(self, job: VideoJob) -> bool:
        """Whether results of a job would still be kept."""
        return job.key in self._open_videos

    def quick_key_of(self, job: VideoJob) -> str:
        """What a job's file looks like, for those who read it elsewhere."""
        return self._open_videos[job.key].fingerprint.quick_key

    def take_out(self, job: VideoJob) -> OpenVideo | None:
        """Take out a video that nobody works on any more, with its lease; None where it was given up."""
        return self._open_videos.pop(job.key, None)

    def seconds_of(self, job: VideoJob) -> float | None:
        """How much of a job's video this run has to cover, where that is known."""
        opened = self._open_videos.get(job.key)
        return None if opened is None else opened.seconds

    def keep(self, result: ChunkDone | VideoDone | SoundHeard | SoundDone) -> None:
        """Put a result into the library. Raises LibraryError."""
        if isinstance(result, VideoDone) and result.job is None:
            # Its disk did not answer, which is not the file's fault; touching it again would hang here.
            self._progress.fail(
                result.path, result.error or MediaError("could not be opened", path=result.path)
            )
            return
        assert result.job is not None
        opened = self._open_videos.get(result.job.key)
        if opened is None:
            return  # it was given up; what was under way for it comes too late
        try:
            self._keep(opened, result.job, result)
        except LeaseLost:
            self._progress.leave_to_others(opened.path)
            self._open_videos.pop(result.job.key, None)

    def _keep(
        self, opened: OpenVideo, job: VideoJob, result: ChunkDone | VideoDone | SoundHeard | SoundDone
    ) -> None:
        try:
            # To ask a server before each chunk would have all videos wait: it is asked once, at the end.
            if isinstance(result, VideoDone) or not is_elsewhere(opened.path):
                self._check_unchanged(opened)
            match result:
                case ChunkDone():
                    self._keep_chunk(opened, result)
                case SoundHeard():
                    self._keep_heard(opened, result)
                case SoundDone():
                    self._end_sound(opened, result)
                case VideoDone(error=None, report=report):
                    opened.content_hash = None if report is None else report.content_hash
                    self._finish(opened, job)
                case VideoDone(error=VideoReplaced() as error):  # so says a worker that read it elsewhere
                    raise error
                case VideoDone(error=error):
                    self._end_early(opened, job, error)
        except MediaError as error:
            # What this run made may be of either content, the one before or the one after.
            self._take_back(opened, job)
            self._progress.fail(opened.path, error)
            self._let_go(job)
        except (VideoNotFound, TrackNotFound):
            removed = MediaError("was removed from the library while it was being indexed", path=opened.path)
            self._progress.fail(opened.path, removed)
            self._let_go(job)

    def close(self) -> None:
        """Give back all leases; what is not finished is for the next run. Of what was not even begun, nothing
        stays."""
        for opened in self._open_videos.values():
            with suppress(LibraryError):
                self._library.remove_if_empty(opened.video.id, lease=opened.lease)
            with suppress(LibraryError):  # where nothing can be written any more, they expire
                self._library.give_back(opened.lease)
        self._open_videos.clear()

    def renew_leases(self) -> None:
        """Say that the videos in work are still worked on. Raises LibraryError."""
        if held := [opened.lease for opened in list(self._open_videos.values())]:
            self._library.renew_leases(held)

    def fail(self, path: Path, error: VidsearchError, *, seconds_kept: float = 0.0) -> None:
        """Count a file that failed, and remember it where it will fail again."""
        # A model's trouble is not the file's: only what will happen again is remembered.
        is_of_file = isinstance(error, (MediaError, ModelOutOfMemory))
        if is_of_file and not isinstance(error, SourceUnavailable) and state_in_time(path) is not None:
            self._library.record_failure(path, error)
        self._progress.fail(path, error, seconds_kept=seconds_kept)

    def _keep_chunk(self, opened: OpenVideo, done: ChunkDone) -> None:
        self._library.append(opened.video.id, done.chunk, lease=opened.lease)
        opened.until_seconds = done.chunk.until_seconds
        opened.num_frames += done.counts.num_frames
        self._progress.commit(done.counts)

    def _keep_heard(self, opened: OpenVideo, heard: SoundHeard) -> None:
        findings = heard.findings
        chunk = Chunk(findings.until_seconds, {heard.hearing.track_id: findings.segments})
        self._library.append(opened.video.id, chunk, lease=opened.lease)
        if not heard.job.has_pictures:
            opened.until_seconds = findings.until_seconds
        sentences = [segment for segment in findings.segments if segment.text]
        self._progress.commit(Counts(num_sentences_heard=len(sentences)))
        for note in findings.notes:
            self._progress.warn(f"{opened.path}: {note}")

    def _end_sound(self, opened: OpenVideo, done: SoundDone) -> None:
        del opened.hearings[done.hearing.track_id]
        if isinstance(done.error, NoSound):
            self._progress.pass_over_sound(opened.path, done.error)
        if done.error is None or isinstance(done.error, NoSound):
            self._library.finish_video(
                opened.video.id,
                [done.hearing.track_id],
                shows=self._shows,
                lease=opened.lease,
                gives_back=not (opened.hearings or opened.has_pictures_left),
            )
        else:
            opened.sound_error = done.error
        self._close_if_done(opened, done.job)

    def _finish(self, opened: OpenVideo, job: VideoJob) -> None:
        if job.has_pictures:
            length = opened.video.info.duration_seconds
            if length is None:
                length = measured_seconds(opened.path)
            self._show(opened, job, duration_seconds=opened.until_seconds if length is None else length)
        self._end_pictures(opened, job)

    def _end_pictures(self, opened: OpenVideo, job: VideoJob) -> None:
        opened.has_pictures_left = False
        opened.track_ids = ()
        self._close_if_done(opened, job)

    def _show(self, opened: OpenVideo, job: VideoJob, *, duration_seconds: float) -> None:
        self._library.finish_video(
            opened.video.id,
            opened.track_ids,
            frames_track_id=job.frames_track_id,
            spaces=job.spaces,
            duration_seconds=duration_seconds,
            shows=self._shows,
            lease=opened.lease,
            gives_back=not opened.hearings,
        )

    def _end_early(self, opened: OpenVideo, job: VideoJob, error: VidsearchError | None) -> None:
        assert error is not None
        if _is_away(opened.path):
            self._progress.fail(opened.path, went_away(opened.path), seconds_kept=opened.until_seconds)
        elif isinstance(error, DamagedVideo) and opened.num_frames:
            # What decodes is a video, if a shorter one than it says.
            self._show(opened, job, duration_seconds=opened.until_seconds)
            opened.damage = error
            self._end_pictures(opened, job)
            return
        else:
            if not opened.num_frames:  # sound alone makes no video
                self._take_back_sound(opened, job)
            self._library.remove_if_empty(opened.video.id, lease=opened.lease)
            self.fail(opened.path, error, seconds_kept=opened.until_seconds)
        self._let_go(job)

    def _take_back(self, opened: OpenVideo, job: VideoJob) -> None:
        """Remove what this run made of a video, but for what was whole before."""
        self._take_back_sound(opened, job)
        if opened.has_pictures_left and job.has_pictures:
            self._library.take_back(
                opened.video.id,
                opened.track_ids,
                frames_track_id=job.frames_track_id,
                spaces=job.spaces,
                from_seconds=job.resume_from_seconds,
                lease=opened.lease,
            )

    def _take_back_sound(self, opened: OpenVideo, job: VideoJob) -> None:
        for hearing in job.hearings:
            if hearing.track_id in opened.hearings or opened.has_pictures_left:
                self._library.take_back(
                    opened.video.id,
                    [hearing.track_id],
                    frames_track_id=job.frames_track_id,
                    from_seconds=hearing.from_seconds,
                    lease=opened.lease,
                )

    def _close_if_done(self, opened: OpenVideo, job: VideoJob) -> None:
        """Count a video, and give back its lease, once both its pictures and its sound are through."""
        if opened.has_pictures_left or opened.hearings:
            return
        if opened.damage is not None:
            self._library.record_failure(opened.path, opened.damage)
            self._progress.fail(
                opened.path, opened.damage, seconds_kept=opened.until_seconds, was_indexed=True
            )
        if opened.sound_error is not None:
            error = opened.sound_error
            if _is_away(opened.path):
                error = went_away(opened.path)
            self.fail(opened.path, error, seconds_kept=opened.until_seconds)
        else:
            if opened.content_hash is not None:
                self._library.learn_content(opened.video.id, opened.content_hash)
            covered = opened.until_seconds - max(job.from_seconds, job.plan.start_seconds)
            self._progress.finish(
                job,
                seconds=max(0.0, covered) if opened.seconds is None else opened.seconds,
                was_begun_before=was_begun_before(job),
            )
        self._let_go(job)

    def _check_unchanged(self, opened: OpenVideo) -> None:
        """Raise MediaError where a file is not any more what its frames are kept under."""
        now = state_in_time(opened.path)
        if now is None:
            return  # gone, but what was open is still the same
        known = opened.fingerprint
        is_same_version = known.version is None or now.version == known.version
        if (now.size_bytes, now.mtime_ns) == (known.size_bytes, known.mtime_ns) and is_same_version:
            return
        current = identify(opened.path)
        if current.content_hash != known.content_hash:
            raise MediaError(
                "changed while it was being read. Index it again when it has stopped changing",
                path=opened.path,
            )
        opened.fingerprint = current

    def _let_go(self, job: VideoJob) -> None:
        self._library.give_back(self._open_videos.pop(job.key).lease)


def went_away(path: Path) -> MediaError:
    """The error of a file that is not there any more."""
    return MediaError("went away while it was being read. Index it again when it is back", path=path)


def _is_away(path: Path) -> bool:
    """Whether a file of this machine is gone, or its disk. A server that is gone says so by itself."""
    return not is_elsewhere(path) and state_in_time(path) is None


def was_begun_before(job: VideoJob) -> bool:
    """Whether an earlier run had made a part of what a job makes."""
    if job.has_pictures:
        return job.num_frames_before > 0
    return any(hearing.from_seconds > job.plan.start_seconds for hearing in job.hearings)


def measured_seconds(path: Path) -> float | None:
    """How long a video is, by its packets; None where they cannot be read."""
    try:
        return measured_duration(path)
    except MediaError:
        return None


def seconds_to_come(job: VideoJob, duration_seconds: float | None) -> float | None:
    """How much of a video a job has to cover; None where that is not known."""
    ends = [end for end in (duration_seconds, job.plan.end_seconds) if end is not None]
    if not ends:
        return None
    return max(0.0, min(ends) - max(job.plan.start_seconds, job.from_seconds))
