"""The tools: each calls the library, and returns text, pictures and links.

The docstrings of tools are their descriptions for models.
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal, ParamSpec

from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, ContentBlock, ImageContent, ResourceLink, TextContent
from pydantic import Field

from vidsearch.errors import VidsearchError
from vidsearch.mcp import wording
from vidsearch.search.query import FrameReference
from vidsearch.service.answer_pages import AnswerPages
from vidsearch.service.answer_schemas import HitSchema
from vidsearch.service.clips import cut_into
from vidsearch.service.library import Library
from vidsearch.service.paging import read_cursor, write_cursor
from vidsearch.service.received import received_examples
from vidsearch.times import format_moment

Arguments = ParamSpec("Arguments")

FRAME_URI = "vidsearch://videos/{video_id}/frames/{time_seconds}"
VIDEO_URI = "vidsearch://videos/{video_id}"

_MAX_FOUND = 100
_MAX_CHARACTERS = 6000
"""About 1,500 tokens of text in one answer."""
_MAX_PICTURE_BYTES = 500_000
"""In one answer: clients refuse answers of more than about a megabyte, and base64 adds a third."""
_VIDEOS_AT_ONCE = 50
_PICTURE_PIXELS = 768
"""The longer side of a picture, which models read without scaling it down."""
_WORDS = ("transcript", "subtitle", "ocr")

VideoName = Annotated[
    str, Field(description='A video: its number as in "#2", its file name, or a unique part of it.')
]
Seconds = Annotated[float, Field(ge=0, le=1e9, description="Seconds from the start of the video.")]
Cursor = Annotated[str | None, Field(description="From the previous answer, for its next page.")]
NumMoments = Annotated[int, Field(ge=1, le=20, description="The number of moments in this answer.")]
WithPictures = Annotated[bool, Field(description="Show the picture of each moment.")]


def in_words(tool: Callable[Arguments, CallToolResult]) -> Callable[Arguments, CallToolResult]:
    """Return a tool's errors to the model, as they say what to do."""

    @functools.wraps(tool)
    def telling(*args: Arguments.args, **kwargs: Arguments.kwargs) -> CallToolResult:
        try:
            return tool(*args, **kwargs)
        except VidsearchError as error:
            raise ToolError(str(error)) from error

    return telling


class Tools:
    """The tools on one library.

    Args:
        library: The library.
        clip_folder: The folder for clips; None to offer no clips.
    """

    def __init__(self, library: Library, *, clip_folder: Path | None = None) -> None:
        self._library = library
        self._answers = AnswerPages(library)
        self._clip_folder = clip_folder

    @in_words
    def search(
        self,
        text: Annotated[
            str,
            Field(
                min_length=1,
                max_length=2000,
                description="What to look for, seen or said, in your own words.",
            ),
        ],
        video: Annotated[
            str | None, Field(description="Only in these videos: name, part of it, glob, #number or folder.")
        ] = None,
        then: Annotated[
            list[str] | None, Field(description="What happens next in the same video, step by step.")
        ] = None,
        min_confidence: Annotated[float | None, Field(ge=0, le=1)] = None,
        limit: NumMoments = 5,
        pictures: WithPictures = True,
        cursor: Cursor = None,
    ) -> CallToolResult:
        """Find moments in the videos by describing them: what is seen, said, or written on the screen.

        Returns times, how confident the search is, why each moment matches, and its picture.
        """
        query: dict[str, object] = {"text": text, "num_hits": _MAX_FOUND, "min_confidence": min_confidence}
        if video is not None:
            query["filter"] = {"video_glob": video}
        if then:
            query["then"] = then
        return self._found(query, limit, cursor, pictures=pictures)

    @in_words
    def find_similar(
        self,
        video: VideoName,
        time_seconds: Seconds,
        limit: NumMoments = 5,
        pictures: WithPictures = True,
        cursor: Cursor = None,
    ) -> CallToolResult:
        """Find moments that look like a given moment of a video."""
        found = self._library.video(video)
        query: dict[str, object] = {"like": [f"#{found.id}@{time_seconds!r}"], "num_hits": _MAX_FOUND}
        return self._found(query, limit, cursor, pictures=pictures)

    def _found(
        self, query: dict[str, object], limit: int, cursor: str | None, *, pictures: bool
    ) -> CallToolResult:
        source = json.dumps(query)
        page = self._answers.page(source, limit=limit, cursor=cursor)
        fitting = wording.within([wording.hit_line(0, hit) for hit in page.hits], _MAX_CHARACTERS)
        if fitting < len(page.hits):
            page = self._answers.page(source, limit=fitting, cursor=cursor)
        content: list[ContentBlock] = [_text(wording.answer_text(page, page.first + 1))]
        bytes_left = _MAX_PICTURE_BYTES if pictures else 0
        for number, hit in enumerate(page.hits, start=page.first + 1):
            jpeg = self._thumbnail(hit) if pictures else None
            if jpeg is not None and len(jpeg) <= bytes_left:
                bytes_left -= len(jpeg)
                content += [_text(f"Picture of {number}:"), _image(jpeg)]
            content.append(_link(hit))
        return CallToolResult(content=content)

    def _thumbnail(self, hit: HitSchema) -> bytes | None:
        try:
            return self._library.thumbnail(hit.frame_id)
        except VidsearchError:
            return None

    @in_words
    def list_videos(
        self,
        name: Annotated[
            str | None, Field(description="Only these: name, part of it, glob or folder. All if omitted.")
        ] = None,
        cursor: Cursor = None,
    ) -> CallToolResult:
        """List the videos of the library: id, file name, length, size, date."""
        after = read_cursor(cursor, "videos", name)
        left = [video for video in self._library.videos(name) if video.id > after]
        lines = [wording.video_line(video) for video in left[:_VIDEOS_AT_ONCE]]
        num_shown = wording.within(lines, _MAX_CHARACTERS)
        num_left = len(left) - num_shown
        next_cursor = write_cursor(left[num_shown - 1].id, "videos", name) if num_left else None
        lines = lines[:num_shown] or ["There are no such videos."]
        return _words([*lines, *wording.more(next_cursor, num_left)])

    @in_words
    def describe_library(self) -> CallToolResult:
        """Describe what this library contains: kinds of pictures, with an example of each, and frequent
        words.

        Call this first if you know nothing about the library.
        """
        info = self._library.info()
        lines = wording.library_lines(info, self._library.overview(num_alike=0))
        return _words(lines[: wording.within(lines, _MAX_CHARACTERS)])

    @in_words
    def describe_video(
        self,
        video: VideoName,
        level: Annotated[
            Literal["video", "chapter", "shot"],
            Field(description="One caption for the video, or for each chapter or shot."),
        ] = "chapter",
        start_seconds: Annotated[
            float, Field(ge=0, description="Only what is said from this time on.")
        ] = 0.0,
        end_seconds: Annotated[float | None, Field(description="Only what is said before this time.")] = None,
        cursor: Cursor = None,
    ) -> CallToolResult:
        """Describe what a video shows, part by part, and what is said or written in it.

        Long answers have several pages.
        """
        found = self._library.video(video)
        lines = wording.described(self._library.captions(found, level=level))
        words = [
            wording.word_line(track, segment)
            for track, segment in self._library.segments(
                found, after_seconds=start_seconds or None, before_seconds=end_seconds
            )
            if track.kind in _WORDS and segment.text
        ]
        if words:
            lines += ["Said or written:", *words]
        return _part(lines, cursor, "describe", found.id, level, start_seconds, end_seconds)

    @in_words
    def look(self, video: VideoName, time_seconds: Seconds) -> CallToolResult:
        """Look at the frame of a video at any time, as a picture."""
        found = self._library.video(video)
        jpeg = self._library.picture(
            FrameReference(f"#{found.id}", time_seconds), side_pixels=_PICTURE_PIXELS
        )
        said = f"{found.path.name} (#{found.id}) at {format_moment(time_seconds)}"
        return CallToolResult(content=[_text(said), _image(jpeg)])

    @in_words
    def explain(
        self,
        video: VideoName,
        time_seconds: Seconds,
        text: Annotated[
            str, Field(min_length=1, max_length=500, description="Words to look for in the frame.")
        ],
    ) -> CallToolResult:
        """Show which parts of a frame match words: the frame with a heat map over it, as a picture.

        Brighter parts match better. The map is relative to the frame: some part is always brightest.
        """
        found = self._library.video(video)
        explanation = self._library.explain(text, FrameReference(f"#{found.id}", time_seconds))
        said = f"Where {text!r} is seen in {found.path.name} (#{found.id}) at {format_moment(time_seconds)}:"
        return CallToolResult(content=[_text(said), _image(explanation.jpeg(side_pixels=_PICTURE_PIXELS))])

    @in_words
    def list_labels(
        self,
        video: Annotated[
            str | None, Field(description="Where in this video each was found. In all videos if omitted.")
        ] = None,
        cursor: Cursor = None,
    ) -> CallToolResult:
        """List the labels that were searched for in all frames, and how often and how long each was found."""
        labels = self._library.labels
        if video is not None:
            found = self._library.video(video)
            lines = list(map(wording.span_line, labels.spans(found)))
            return _part(lines or ["No label was seen in it."], cursor, "labels", found.id)
        seen = {line.label: wording.report_line(line) for line in labels.report()}
        lines = [seen.get(name, f"{name}: {wording.times(0)}") for name in labels.names()]
        return _part(lines or ["No labels were looked for yet."], cursor, "labels")

    @in_words
    def label(
        self,
        labels: Annotated[
            list[str] | None,
            Field(
                max_length=1000,
                description="Words, or names of concepts; the labels of the last run if omitted.",
            ),
        ] = None,
        min_confidence: Annotated[float | None, Field(gt=0, lt=1)] = None,
    ) -> CallToolResult:
        """Search for labels in every frame of every video, and store where each is found.

        This replaces earlier labels. Only do this when the user asks for it.
        """
        done = self._library.labels.apply(labels, min_confidence=min_confidence)
        lines = [f"{name}: {wording.times(count)}" for name, count in done.seen]
        head = f"Looked for {done.num_labels} labels in {done.num_frames} frames of {done.num_videos} videos."
        return _words([head, *lines[: wording.within(lines, _MAX_CHARACTERS)]])

    @in_words
    def cut_clip(self, video: VideoName, start_seconds: Seconds, end_seconds: Seconds) -> CallToolResult:
        """Cut a span out of a video, with its sound, into a new MP4 file in the folder for clips."""
        assert self._clip_folder is not None
        clip = cut_into(self._clip_folder, self._library, video, start_seconds, end_seconds)
        return _words([f"Wrote {clip.path}, {clip.end_seconds - clip.start_seconds:.2f} s long."])

    @in_words
    def correct_caption(
        self,
        video: VideoName,
        time_seconds: Seconds,
        text: Annotated[str, Field(min_length=1, max_length=2000, description="What is visible there.")],
    ) -> CallToolResult:
        """Correct the caption at a time of a video, for all consecutive frames there that look alike.

        Searches find the new words at once. Only do this when the user asks for it.
        """
        found = self._library.video(video)
        done = self._library.correct(FrameReference(f"#{found.id}", time_seconds), text)
        span = f"{format_moment(done.start_seconds)} to {format_moment(done.end_seconds)}"
        return _words([f"{found.path.name} (#{found.id}), {span}, now says: {done.text}"])

    @in_words
    def list_concepts(self, cursor: Cursor = None) -> CallToolResult:
        """List the concepts that the library was taught: the user's own names, which `search` understands."""
        found = self._library.concepts.all()
        if not found:
            return _words(["Nothing was taught yet."])
        return _part(list(map(wording.concept_line, found)), cursor, "concepts")

    @in_words
    def teach(
        self,
        name: Annotated[
            str, Field(min_length=1, max_length=200, description="The user's name for it, such as Minka.")
        ],
        examples: Annotated[
            list[str],
            Field(max_length=100, description='Moments that show it, as in "cat.mp4@5" or "#2@5".'),
        ],
        against: Annotated[
            list[str] | None,
            Field(max_length=100, description="Moments that do not show it, but look similar."),
        ] = None,
        words: Annotated[
            str | None,
            Field(max_length=2000, description='What it is in words anyone would use: "a grey cat".'),
        ] = None,
    ) -> CallToolResult:
        """Teach the library what a name means, by moments that show it. `search` understands it at once.

        More examples, of different moments, improve it; examples of an existing name are added to it. Only do
        this when the user asks for it.
        """
        taught = self._library.concepts.teach(
            name, received_examples(examples), against=received_examples(against or ()), words=words
        )
        checks = self._library.concepts.check(taught.concept.name)
        lines = [wording.concept_line(taught.concept), *map(wording.check_line, checks), *taught.notes]
        return _words(lines[: wording.within(lines, _MAX_CHARACTERS)])

    # --- resources ----------------------------------------------------------------------------------

    def frame(self, video_id: int, time_seconds: float) -> bytes:
        """The frame at a time of a video, as JPEG."""
        moment = FrameReference(f"#{video_id}", time_seconds)
        return self._library.picture(moment, side_pixels=_PICTURE_PIXELS)

    def video(self, video_id: int) -> str:
        """What a video shows, chapter by chapter."""
        lines = wording.described(self._library.captions(video_id, level="chapter"))
        num_shown = wording.within(lines, _MAX_CHARACTERS)
        rest = ["The rest: describe_video."] if num_shown < len(lines) else []
        return "\n".join([*lines[:num_shown], *rest])


def _part(lines: Sequence[str], cursor: str | None, *scope: object) -> CallToolResult:
    """Return a page of an answer, and the cursor of the next page."""
    first = read_cursor(cursor, *scope)
    end = first + wording.within(lines[first:], _MAX_CHARACTERS)
    next_cursor = write_cursor(end, *scope) if end < len(lines) else None
    return _words([*lines[first:end], *wording.more(next_cursor, len(lines) - end)])


def _words(lines: Sequence[str]) -> CallToolResult:
    return CallToolResult(content=[_text("\n".join(lines))])


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def _image(jpeg: bytes) -> ImageContent:
    return ImageContent(type="image", data=base64.b64encode(jpeg).decode(), mime_type="image/jpeg")


def _link(hit: HitSchema) -> ResourceLink:
    return ResourceLink(
        type="resource_link",
        uri=FRAME_URI.format(video_id=hit.video_id, time_seconds=f"{hit.time_seconds:.3f}"),
        name=f"{wording.name_of(hit.path)} at {format_moment(hit.time_seconds)}",
        description=hit.caption,
        mime_type="image/jpeg",
    )
