"""Tracks the videos a run is working on: what remains to be made of each, and its outcome."""

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
    """A video in work, whose lease this run holds."""

    path: Path
    video: Video
    fingerprint: Fingerprint
    lease: Lease
    track_ids: tuple[int, ...]
    """Tracks still to be made or continued from its pictures."""
    hearings: dict[int, Hearing]
    """Audio analyses still to be done, by track id."""
    seconds: float | None
    """Seconds still to do, if its length is known."""
    until_seconds: float = 0.0
    """How far its pictures are stored, or its sound if only sound is made."""
    num_frames: int = 0
    has_pictures_left: bool = True
    damage: DamagedVideo | None = None
    """Why its pictures end early; what decodes is kept."""
    sound_error: VidsearchError | None = None
    """Why some sound cannot be analyzed in this run."""
    content_hash: str | None = None
    """Of a remote file that was read whole for its pictures."""


class VideosInWork:
    """The videos a run is working on. Writes their results into the library, in the one writing thread."""

    def __init__(self, library: Store, progress: Progress, *, shows: bool) -> None:
        """`shows`: whether finished tracks replace the others at once."""
        self._library = library
        self._progress = progress
        self._shows = shows
        self._open_videos: dict[int, OpenVideo] = {}

    def add(self, job: VideoJob, opened: OpenVideo) -> None:
        """Add a video with a new job, and hold its lease."""
        self._open_videos[job.key] = opened

    def is_open(self, job: VideoJob) -> bool:
        """Whether results of a job are still wanted."""
        return job.key in self._open_videos

    def quick_key_of(self, job: VideoJob) -> str:
        """A job's file state, for workers that read it elsewhere."""
        return self._open_videos[job.key].fingerprint.quick_key

    def take_out(self, job: VideoJob) -> OpenVideo | None:
        """Remove a video that lost its worker, and return it with its lease; None if it was given up."""
        return self._open_videos.pop(job.key, None)

    def seconds_of(self, job: VideoJob) -> float | None:
        """Seconds of a job's video to cover, if known."""
        opened = self._open_videos.get(job.key)
        return None if opened is None else opened.seconds

    def keep(self, result: ChunkDone | VideoDone | SoundHeard | SoundDone) -> None:
        """Store a result. Raises LibraryError."""
        if isinstance(result, VideoDone) and result.job is None:
            # Its disk did not answer, which is not the file's fault; touching the file again would hang.
            self._progress.fail(
                result.path, result.error or MediaError("could not be opened", path=result.path)
            )
            return
        assert result.job is not None
        opened = self._open_videos.get(result.job.key)
        if opened is None:
            return  # it was given up; its last results come too late
        try:
            self._keep(opened, result.job, result)
        except LeaseLost:
            self._progress.leave_to_others(opened.path)
            self._open_videos.pop(result.job.key, None)

    def _keep(
        self, opened: OpenVideo, job: VideoJob, result: ChunkDone | VideoDone | SoundHeard | SoundDone
    ) -> None:
        try:
            # Asking a server before each chunk would delay all videos: it is asked once, at the end.
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
                case VideoDone(error=VideoReplaced() as error):  # reported by a worker that read it elsewhere
                    raise error
                case VideoDone(error=error):
                    self._end_early(opened, job, error)
        except MediaError as error:
            # This run's results may be of the old content or the new.
            self._take_back(opened, job)
            self._progress.fail(opened.path, error)
            self._let_go(job)
        except (VideoNotFound, TrackNotFound):
            removed = MediaError("was removed from the library while it was being indexed", path=opened.path)
            self._progress.fail(opened.path, removed)
            self._let_go(job)

    def close(self) -> None:
        """Release all leases; the next run continues unfinished videos. Videos not begun are removed."""
        for opened in self._open_videos.values():
            with suppress(LibraryError):
                self._library.remove_if_empty(opened.video.id, lease=opened.lease)
            with suppress(LibraryError):  # they expire if nothing can be written any more
                self._library.give_back(opened.lease)
        self._open_videos.clear()

    def renew_leases(self) -> None:
        """Renew the leases. Raises LibraryError."""
        if held := [opened.lease for opened in list(self._open_videos.values())]:
            self._library.renew_leases(held)

    def fail(self, path: Path, error: VidsearchError, *, seconds_kept: float = 0.0) -> None:
        """Count a failed file, and record it if it will fail again."""
        # A model's error is not the file's: record only failures that will recur.
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
        track_id = done.hearing.track_id
        del opened.hearings[track_id]
        if isinstance(done.error, NoSound):
            self._progress.pass_over_sound(opened.path, done.error)
        if isinstance(done.error, NoSound) and self._would_hide_words(opened, track_id):
            self._library.remove_track(track_id)
        elif done.error is None or isinstance(done.error, NoSound):
            self._library.finish_video(
                opened.video.id,
                [track_id],
                shows=self._shows,
                lease=opened.lease,
                gives_back=not (opened.hearings or opened.has_pictures_left),
            )
        else:
            opened.sound_error = done.error
        self._close_if_done(opened, done.job)

    def _would_hide_words(self, opened: OpenVideo, track_id: int) -> bool:
        """Whether an empty track would take the place of one that is not: that of another sound track."""
        tracks = self._library.tracks(opened.video.id)
        (empty,) = (track for track in tracks if track.id == track_id)
        return any(
            track.state == "active" and track.num_segments and empty.spec.replaces(track.spec)
            for track in tracks
        )

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
            # What decodes is a video, though shorter than its header says.
            self._show(opened, job, duration_seconds=opened.until_seconds)
            opened.damage = error
            self._end_pictures(opened, job)
            return
        else:
            if not opened.num_frames:  # sound alone is not a video
                self._take_back_sound(opened, job)
            self._library.remove_if_empty(opened.video.id, lease=opened.lease)
            self.fail(opened.path, error, seconds_kept=opened.until_seconds)
        self._let_go(job)

    def _take_back(self, opened: OpenVideo, job: VideoJob) -> None:
        """Remove this run's tracks of a video; keep those that were complete before."""
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
        """Count a video and release its lease once its pictures and sound are done."""
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
        """Raise MediaError if a file's content has changed since it was opened."""
        now = state_in_time(opened.path)
        if now is None:
            return  # deleted, but the open file was unchanged
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
    """The error for a file that no longer exists."""
    return MediaError("went away while it was being read. Index it again when it is back", path=path)


def _is_away(path: Path) -> bool:
    """Whether a local file or its disk is gone. A missing server is reported as such anyway."""
    return not is_elsewhere(path) and state_in_time(path) is None


def was_begun_before(job: VideoJob) -> bool:
    """Whether an earlier run made a part of a job's tracks."""
    if job.has_pictures:
        return job.num_frames_before > 0
    return any(hearing.from_seconds > job.plan.start_seconds for hearing in job.hearings)


def measured_seconds(path: Path) -> float | None:
    """A video's length by its packets; None if they cannot be read."""
    try:
        return measured_duration(path)
    except MediaError:
        return None


def seconds_to_come(job: VideoJob, duration_seconds: float | None) -> float | None:
    """Seconds of a video that a job covers; None if unknown."""
    ends = [end for end in (duration_seconds, job.plan.end_seconds) if end is not None]
    if not ends:
        return None
    return max(0.0, min(ends) - max(job.plan.start_seconds, job.from_seconds))
