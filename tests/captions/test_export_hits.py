"""Search results as cuts, read back by OpenTimelineIO, its adapters and an XML parser."""

import csv
import io
import re
from fractions import Fraction
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from tests.captions.examples import NASTY_NAMES, video
from vidsearch.captions.export.hits import HIT_FORMATS, export_hits, render_hits
from vidsearch.captions.export.timecode import standard_rate
from vidsearch.errors import ExportError
from vidsearch.types import SearchHit

otio = pytest.importorskip("opentimelineio")


def hit(
    start: float,
    end: float,
    *,
    name: str = "dogs.mp4",
    video_id: int = 1,
    frame_rate: float | None = 25.0,
    caption: str | None = "a dog",
) -> SearchHit:
    return SearchHit(
        video=video(name, video_id=video_id, duration_seconds=3600.0, frame_rate=frame_rate),
        frame_id=1,
        time_seconds=start,
        start_seconds=start,
        end_seconds=end,
        score=0.25,
        caption=caption,
        confidence=0.9,
    )


HITS = [hit(10.0, 12.0), hit(70.4, 71.0, name="cats & <co>.mp4", video_id=2, caption='a "cat" --> & <b>')]


def test_an_edl_reads_whole():
    assert render_hits(HITS, title="a dog", format_name="edl").decode().splitlines() == [
        "TITLE: a dog",
        "FCM: NON-DROP FRAME",
        "",
        "001  DOGS     V     C        00:00:10:00 00:00:12:00 01:00:00:00 01:00:02:00",
        "* FROM CLIP NAME: dogs.mp4",
        "* COMMENT: a dog",
        "002  CATSCO   V     C        00:01:10:10 00:01:11:00 01:00:02:00 01:00:02:15",
        "* FROM CLIP NAME: cats & <co>.mp4",
        '* COMMENT: a "cat" --> & <b>',
    ]


def test_an_edl_drops_frames_at_29_97():
    text = render_hits([hit(60.06, 61.061, frame_rate=29.97)], title="t", format_name="edl").decode()
    assert "FCM: DROP FRAME" in text
    assert "00:01:00;02 00:01:01;02 01:00:00;00 01:00:01;00" in text


@pytest.mark.parametrize("frame_rate", [23.976, 25.0, 29.97, 30.0, 60.0])
def test_the_edl_adapter_finds_the_same_frames(frame_rate):
    pytest.importorskip("otio_cmx3600_adapter")
    text = render_hits([hit(100.0, 103.0, frame_rate=frame_rate)], title="t", format_name="edl").decode()
    timeline = otio.adapters.read_from_string(text, "cmx_3600", rate=float(standard_rate(frame_rate)))
    (clip,) = timeline.find_clips()
    frames = (clip.source_range.start_time.to_frames(), clip.source_range.duration.to_frames())
    assert frames == (round(100 * frame_rate), round(103 * frame_rate) - round(100 * frame_rate))
    assert clip.name == "dogs.mp4"


def test_an_edl_has_no_room_for_a_thousand():
    with pytest.raises(ExportError, match="999 events, and there are 1000"):
        render_hits([hit(0, 1)] * 1000, title="t", format_name="edl")


@pytest.mark.parametrize("frame_rate", [23.976, 25.0, 29.97, 30.0, 60.0, None])
def test_otio_reads_its_own_back(frame_rate):
    hits = [hit(100.0, 103.0, frame_rate=frame_rate), hit(5.0, 5.0, frame_rate=frame_rate)]
    timeline = otio.adapters.read_from_string(
        render_hits(hits, title="two dogs", format_name="otio").decode(), "otio_json"
    )
    first, second = timeline.find_clips()
    assert timeline.name == "two dogs"
    assert first.source_range.start_time.to_seconds() == pytest.approx(100.0, abs=0.03)
    assert first.source_range.duration.to_seconds() == pytest.approx(3.0, abs=0.03)
    assert second.source_range.duration.to_frames() == 1
    assert first.media_reference.target_url == "file:///videos/dogs.mp4"
    assert first.metadata["vidsearch"]["caption"] == "a dog"


@pytest.mark.parametrize(
    ("frame_rate", "frame_duration"),
    [(23.976, "1001/24000s"), (25.0, "1/25s"), (29.97, "1001/30000s"), (30.0, "1/30s"), (60.0, "1/60s")],
)
def test_fcpxml_times_are_whole_frames(frame_rate, frame_duration):
    hits = [hit(10.01, 12.3, frame_rate=frame_rate), hit(0.0, 1.0, frame_rate=frame_rate)]
    root = ET.fromstring(render_hits(hits, title="t", format_name="fcpxml"))
    assert [one.get("frameDuration") for one in root.iter("format")] == [frame_duration]
    frame = Fraction(frame_duration.rstrip("s"))
    position = Fraction(0)
    for clip in root.iter("asset-clip"):
        times = {key: Fraction(clip.get(key, "").rstrip("s")) for key in ("offset", "start", "duration")}
        assert all((time / frame).denominator == 1 for time in times.values())
        assert times["offset"] == position
        position += times["duration"]
    (sequence,) = root.iter("sequence")
    assert Fraction(sequence.get("duration", "").rstrip("s")) == position


def test_fcpxml_is_read_by_the_otio_adapter():
    pytest.importorskip("otio_fcpx_xml_adapter")
    text = render_hits(HITS, title="a dog", format_name="fcpxml").decode()
    timeline = otio.adapters.read_from_string(text, "fcpx_xml")
    names = [clip.name for clip in timeline.find_clips()] if hasattr(timeline, "find_clips") else []
    assert names == ["dogs.mp4", "cats & <co>.mp4"]


def test_fcpxml_names_and_places_files():
    root = ET.fromstring(render_hits(HITS, title="a dog", format_name="fcpxml"))
    assert [one.get("src") for one in root.iter("media-rep")] == [
        "file:///videos/dogs.mp4",
        "file:///videos/cats%20%26%20%3Cco%3E.mp4",
    ]
    assert [one.get("value") for one in root.iter("marker")] == ["a dog", 'a "cat" --> & <b>']


def test_csv_has_a_row_a_hit():
    rows = list(
        csv.DictReader(io.StringIO(render_hits(HITS, title="", format_name="csv").decode(), newline=""))
    )
    assert rows[0] == {
        "rank": "1",
        "video": "/videos/dogs.mp4",
        "start_seconds": "10.0",
        "end_seconds": "12.0",
        "time_seconds": "10.0",
        "score": "0.25",
        "confidence": "0.9",
        "caption": "a dog",
    }
    assert [row["rank"] for row in rows] == ["1", "2"]


@pytest.mark.parametrize("name", HIT_FORMATS)
@pytest.mark.parametrize("nasty", NASTY_NAMES)
def test_any_name_and_caption_is_one_entry(name, nasty):
    one = hit(1.0, 2.0, name=nasty, caption="two\nlines\x00\x1b\u2028\ufffe & <b>")
    data = render_hits([one, hit(3.0, 4.0, video_id=2)], title="a\nb", format_name=name)
    assert data == render_hits([one, hit(3.0, 4.0, video_id=2)], title="a\nb", format_name=name)
    text = data.decode()
    if name == "edl":
        assert len(re.findall(r"(?m)^\d{3}  ", text)) == 2
        assert len(text.splitlines()) == 9
    elif name == "otio":
        assert len(list(otio.adapters.read_from_string(text, "otio_json").find_clips())) == 2
    elif name == "fcpxml":
        root = ET.fromstring(data)
        assert len(list(root.iter("asset-clip"))) == 2
        urls = [one.get("src", "") for one in root.iter("media-rep")]
        assert unquote(urls[0], errors="surrogateescape") == f"file:///videos/{nasty}"
    else:
        assert len(list(csv.DictReader(io.StringIO(text, newline="")))) == 2


def test_the_suffix_says_the_format(tmp_path):
    assert export_hits(HITS, tmp_path / "cut.EDL", title="a dog").read_bytes() == render_hits(
        HITS, title="a dog", format_name="edl"
    )
    with pytest.raises(ExportError, match=r"'mov'.*edl, otio, fcpxml, csv"):
        export_hits(HITS, tmp_path / "cut.mov", title="a dog")


@pytest.mark.parametrize("name", ["edl", "otio", "fcpxml"])
def test_no_results_make_no_cut(name):
    with pytest.raises(ExportError, match="Nothing was found"):
        render_hits([], title="t", format_name=name)
