"""Timecodes at the rates that editing programs know, against OpenTimelineIO's own arithmetic."""

from fractions import Fraction

import pytest

from vidsearch.captions.export.timecode import (
    first_hour,
    frame_number,
    has_drop_frames,
    standard_rate,
    timecode,
)

FILM = Fraction(24000, 1001)
PAL = Fraction(25)
NTSC = Fraction(30000, 1001)
NTSC_60 = Fraction(60000, 1001)


@pytest.mark.parametrize(
    ("measured", "exact"),
    [
        (23.976, FILM),
        (23.976023976023978, FILM),
        (24.0, Fraction(24)),
        (25, PAL),
        (29.97, NTSC),
        (29.97002997, NTSC),
        (30.0, Fraction(30)),
        (59.94, NTSC_60),
        (60.0, Fraction(60)),
        (12.5, PAL),
        (None, PAL),
        (float("nan"), PAL),
    ],
)
def test_a_containers_rate_is_made_exact(measured, exact):
    assert standard_rate(measured) == exact


@pytest.mark.parametrize(
    ("frame", "rate", "label"),
    [
        (0, PAL, "00:00:00:00"),
        (24, PAL, "00:00:00:24"),
        (25, PAL, "00:00:01:00"),
        (90_000, PAL, "01:00:00:00"),
        (24, FILM, "00:00:01:00"),
        (86_400, FILM, "01:00:00:00"),
        (1799, Fraction(30), "00:00:59:29"),
        (1800, Fraction(30), "00:01:00:00"),
        (1799, NTSC, "00:00:59;29"),
        (1800, NTSC, "00:01:00;02"),
        (17_981, NTSC, "00:09:59;29"),
        (17_982, NTSC, "00:10:00;00"),
        (107_892, NTSC, "01:00:00;00"),
        (3599, NTSC_60, "00:00:59;59"),
        (3600, NTSC_60, "00:01:00;04"),
        (35_964, NTSC_60, "00:10:00;00"),
        (3600, Fraction(60), "00:01:00:00"),
    ],
)
def test_known_labels(frame, rate, label):
    assert timecode(frame, rate) == label


@pytest.mark.parametrize("rate", [FILM, Fraction(24), PAL, NTSC, Fraction(30), NTSC_60, Fraction(60)])
def test_labels_agree_with_opentimelineio(rate):
    opentime = pytest.importorskip("opentimelineio.opentime")
    for frame in [*range(40_000), *range(107_000, 108_500), *range(2_589_000, 2_590_000)]:
        theirs = opentime.RationalTime(frame, float(rate)).to_timecode(float(rate), None)
        assert timecode(frame, rate) == theirs


@pytest.mark.parametrize("rate", [FILM, PAL, NTSC, Fraction(30), NTSC_60, Fraction(60)])
def test_the_hour_begins_where_its_label_says(rate):
    assert timecode(first_hour(rate), rate) in ("01:00:00:00", "01:00:00;00")


@pytest.mark.parametrize("rate", [FILM, PAL, NTSC, Fraction(30), Fraction(60)])
def test_a_frames_own_time_gives_its_number_ten_hours_in(rate):
    # Frame numbers from float seconds drift into the neighbour when the rate is rounded.
    for frame in (0, 1, 999, 1_000_001):
        assert frame_number(float(frame / rate), rate) == frame


def test_only_the_fractional_thirty_and_sixty_drop():
    assert [rate for rate in (FILM, PAL, NTSC, Fraction(30), NTSC_60) if has_drop_frames(rate)] == [
        NTSC,
        NTSC_60,
    ]
