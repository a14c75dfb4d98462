"""fcpxml: Final Cut Pro's XML (version 1.9), which DaVinci Resolve reads too.

Final Cut requires all times to be exact fractions of a second that are a whole number of frames.
`otio-fcpx-xml-adapter` (1.0.0) is not used, as its times are not exact at 23.976 and 29.97 frames per second.
Reference: https://developer.apple.com/documentation/professional-video-applications/fcpxml-reference
"""

from __future__ import annotations

import re
from fractions import Fraction
from xml.etree import ElementTree as ET

from vidsearch.captions.export.cuts import Cut

_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(cut: Cut) -> bytes:
    """Return a project with one sequence. Each clip has its caption as a marker."""
    root = ET.Element("fcpxml", version="1.9")
    resources = ET.SubElement(root, "resources")
    assets: dict[int, str] = {}
    sequence_format = ""
    for clip in cut.clips:
        if clip.video.id in assets:
            continue
        number = len(assets) + 1
        info = clip.video.info
        ET.SubElement(
            resources,
            "format",
            id=f"f{number}",
            frameDuration=_seconds(1, cut.rate),
            width=str(info.width),
            height=str(info.height),
        )
        sequence_format = sequence_format or f"f{number}"
        asset = ET.SubElement(
            resources,
            "asset",
            id=f"a{number}",
            name=_text(clip.name),
            start="0s",
            duration=_seconds(
                max(one.source_frames for one in cut.clips if one.video.id == clip.video.id), cut.rate
            ),
            hasVideo="1",
            format=f"f{number}",
        )
        if info.num_audio_tracks:
            asset.attrib |= {"hasAudio": "1", "audioSources": "1"}
        ET.SubElement(asset, "media-rep", kind="original-media", src=clip.url)
        assets[clip.video.id] = f"a{number}"
    library = ET.SubElement(root, "library")
    event = ET.SubElement(library, "event", name="vidsearch")
    project = ET.SubElement(event, "project", name=_text(cut.title))
    sequence = ET.SubElement(
        project,
        "sequence",
        format=sequence_format,
        duration=_seconds(cut.num_frames, cut.rate),
        tcStart="0s",
        tcFormat="NDF",
    )
    spine = ET.SubElement(sequence, "spine")
    for clip in cut.clips:
        start = _seconds(clip.source_start, cut.rate)
        item = ET.SubElement(
            spine,
            "asset-clip",
            ref=assets[clip.video.id],
            name=_text(clip.name),
            offset=_seconds(clip.record_start, cut.rate),
            start=start,
            duration=_seconds(clip.num_frames, cut.rate),
        )
        if clip.note:
            ET.SubElement(item, "marker", start=start, duration=_seconds(1, cut.rate), value=_text(clip.note))
    ET.indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n' + ET.tostring(root) + b"\n"


def _seconds(frames: int, rate: Fraction) -> str:
    """Return a whole number of frames as FCPXML writes seconds: 1001/24000s."""
    if frames == 0:
        return "0s"
    return f"{frames * rate.denominator}/{rate.numerator}s"


def _text(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)
