"""The part of `Library` that changes captions, transcripts and subtitles."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from vidsearch.service.reading import ALL, StrPath, VideoName
from vidsearch.service.searching import LibrarySearcher
from vidsearch.text import one_line
from vidsearch.tracks import FILE, SegmentRecord, TrackSpec

if TYPE_CHECKING:
    from vidsearch.captions.parts import PartsReport
    from vidsearch.captions.rewrite import Correction
    from vidsearch.captions.transcript import SpokenLine
    from vidsearch.ingest import IngestReport, ProgressState
    from vidsearch.media.subtitle_files import SubtitleFile
    from vidsearch.search.query import FrameReference
    from vidsearch.service.describing import DescribeSettings
    from vidsearch.types import Video


class LibraryEditor(LibrarySearcher):
    """A library whose captions, transcripts and subtitles can be changed."""

    def correct(self, moment: str | FrameReference, text: str, *, only_here: bool = False) -> Correction:
        """Correct a caption. Searches find the new words at once, and no model overwrites them.

        Args:
            moment: A video and a time: "holiday.mp4@12.5".
            text: The new caption.
            only_here: Whether to correct only this frame, instead of all consecutive frames that look alike.

        Returns:
            The span that now has this caption.

        Raises:
            QueryError: The text is empty, or there is no frame at this time.
            VideoNotFound: No video, or more than one, has this name.
        """
        from vidsearch.captions.rewrite import correct
        from vidsearch.search.query import FrameReference

        reference = FrameReference.of(moment)
        video = self.video(reference.video)
        return correct(self.store, video, reference.time_seconds, text, only_here=only_here)

    def correct_speech(self, moment: str | FrameReference, text: str) -> SpokenLine:
        """Correct a line of the transcript. Searches find the new words at once, and no model overwrites
        them.

        Args:
            moment: A video and a time at which the line is spoken: "talk.mp4@12.5". In a short pause, the
                nearest line is corrected.
            text: The new text of the whole line.

        Returns:
            The corrected line.

        Raises:
            QueryError: The text is empty, or nothing is said within two seconds of this time.
            VideoNotFound: No video, or more than one, has this name.
        """
        from vidsearch.captions.transcript import correct_line
        from vidsearch.search.query import FrameReference

        reference = FrameReference.of(moment)
        return correct_line(self.store, self.video(reference.video), reference.time_seconds, text)

    def recaption(
        self,
        videos: VideoName | Iterable[Video] = ALL,
        *,
        models: str | None = None,
        num_beams: int | None = None,
        prompt: str | None = None,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        on_progress: Callable[[ProgressState], None] | None = None,
        stop: threading.Event | None = None,
    ) -> IngestReport:
        """Write new captions for videos. Old captions are kept as versions, and corrections stay in effect.

        Args:
            videos: A name of one or more videos, "all", or the videos themselves.
            models: The captioner; None for the library's own.
            num_beams: Beams of the beam search; 1 is greedy, None the model's default.
            prompt: Words that every caption starts with.
            device: "auto", "cpu", "cuda" or "mps".
            precision: "auto", "fp32", "bf16" or "fp16".
            batch_size: Images per model call; None chooses it for the device.
            on_progress: Called in this thread whenever the progress changes.
            stop: Set it to end the run after the current commit.

        Returns:
            The numbers of videos and captions. Videos whose file is missing or was replaced are in
            `failures`.

        Raises:
            ModelUnavailable: The captioner cannot be loaded.
        """
        from vidsearch.captions.rewrite import recaption
        from vidsearch.service.models import ModelOptions, load_library_captioner

        chosen = self.select(videos)
        options = ModelOptions(
            models=models,
            device=device,
            precision=precision,
            batch_size=batch_size,
            num_beams=num_beams,
            prompt=prompt,
        )
        captioner, _ = load_library_captioner(self.store, options)
        return recaption(self.store, chosen, captioner, on_progress=on_progress, stop=stop)

    def describe(
        self,
        videos: VideoName | Iterable[Video] = ALL,
        *,
        on_progress: Callable[[ProgressState], None] | None = None,
        stop: threading.Event | None = None,
        **settings: Unpack[DescribeSettings],
    ) -> PartsReport:
        """Caption chapters or whole videos with a model that reads several frames at once.

        Args:
            videos: A name of one or more videos, "all", or the videos themselves.
            on_progress: Called in this thread after each part.
            stop: Set it to end the run after the current part.
            **settings: `level="video"`, `language="German"` and so on; see `DescribeSettings`.

        Returns:
            The numbers of videos and parts described, and the failures.

        Raises:
            ModelUnavailable: The model cannot be loaded.
            QueryError: A setting is invalid.
        """
        from vidsearch.service.describing import describe

        return describe(self.store, self.select(videos), settings, on_progress=on_progress, stop=stop)

    def import_subtitles(
        self, file: StrPath | bytes, video: VideoName, *, name: str | None = None, encoding: str | None = None
    ) -> SubtitleFile:
        """Add a subtitle file to a video, as a searchable track.

        Args:
            file: The path of a subtitle file (srt, vtt, sbv, ssa, ass or ttml), or its content.
            video: The video, or its name.
            name: The track's name; a track of the same name is replaced. None for the file's name.
            encoding: Python's name of the file's text encoding; None to detect it.

        Returns:
            The cues read, and how many were repaired or left out, with the reasons.

        Raises:
            SubtitleError: The file cannot be read.
            VideoNotFound: No video, or more than one, has this name.
        """
        from vidsearch.ingest.lines import read_lines
        from vidsearch.media.subtitle_files import parse_subtitles, read_subtitles

        found = self.video(video)
        if isinstance(file, bytes):
            read = parse_subtitles(file, name=name or "The file", encoding=encoding)
        else:
            read = read_subtitles(Path(file), encoding=encoding)
            name = name or Path(file).stem
        self.store.put_track(
            found.id,
            TrackSpec("subtitle", FILE, {"name": one_line(name or "") or "subtitles"}),
            [SegmentRecord(cue.start_seconds, cue.end_seconds, cue.text) for cue in read.cues],
        )
        read_lines(self.store)
        return read
