"""edl: a CMX 3600 edit decision list, which nearly all editing programs read.

Record times start at one hour, as is customary. `otio-cmx3600-adapter` (1.0.0) is not used, as it omits the
FCM line, which says whether timecodes are drop-frame.
"""

from __future__ import annotations

import re

from vidsearch.captions.export.cuts import Cut
from vidsearch.captions.export.timecode import first_hour, has_drop_frames, timecode
from vidsearch.errors import ExportError

MAX_EVENTS = 999
_MAX_REEL_MARKS = 8


def render(cut: Cut) -> bytes:
    """Return the list, in UTF-8. Raises ExportError for more than the format's 999 events."""
    if len(cut.clips) > MAX_EVENTS:
        raise ExportError(
            f"An EDL holds {MAX_EVENTS} events, and there are {len(cut.clips)} results. "
            "Ask for fewer, or export otio or fcpxml."
        )
    dropping = "DROP FRAME" if has_drop_frames(cut.rate) else "NON-DROP FRAME"
    lines = [f"TITLE: {cut.title}", f"FCM: {dropping}", ""]
    reels = _reels(cut)
    first = first_hour(cut.rate)
    for number, clip in enumerate(cut.clips, start=1):
        record = first + clip.record_start
        times = (
            clip.source_start,
            clip.source_start + clip.num_frames,
            record,
            record + clip.num_frames,
        )
        labels = " ".join(timecode(frame, cut.rate) for frame in times)
        lines.append(f"{number:03d}  {reels[clip.video.id]:<8} V     C        {labels}")
        lines.append(f"* FROM CLIP NAME: {clip.name}")
        if clip.note:
            lines.append(f"* COMMENT: {clip.note}")
    return ("\n".join(lines) + "\n").encode()


def _reels(cut: Cut) -> dict[int, str]:
    """Return a unique reel name for each video by its id: up to eight letters and digits."""
    reels: dict[int, str] = {}
    for clip in cut.clips:
        if clip.video.id in reels:
            continue
        wanted = re.sub(r"[^A-Z0-9]", "", clip.name.rpartition(".")[0].upper())[:_MAX_REEL_MARKS] or "CLIP"
        reel, number = wanted, 1
        while reel in reels.values():
            number += 1
            reel = f"{wanted[: _MAX_REEL_MARKS - len(str(number))]}{number}"
        reels[clip.video.id] = reel
    return reels
