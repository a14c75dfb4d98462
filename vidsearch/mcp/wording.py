"""The text of tools' answers for models: short, with readable times and the cursor of the next page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidsearch.times import format_duration, format_moment

if TYPE_CHECKING:
    from vidsearch.labels.report import ReportLine
    from vidsearch.service.answer_schemas import HitSchema
    from vidsearch.service.captions import VideoCaptions
    from vidsearch.service.concepts import Check
    from vidsearch.service.overview import Glance
    from vidsearch.service.server_schemas import SearchPage
    from vidsearch.store.concept_rows import Concept
    from vidsearch.store.label_rows import LabelSpan
    from vidsearch.store.records import LibraryInfo
    from vidsearch.tracks import Segment, Track
    from vidsearch.types import Video


def name_of(path: str) -> str:
    """Return a file's name without its folders, which reveal more about a person than about the video."""
    return path.replace("\\", "/").rpartition("/")[2]


def hit_line(number: int, hit: HitSchema) -> str:
    """Return a moment in one line."""
    at = f"{format_moment(hit.start_seconds)} to {format_moment(hit.end_seconds)}"
    sure = "" if hit.confidence is None else f", {hit.confidence:.0%}"
    why = "; ".join(dict.fromkeys(short(each.reason) for each in hit.evidence[:3]))
    line = f"{number}. {name_of(hit.path)} (#{hit.video_id}), {at}, best at {hit.time_seconds:.2f} s{sure}"
    steps = [f"   then {short(step.text)!r} at {step.time_seconds:.2f} s" for step in hit.steps]
    caption = [f"   caption: {short(hit.caption)}"] if hit.caption else []
    return "\n".join([line, *caption, *([f"   why: {why}"] if why else []), *steps])


def answer_text(page: SearchPage, first: int) -> str:
    """Return a page of an answer, whose first hit is number `first`."""
    verdict = {"found": "Found.", "unsure": "Unsure: look at the pictures before you rely on these."}
    head = verdict.get(page.verdict, "Nothing here fits well; these are the nearest.")
    if not page.hits:
        head = "Nothing was found."
    lines = [head, *page.notes, *(hit_line(first + number, hit) for number, hit in enumerate(page.hits))]
    return "\n".join([*lines, *more(page.next_cursor, page.num_found - first + 1 - len(page.hits))])


def video_line(video: Video) -> str:
    """Return a video in one line."""
    length = video.info.duration_seconds
    parts = [
        f"#{video.id} {video.path.name}",
        "length unknown" if length is None else format_moment(length),
        f"{video.info.width}x{video.info.height}",
        *([f"recorded {video.info.created_at:%Y-%m-%d}"] if video.info.created_at else []),
        *([] if video.is_complete else ["not indexed to its end yet"]),
    ]
    return ", ".join(parts)


def described(captions: VideoCaptions) -> list[str]:
    """Return a video's line and its parts."""
    whole = captions.summary.caption.text if captions.summary else "has no captions"
    return [
        f"{video_line(captions.video)}: {whole}",
        *(
            f"{format_moment(each.start_seconds)} to {format_moment(each.end_seconds)}: {each.caption.text}"
            for each in captions.sections
        ),
    ]


def library_lines(info: LibraryInfo, glance: Glance) -> list[str]:
    """Return a description of a library."""
    length = format_duration(info.duration_seconds)
    head = f"{info.num_videos} videos, {length} in all"
    groups = [
        f"{group.share:.0%}: {group.name}, as in {group.video.path.name} (#{group.video.id}) at "
        f"{format_moment(group.frame.time_seconds)}"
        for group in glance.groups
    ]
    words = ", ".join(word for word, _ in glance.words)
    return [
        f"{head}: {short(glance.caption)}" if glance.caption else head,
        *(["Kinds of pictures:", *groups] if groups else []),
        *([f"Words of its captions: {words}"] if words else []),
    ]


def concept_line(concept: Concept) -> str:
    """Return a concept in one line."""
    against = f" and {concept.num_against} against" if concept.num_against else ""
    meaning = f", {short(concept.words)}" if concept.words else ""
    return f"{concept.name}{meaning}: {concept.num_for} for{against}, version {concept.version}"


def check_line(check: Check) -> str:
    """Return how well a concept's examples agree."""
    if not check.left_out:
        return "Add examples of other moments to check whether they agree; one alone cannot be checked."
    return (
        f"Check with {check.model}: each example is left out in turn and looked for by the others; "
        f"{check.num_found} of {len(check.left_out)} rank in the top 1% of all frames."
    )


def word_line(track: Track, segment: Segment) -> str:
    """Return what is said or written, with its time."""
    return f"{format_moment(segment.start_seconds)} ({track.kind}) {short(segment.text or '', 2000)}"


def times(count: int) -> str:
    """Return how often something was found."""
    return {0: "not seen", 1: "once"}.get(count, f"{count} times")


def report_line(line: ReportLine) -> str:
    """Return how often a label was found."""
    long = format_duration(line.seconds)
    return f"{line.label}: {times(line.count)}, {long} in all, {line.surest:.0%} at the surest"


def span_line(span: LabelSpan) -> str:
    """Return where a label was found."""
    sure = "" if span.confidence is None else f", {span.confidence:.0%}"
    at = f"{format_moment(span.start_seconds)} to {format_moment(span.end_seconds)}"
    return f"{at}: {span.label}{sure}"


def short(text: str, max_characters: int = 400) -> str:
    """Return a text, truncated if it is longer."""
    return text if len(text) <= max_characters else f"{text[: max_characters - 1]}…"


def within(lines: Sequence[str], max_characters: int) -> int:
    """Return how many of the first lines fit into a number of characters, but at least one."""
    total = 0
    for number, line in enumerate(lines):
        total += len(line) + 1
        if total > max_characters and number > 0:
            return number
    return len(lines)


def more(cursor: str | None, num_left: int | None = None) -> list[str]:
    """Return how to request the next page, if there is one."""
    if cursor is None:
        return []
    left = "More" if num_left is None else f"{num_left} more"
    return [f"{left}: ask the same again with cursor={cursor!r}."]
