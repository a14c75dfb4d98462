"""The JSON schema of queries, videos and captions, which all doors share.

Each name has one meaning throughout: `video_id` and `path` identify a video, `frame_id` a frame;
`time_seconds` is a moment and `start_seconds`, `end_seconds` a span [start, end), all in seconds from the
start of the video; `caption` is the text of a caption, `text` any other text, `confidence` a probability in
[0, 1]. Answers are in `vidsearch.service.answer_schemas`, reports and errors in
`vidsearch.service.report_schemas`.

msgspec takes a fifth of pydantic's import time (11 against 54 ms of a cold search's 400,
`benchmarks/schema_imports.py`), and is imported only where JSON is read or written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

import msgspec

from vidsearch.types import LARGEST_ID

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.captions.describe import Description
    from vidsearch.captions.rewrite import Correction
    from vidsearch.captions.transcript import SpokenLine
    from vidsearch.models.relevance import Relevance
    from vidsearch.service.captioning import CaptionedFile
    from vidsearch.service.captions import LibraryCaptions, VideoCaptions, WordMatch
    from vidsearch.types import IndexedFrame, Video

_MOST = 1_000_000
"""More hits than anyone reads, but few enough to fit in memory."""

Id = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)]
Count = Annotated[int, msgspec.Meta(ge=1, le=_MOST)]


def plain(value: msgspec.Struct) -> dict[str, Any]:
    """Return a schema's value as dicts, lists, strings, numbers, booleans and None."""
    found: dict[str, Any] = msgspec.to_builtins(value)
    return found


# --- in ---------------------------------------------------------------------------------------------


class FilterSchema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The "filter" of a query."""

    video_glob: str | None = None
    video_ids: list[Id] | None = None
    after_seconds: float | None = None
    before_seconds: float | None = None
    recorded_after: str | None = None
    recorded_before: str | None = None
    min_duration_seconds: float | None = None
    max_duration_seconds: float | None = None
    caption_words: str | None = None
    label: str | None = None


class QuerySchema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A query in JSON. Defaults are those of `Query`."""

    text: str | None = None
    images: list[str] = []
    like: list[str] = []
    plus: list[str] = []
    minus: list[str] = []
    vectors: dict[str, list[float]] = {}
    more_like: list[Id] = []
    less_like: list[Id] = []
    then: list[str] = []
    within_seconds: float = 30.0
    filter: FilterSchema = FilterSchema()
    mode: str = "auto"
    kinds: list[str] | None = None
    num_hits: Count = 10
    group: bool = True
    dedupe: bool = True
    min_confidence: float | None = None
    rerank: str | None = None
    num_rerank: Count = 50


# --- out --------------------------------------------------------------------------------------------


class VideoSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A video in a library."""

    video_id: int
    path: str
    paths: list[str]
    content_hash: str
    duration_seconds: float | None
    width: int
    height: int
    rotation_degrees: int
    frame_rate: float | None
    codec: str
    container: str
    num_audio_tracks: int
    created_at: datetime | None
    size_bytes: int
    num_frames: int
    is_complete: bool
    indexed_until_seconds: float
    indexed_at: datetime

    @classmethod
    def of(cls, video: Video) -> Self:
        return schema_of(cls, video, video.info, video_id=video.id)


class FrameSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A frame of a video with its caption."""

    frame_id: int
    time_seconds: float
    end_seconds: float
    caption: str | None
    origin: str | None
    """"model" or "human"; None without a caption."""
    model: str | None
    carried_over: bool

    @classmethod
    def of(cls, frame: IndexedFrame) -> Self:
        caption = frame.caption
        return schema_of(
            cls,
            frame,
            frame_id=frame.id,
            caption=caption.text if caption else None,
            origin=caption.origin.value if caption else None,
            model=caption.model if caption else None,
            carried_over=caption.carried_over if caption else False,
        )


class DescriptionSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A caption for a part of a video."""

    start_seconds: float
    end_seconds: float
    frame_id: int
    caption: str
    support: float
    method: str

    @classmethod
    def of(cls, description: Description) -> Self:
        caption = description.caption
        return schema_of(cls, description, caption, caption=caption.text, support=round(caption.support, 4))


class SpokenLineSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the transcript."""

    start_seconds: float
    end_seconds: float
    text: str
    is_human: bool
    attributes: dict[str, Any]

    @classmethod
    def of(cls, line: SpokenLine) -> Self:
        return schema_of(cls, line)


class VideoCaptionsSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A video's captions: one for the whole video, and those of its parts at a level."""

    video_id: int
    path: str
    level: str
    caption: str | None
    start_seconds: float | None
    end_seconds: float | None
    frame_id: int | None
    support: float | None
    method: str | None
    frames: list[FrameSchema]
    sections: list[DescriptionSchema]
    transcript: list[SpokenLineSchema]

    @classmethod
    def of(cls, captions: VideoCaptions) -> Self:
        summary: dict[str, Any] = dict.fromkeys(DescriptionSchema.__struct_fields__)
        if captions.summary is not None:
            summary = msgspec.structs.asdict(DescriptionSchema.of(captions.summary))
        return cls(
            **names_of(captions.video),
            **summary,
            level=captions.level,
            frames=[FrameSchema.of(frame) for frame in captions.frames],
            sections=[DescriptionSchema.of(section) for section in captions.sections],
            transcript=[SpokenLineSchema.of(line) for line in captions.transcript],
        )


class WordMatchSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A caption, correction, subtitle or chapter title that contains the words searched for."""

    video_id: int
    path: str
    time_seconds: float
    start_seconds: float
    end_seconds: float
    kind: str
    text: str
    score: float

    @classmethod
    def of(cls, match: WordMatch) -> Self:
        return schema_of(cls, match, **names_of(match.video), time_seconds=match.start_seconds)


class LibraryCaptionsSchema(msgspec.Struct, frozen=True, kw_only=True):
    """One caption for each video of a library, and one for all of them."""

    caption: str | None
    videos: list[VideoCaptionsSchema]

    @classmethod
    def of(cls, captions: LibraryCaptions) -> Self:
        return cls(
            caption=captions.summary.text if captions.summary else None,
            videos=[VideoCaptionsSchema.of(each) for each in captions.videos],
        )


class CorrectionSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A person's caption for a span of a video."""

    video_id: int
    path: str
    start_seconds: float
    end_seconds: float
    frame_ids: list[int]
    caption: str

    @classmethod
    def of(cls, correction: Correction) -> Self:
        return schema_of(cls, correction, **names_of(correction.video), caption=correction.text)


class RegionSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a picture, as fractions of its width and height: [left, right) and [top, bottom)."""

    left: float
    top: float
    right: float
    bottom: float


class WordRelevanceSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A word, and which parts of the picture match it."""

    word: str
    grid: list[list[float]]


class RelevanceSchema(msgspec.Struct, frozen=True, kw_only=True):
    """Which parts of a picture match words: rows of a grid over a region, from the top left."""

    text: str
    score: float
    method: str
    region: RegionSchema
    grid: list[list[float]]
    words: list[WordRelevanceSchema]

    @classmethod
    def of(cls, relevance: Relevance) -> Self:
        return schema_of(
            cls,
            relevance,
            region=schema_of(RegionSchema, relevance.region),
            grid=relevance.grid.tolist(),
            words=[WordRelevanceSchema(word=each.word, grid=each.grid.tolist()) for each in relevance.words],
        )


class FileFrameSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A captioned frame of a file without a library."""

    time_seconds: float
    caption: str


class CaptionedFileSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The captions of a video file without a library."""

    path: str
    caption: str | None
    frames: list[FileFrameSchema]

    @classmethod
    def of(cls, path: Path, done: CaptionedFile) -> Self:
        return cls(
            path=str(path),
            caption=done.summary.text if done.summary else None,
            frames=[
                schema_of(FileFrameSchema, frame, caption=caption.text)
                for frame, caption in zip(done.frames, done.captions, strict=True)
            ],
        )


_Schema = TypeVar("_Schema", bound=msgspec.Struct)


def schema_of(schema: type[_Schema], *sources: object, **given: Any) -> _Schema:
    """Fill a schema from objects that have attributes of its fields' names.

    Paths become strings, and times of a video are rounded to the microsecond.

    Args:
        schema: The class to fill.
        *sources: The first one that has an attribute of a field's name supplies it.
        **given: Fields that no source supplies, or that differ from it.
    """
    for name in schema.__struct_fields__:
        if name not in given:
            given[name] = next(getattr(source, name) for source in sources if hasattr(source, name))
    return schema(**{name: _as_json(name, value) for name, value in given.items()})


def names_of(video: Video) -> dict[str, Any]:
    """Return the two fields that name a video."""
    return {"video_id": video.id, "path": str(video.path)}


_MOMENTS = {"time_seconds", "start_seconds", "end_seconds"}


def _as_json(name: str, value: Any) -> Any:
    if isinstance(value, float) and name in _MOMENTS:
        return round(value, 6)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, tuple):
        return [_as_json(name, each) for each in value]
    if isinstance(value, Mapping):
        return dict(value)
    return value
