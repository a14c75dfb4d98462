"""Describes videos by their captions: one caption for a video, for each shot or chapter, and for a
library."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from vidsearch.captions.aggregate import DEFAULT_METHOD, AggregatedCaption, Method, aggregate
from vidsearch.captions.export import CaptionedVideo, CaptionSpan
from vidsearch.captions.parts import written_parts
from vidsearch.captions.sections import CHAPTER_PENALTY, SHOT_PENALTY, split
from vidsearch.captions.transcript import transcript
from vidsearch.errors import ModelError
from vidsearch.types import Caption

if TYPE_CHECKING:
    from vidsearch.captions.export.writing import Need
    from vidsearch.captions.transcript import SpokenLine
    from vidsearch.models.protocols import TextEncoder
    from vidsearch.store.store import Store
    from vidsearch.tracks import Segment
    from vidsearch.types import Float32, IndexedFrame, Video

Level: TypeAlias = Literal["video", "chapter", "shot", "frame"]

_MAX_REMEMBERED_TEXTS = 4096


@dataclass(frozen=True, slots=True)
class Description:
    """The caption of a run of frames [start, end), and the frame that it fits best."""

    start_seconds: float
    end_seconds: float
    frame_id: int
    caption: AggregatedCaption


def encoder_for(library: Store) -> TextEncoder | None:
    """Load the text encoder of one of the library's spaces; None if none can be loaded."""
    from vidsearch.models.registry import load_text_encoder

    for space in library.spaces():
        try:
            encoder = load_text_encoder(space.model, space=space)
        except ModelError:
            continue
        if encoder.space == space:
            return encoder
    return None


class Describer:
    """Describes the videos of one library by one method.

    Args:
        library: The library.
        encoder: A text encoder for one of the library's spaces; None to compare captions by words only.
        method: How captions are chosen; see `captions.aggregate`.
    """

    def __init__(
        self, library: Store, *, encoder: TextEncoder | None = None, method: Method = DEFAULT_METHOD
    ) -> None:
        self._library = library
        self._encoder = encoder if encoder is not None and encoder.space in library.spaces() else None
        self._method = method
        self._text_vectors: dict[str, Float32] = {}

    @property
    def has_encoder(self) -> bool:
        """Whether captions are compared with pictures, or by words only."""
        return self._encoder is not None

    def video(self, video: Video) -> Description | None:
        """Describe a whole video; None if it has no captions."""
        frames = self._library.frames(video.id)
        written = self._written(video, "video", frames)
        return written[0] if written else self._describe(frames, self._vectors(frames))

    def sections(self, video: Video, *, level: Level = "chapter") -> list[Description]:
        """Describe a video part by part, in order. Neighbouring parts with the same caption are joined.

        Parts without captions are left out. If a model has described the chapters or the whole video, its
        captions are used.

        Args:
            video: The video.
            level: "shot" for the library's shots, or else runs of near-identical frames; "chapter" for longer
                runs of similar frames; "frame" for every frame with a caption, without joining.
        """
        frames = self._library.frames(video.id)
        if written := self._written(video, level, frames):
            return written
        if level == "video":
            whole = self._describe(frames, self._vectors(frames))
            return [whole] if whole else []
        if level == "frame":
            return [one for frame in frames if (one := self._describe([frame], None))]
        vectors = self._vectors(frames)
        found: list[Description] = []
        for run in self._runs(video, frames, vectors, level):
            part = self._describe(
                [frames[i] for i in run], None if vectors is None else vectors[run.start : run.stop]
            )
            if part is None:
                continue
            previous = found[-1] if found else None
            if previous is not None and previous.caption.text == part.caption.text:
                found[-1] = Description(
                    previous.start_seconds, part.end_seconds, previous.frame_id, previous.caption
                )
            else:
                found.append(part)
        return found

    def library(self) -> AggregatedCaption | None:
        """Describe all videos by one caption: the one most similar to the others, weighted by duration."""
        captions, durations, centres = [], [], []
        for video in self._library.videos():
            frames = self._library.frames(video.id)
            vectors = self._vectors(frames)
            described = self._describe(frames, vectors)
            if described is None:
                continue
            captions.append(Caption(described.caption.text, described.caption.text))
            durations.append(described.end_seconds - described.start_seconds)
            if vectors is not None:
                centre = vectors.mean(axis=0)
                centres.append(centre / max(float(np.linalg.norm(centre)), 1e-9))
        has_all = len(centres) == len(captions) and self._encoder is not None
        return aggregate(
            captions,
            durations,
            image_vectors=np.asarray(centres, dtype=np.float32) if has_all else None,
            embed_texts=self._embed if has_all else None,
            method=self._method,
        )

    def document(self, video: Video, *, needs: Collection[Need] = ()) -> CaptionedVideo:
        """Collect a video's data for an export, including the parts that the format `needs`."""
        library = self._library
        frames = tuple(library.frames(video.id))
        summary = self.video(video) if "summary" in needs else None
        sections = self.sections(video) if "sections" in needs else []
        ids = [frame.id for frame in frames]
        return CaptionedVideo(
            video=video,
            frames=frames,
            summary=summary.caption.text if summary else None,
            sections=tuple(
                CaptionSpan(part.start_seconds, part.end_seconds, part.caption.text) for part in sections
            ),
            subtitles=tuple(library.subtitles(video.id)),
            transcript=_spans(transcript(library, video)) if "lines" in needs else (),
            screen_text=_spans(_screen_text(library, video)) if "lines" in needs else (),
            picture=library.thumbnail if "pictures" in needs else None,
            vectors={space: library.vectors(space, ids) for space in library.spaces()}
            if "vectors" in needs
            else {},
        )

    def _describe(self, frames: Sequence[IndexedFrame], vectors: Float32 | None) -> Description | None:
        """Describe a run of frames, with one row of `vectors` (n, dim) for each."""
        said = [i for i, frame in enumerate(frames) if frame.caption is not None]
        chosen = aggregate(
            [caption for frame in frames if (caption := frame.caption) is not None],
            [frames[i].end_seconds - frames[i].time_seconds for i in said],
            image_vectors=None if vectors is None else vectors[said],
            embed_texts=self._embed,
            method=self._method,
        )
        if chosen is None:
            return None
        return Description(
            frames[0].time_seconds, frames[-1].end_seconds, frames[said[chosen.index]].id, chosen
        )

    def _written(self, video: Video, level: Level, frames: Sequence[IndexedFrame]) -> list[Description]:
        """A model's captions of the parts of a level, if there are any."""
        said = written_parts(self._library, video, level) if frames else []
        times = [frame.time_seconds for frame in frames]
        found = []
        for start, end, text in said:
            middle = frames[max(0, bisect_right(times, (start + end) / 2) - 1)]
            found.append(Description(start, end, middle.id, AggregatedCaption(text, 0, 1.0, "written")))
        return found

    def _runs(
        self, video: Video, frames: Sequence[IndexedFrame], vectors: Float32 | None, level: Level
    ) -> list[range]:
        starts = [shot.start_seconds for shot in self._library.shots(video.id)] if level == "shot" else []
        if starts:
            times = [frame.time_seconds for frame in frames]
            cuts = sorted({0, *np.searchsorted(times, starts).tolist(), len(frames)})
            return [range(start, stop) for start, stop in pairwise(cuts)]
        if vectors is None:
            return _runs_of_like_captions(frames)
        return split(vectors, penalty=SHOT_PENALTY if level == "shot" else CHAPTER_PENALTY)

    def _vectors(self, frames: Sequence[IndexedFrame]) -> Float32 | None:
        """Return the frames' vectors (n, dim) in the encoder's space, a neighbour's for missing ones.

        None without an encoder, or if no frame has a vector.
        """
        if self._encoder is None:
            return None
        ids, vectors = self._library.vectors(self._encoder.space, [frame.id for frame in frames])
        if len(ids) == 0:
            return None
        row_of = {int(frame_id): row for row, frame_id in enumerate(ids)}
        rows, row = [], 0
        for frame in frames:
            row = row_of.get(frame.id, row)
            rows.append(row)
        return vectors[rows]

    def _embed(self, texts: Sequence[str]) -> Float32:
        """Embed texts, with a cache, as a video's sections have the same captions as the whole video."""
        assert self._encoder is not None
        new = [text for text in dict.fromkeys(texts) if text not in self._text_vectors]
        if new:
            if len(self._text_vectors) + len(new) > _MAX_REMEMBERED_TEXTS:
                self._text_vectors.clear()
                new = list(dict.fromkeys(texts))
            self._text_vectors.update(zip(new, self._encoder.embed_texts(new), strict=True))
        return np.asarray([self._text_vectors[text] for text in texts], dtype=np.float32)


def _screen_text(library: Store, video: Video) -> Iterator[Segment]:
    for track in library.tracks(video.id):
        if track.kind == "ocr" and track.state == "active":
            yield from library.segments(track.id)


def _spans(lines: Iterable[SpokenLine | Segment]) -> tuple[CaptionSpan, ...]:
    return tuple(CaptionSpan(line.start_seconds, line.end_seconds, line.text) for line in lines if line.text)


def _runs_of_like_captions(frames: Sequence[IndexedFrame]) -> list[range]:
    starts = [i for i, frame in enumerate(frames) if i == 0 or _text(frame) != _text(frames[i - 1])]
    return [range(start, stop) for start, stop in zip(starts, [*starts[1:], len(frames)], strict=True)]


def _text(frame: IndexedFrame) -> str:
    return frame.caption.text if frame.caption is not None else ""
