"""The reader of text, with its real networks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.ingest.written import card, card_clip
from tests.synthetic import write_video
from vidsearch.errors import ModelUnavailable
from vidsearch.evaluation.reading import evaluate_reading, letter_errors, open_pages
from vidsearch.media.decode import frames
from vidsearch.models import ocr
from vidsearch.models.ocr import PPOcr, TextLine, is_legible, is_thing
from vidsearch.service.library import Library
from vidsearch.types import SamplingPlan

LINES = ("Quarterly results", "I think so, at 10:30", "It costs $45.99")


@pytest.fixture(scope="module")
def reader() -> PPOcr:
    return PPOcr(num_threads=1)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0, 6.0])
def test_lines_are_read_from_top_to_bottom_at_any_size(reader, scale):
    """From 180 lines to 4K."""
    image = cv2.resize(card(*LINES), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    read = reader.read(image)
    assert tuple(line.text for line in read.lines) == LINES
    assert all(line.score >= 0.8 for line in read.lines)
    left, top, right, bottom = read.lines[0].box
    assert (left, top, right, bottom) == pytest.approx((0.04, 0.15, 0.44, 0.25), abs=0.02)


def test_accents_are_read(reader):
    image = Image.fromarray(card(width=800))
    try:
        font = ImageFont.truetype("DejaVuSans.ttf", 36)
    except OSError:
        pytest.skip("DejaVu fonts are not installed; the one of Pillow has no accents")
    ImageDraw.Draw(image).text((40, 150), "Größe, déjà vu, señora, Ångström", font=font, fill="white")
    (line,) = reader.read(np.asarray(image)).lines
    assert line.text == "Größe, déjà vu, señora, Ångström"


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (16, 16), (2000, 8), (360, 640)])
def test_a_picture_without_text_has_no_lines(reader, shape):
    assert reader.read(np.full((*shape, 3), 90, np.uint8)) == ocr.ReadText()


def test_a_portrait_picture_and_a_line_on_its_side_are_read(reader):
    portrait = card("Hello there", width=360, height=640)
    assert [line.text for line in reader.read(portrait).lines] == ["Hello there"]


@pytest.mark.parametrize("turns", [1, 3])
def test_a_line_that_stands_on_end_is_read_from_either_side(reader, turns):
    """Read from one side alone, what runs upwards was lost."""
    (line,) = reader.read(np.ascontiguousarray(np.rot90(card("Hello there"), turns))).lines
    assert line.text == "Hello there"


def test_what_is_there_and_cannot_be_read_is_counted(reader):
    upside_down = np.ascontiguousarray(np.rot90(card("Quarterly results"), 2))
    assert reader.read(upside_down) == ocr.ReadText(num_unclear=1)


def test_a_blurred_background_is_not_taken_for_a_script_that_is_not_read(reader):
    """The detector found one line as large as the picture in it, which made a warning."""
    noise = np.random.default_rng(0).integers(40, 120, (18, 32, 3), dtype=np.uint8)
    blurred = np.asarray(Image.fromarray(noise).resize((1280, 720), Image.Resampling.BICUBIC))
    assert len(list(reader._regions(blurred))) > 0
    assert reader.read(blurred) == ocr.ReadText()


def test_scripts_that_are_not_read_are_told_from_noise():
    legible = ["Room 12", "Δt = 5 μs", "東京タワー", "naïve", "100%"]
    assert [text for text in legible if not is_legible(text)] == []
    unread = [",", "", "θνα εíναι πρωτεουσα", "EΛΛA△A ΣHMEPA", "- / -"]
    assert [text for text in unread if is_legible(text)] == []


def test_things_that_look_like_one_ideograph_are_no_text():
    """A bottle was read as 电, and a car's window as 日, both with a score over 0.95."""
    tall, low = (0.47, 0.28, 0.53, 0.53), (0.47, 0.28, 0.53, 0.36)
    assert is_thing(TextLine("电", 0.95, tall))
    for line in (TextLine("电", 0.95, low), TextLine("东京", 0.95, tall), TextLine("3", 0.95, tall)):
        assert not is_thing(line)


def test_other_files_than_those_that_were_measured_are_refused(monkeypatch, tmp_path):
    """A minor release of the package may bring other networks."""
    (tmp_path / "models").mkdir()
    for name in ocr._FILES:
        (tmp_path / "models" / name).write_bytes(b"another network")

    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(ocr, "find_spec", lambda name: Spec)
    with pytest.raises(ModelUnavailable, match="is not the file that this version of vidsearch reads"):
        PPOcr()


def test_a_library_gains_the_text_on_the_screen(tmp_path: Path):
    clip = card_clip(tmp_path / "talk.mp4", [LINES[:1], LINES[:1], LINES[:2], LINES[1:]])
    with Library.create(tmp_path / "library") as library:
        library.index(clip, models="mini", captions=False)
        report = library.index(clip, text=True)
        hits = library.search("quarterly results", kinds=["text"])
    assert report.counts.num_lines_read == 3
    assert [(hit.start_seconds, hit.end_seconds) for hit in hits] == [(0.0, 3.0)]


def test_a_turned_video_is_read_upright(tmp_path: Path):
    turned = np.ascontiguousarray(np.rot90(card("Hello there"), 1))
    clip = write_video(tmp_path / "turned.mp4", [turned], frame_rate=1, rotation_degrees=90)
    (frame,) = frames(clip, SamplingPlan(), short_side_pixels=64, large_side_pixels=1080)
    assert frame.image.shape[0] == 64
    assert frame.large_image is not None
    assert frame.large_image.shape == (360, 640, 3)


def test_letters_are_counted_over_a_folder(reader, tmp_path: Path):
    assert letter_errors("one two", "one  tvo") == (1, 7)
    Image.fromarray(card(*LINES)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("\n".join(LINES))
    Image.fromarray(card("Nothing")).save(tmp_path / "b.png")
    report = evaluate_reading(open_pages(tmp_path), reader)
    assert (report.num_files, report.num_whole, report.num_errors) == (1, 1, 0)
    assert report.num_letters == len(" ".join(LINES))
