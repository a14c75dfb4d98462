"""otio: OpenTimelineIO, through the `opentimelineio` package (the `export` extra)."""

from __future__ import annotations

from vidsearch.captions.export.cuts import Cut
from vidsearch.errors import ExportError


def render(cut: Cut) -> bytes:
    """Return a timeline of one video track, as OTIO's JSON. Raises ExportError without the package."""
    try:
        from opentimelineio import adapters, opentime, schema
    except ImportError as error:
        raise ExportError("The otio format needs OpenTimelineIO: pip install 'vidsearch[export]'.") from error
    rate = float(cut.rate)

    def span(start: int, num_frames: int) -> opentime.TimeRange:
        return opentime.TimeRange(opentime.RationalTime(start, rate), opentime.RationalTime(num_frames, rate))

    track = schema.Track("V1", kind=schema.TrackKind.Video)
    for clip in cut.clips:
        media = schema.ExternalReference(clip.url, span(0, clip.source_frames))
        media.name = clip.name
        track.append(
            schema.Clip(
                name=clip.note or clip.name,
                media_reference=media,
                source_range=span(clip.source_start, clip.num_frames),
                metadata={"vidsearch": {"caption": clip.note, "content_hash": clip.video.content_hash}},
            )
        )
    timeline = schema.Timeline(cut.title)
    timeline.tracks.append(track)
    return str(adapters.write_to_string(timeline, "otio_json")).encode() + b"\n"
