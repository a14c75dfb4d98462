"""The part of `Library` that changes what videos say in words: by people, by models, by files."""

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
        """Put a caption right. Search finds the new words at once, and no model overwrites them.

        Args:
            moment: A video and a time, as in "holiday.mp4@12.5".
            text: What is to be seen, in your words.
            only_here: Correct this one frame; otherwise the run of look-alike frames that it stands in.

        Returns:
            The span that now has these words.

        Raises:
            QueryError: No words, or a time at which there is no frame.
            VideoNotFound: The moment names no video, or several.
        """
        from vidsearch.captions.rewrite import correct
        from vidsearch.search.query import FrameReference

        reference = FrameReference.of(moment)
        video = self.video(reference.video)
        return correct(self.store, video, reference.time_seconds, text, only_here=only_here)

    def correct_speech(self, moment: str | FrameReference, text: str) -> SpokenLine:
        """Put right what is said. Search finds the new words at once, and no model overwrites them.

        Args:
            moment: A video and a time at which the line is said, as in "talk.mp4@12.5".
            text: What is said, in place of the whole line.

        Returns:
            The line as it is now.

        Raises:
            QueryError: No words, or a time before anything is said.
            VideoNotFound: The moment names no video, or several.
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
        """Write new captions for videos. Old captions are kept as versions, and corrections stay.

        Args:
            videos: Names one video or more, or "all"; or the videos themselves.
            models: The captioner; None for the library's own.
            num_beams: Beams; 1 is greedy, None the model's own number.
            prompt: Words that every caption starts with.
            device: "auto", "cpu", "cuda" or "mps".
            precision: "auto", "fp32", "bf16" or "fp16".
            batch_size: Images per model call; None fits it to the device.
            on_progress: Called in this thread with each new state.
            stop: Ends the run after the commit in hand, once it is set.

        Returns:
            What became of each video. One whose file is gone, or holds something else now, is in `failures`.

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
        """Have a model that reads several frames at once describe chapters, or whole videos.

        Args:
            videos: Names one video or more, or "all"; or the videos themselves.
            on_progress: Called in this thread after each part.
            stop: Ends the run at the next part, once it is set.
            **settings: `level="video"`, `language="German"` and so on; see `DescribeSettings`.

        Raises:
            ModelUnavailable: The model cannot be loaded.
            QueryError: A setting that means nothing.
        """
        from vidsearch.service.describing import describe

        return describe(self.store, self.select(videos), settings, on_progress=on_progress, stop=stop)

    def import_subtitles(
        self, file: StrPath | bytes, video: VideoName, *, name: str | None = None, encoding: str | None = None
    ) -> SubtitleFile:
        """Add a subtitle file to a video, as a track of its own that search finds.

        Args:
            file: A subtitle file: srt, vtt, sbv, ssa, ass or ttml; or its content.
            video: Names one video.
            name: The track's name; one of the same name is replaced. None for the file's, or "subtitles".
            encoding: Python's name of the file's text encoding; None to detect it.

        Returns:
            What was read: the cues, and how many were mended or left out, and why.

        Raises:
            SubtitleError: The file cannot be read.
            VideoNotFound: The name fits no video, or several.
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
