"""Sound is heard when it is heard, whatever the file does with its clocks."""

from __future__ import annotations

import itertools

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.stream import Disposition

from tests.sounds import beeps, heard_at, with_sound
from tests.synthetic import numbered, write_video
from vidsearch.errors import NoSound
from vidsearch.media.audio import AudioTrack, audio_blocks, audio_tracks


def decoded(path, *, sample_rate=16_000, **options):
    """The sound of a file as one array, after a look at whether its blocks have no holes."""
    blocks = list(audio_blocks(path, sample_rate=sample_rate, **options))
    for one, other in itertools.pairwise(blocks):
        assert other.start_seconds == pytest.approx(one.start_seconds + len(one.samples) / sample_rate)
    assert all(block.samples.dtype == np.float32 for block in blocks)
    return np.concatenate([block.samples for block in blocks])


def close(*times, within=0.03):
    return [pytest.approx(time, abs=within) for time in times]


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.mp4", "aac", 48_000),
        ("a.mp4", "aac", 22_050),
        ("a.mkv", "libopus", 48_000),
        ("a.mkv", "flac", 44_100),
        ("a.mov", "pcm_s16le", 44_100),
        ("a.avi", "libmp3lame", 44_100),
        ("a.ts", "aac", 48_000),
        ("a.flv", "aac", 44_100),
    ],
)
@pytest.mark.parametrize("sample_rate", [16_000, 48_000])
def test_sound_is_heard_when_it_was_recorded(tmp_path, name, codec, rate, sample_rate):
    samples = beeps(1.0, 6.5, 11.2, seconds=12, rate=rate)
    path = with_sound(tmp_path / name, samples, rate=rate, codec=codec)
    sound = decoded(path, sample_rate=sample_rate)
    assert heard_at(sound, sample_rate) == close(1.0, 6.5, 11.2)
    assert len(sound) / sample_rate == pytest.approx(12, abs=0.1)
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.mov"])
def test_sound_that_starts_after_the_pictures(tmp_path, name):
    """In an MP4 an edit list says so, elsewhere timestamps: either way the words come later."""
    path = with_sound(tmp_path / name, beeps(0.5, seconds=3), offset_seconds=7.25, picture_seconds=12)
    assert heard_at(decoded(path), 16_000) == close(7.75)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_sound_that_starts_before_the_pictures(tmp_path, name):
    path = with_sound(tmp_path / name, beeps(0.5, 4.0, seconds=6), pictures_from_seconds=2.0)
    assert heard_at(decoded(path), 16_000) == close(0.5, 4.0)


def test_a_broadcast_whose_clock_begins_anew_is_heard_on(tmp_path):
    """An MPEG-TS clock counts 26.5 hours: this one begins 4 s before it starts again from nothing."""
    start = 2**33 / 90_000 - 4
    path = with_sound(
        tmp_path / "a.ts",
        beeps(1.0, 3.0, 5.0, 9.0, seconds=10),
        offset_seconds=start,
        pictures_from_seconds=start,
    )
    assert heard_at(decoded(path), 16_000) == close(1.0, 3.0, 5.0, 9.0)
    assert heard_at(decoded(path, start_seconds=4.5), 16_000) == close(0.5, 4.5)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_lost_packets_are_silence_of_their_length(tmp_path, name):
    """A decoder that joins what is left moves all that comes after."""
    path = with_sound(tmp_path / name, beeps(1.0, 5.0, 9.0, seconds=10), without=(3.0, 7.0))
    sound = decoded(path)
    assert heard_at(sound, 16_000) == close(1.0, 9.0)
    assert not sound[16_000 * 4 : 16_000 * 6].any()


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
@pytest.mark.parametrize("start", [0.5, 4.0, 8.9])
def test_a_part_is_the_same_as_in_the_whole(tmp_path, name, start):
    codec = "libmp3lame" if name == "a.avi" else "aac"
    path = with_sound(tmp_path / name, beeps(*np.arange(0.25, 10), seconds=10), codec=codec)
    whole = heard_at(decoded(path), 16_000)
    part = heard_at(decoded(path, start_seconds=start, end_seconds=9.4), 16_000)
    expected = [time - start for time in whole if start <= time < 9.4]
    assert part == close(*expected, within=0.005)


@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050])
def test_a_part_is_resampled_in_the_same_step_as_the_whole(tmp_path, rate):
    """In another one it would be another sound to a model."""
    times = np.arange(8 * rate) / rate
    rising = (0.4 * np.sin(2 * np.pi * (200 + 150 * times) * times)).astype(np.float32)
    for name, codec in (("a.mov", "pcm_s16le"), ("a.mp4", "aac")):
        path = with_sound(tmp_path / name, rising, rate=rate, codec=codec, offset_seconds=1.234)
        whole = decoded(path)
        for start in (2.5, 54_672 / 16_000, 5.000125):
            part = decoded(path, start_seconds=start)
            np.testing.assert_array_equal(part, whole[round(start * 16_000) :])


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "aac"), ("a.mov", "ac3"), ("a.mov", "eac3")])
def test_noise_that_a_decoder_fills_in_is_the_same_wherever_it_begins(tmp_path, name, codec):
    """It depends on all that was decoded before: a run that went on heard other noise, and other words."""
    times = np.arange(70 * 44_100) / 44_100 % 8
    rising = (0.4 * np.sin(2 * np.pi * (200 + 150 * times) * times)).astype(np.float32)
    path = with_sound(
        tmp_path / name, rising, rate=44_100, codec=codec, offset_seconds=0.7, picture_seconds=1
    )
    whole = decoded(path)
    for start in (59.9, 60.1, 61.5, 66.0):
        np.testing.assert_array_equal(decoded(path, start_seconds=start), whole[round(start * 16_000) :])


@pytest.mark.parametrize("layout", ["5.1", "7.1", "6.1(front)", "hexadecagonal"])
def test_sound_of_any_layout_is_heard(tmp_path, layout):
    path = tmp_path / "a.mov"
    write_video(path.with_suffix(".mkv"), numbered, num_frames=12, b_frames=0)
    with av.open(str(path.with_suffix(".mkv"))) as source, av.open(str(path), "w") as target:
        pictures = target.add_stream_from_template(source.streams.video[0])
        sound = target.add_stream("pcm_s16le", rate=44_100, layout=layout)
        assert isinstance(sound, AudioStream)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = pictures
                target.mux(packet)
        samples = (beeps(1.0, seconds=3, rate=44_100) * 32_767).astype(np.int16)
        data = np.repeat(samples, sound.codec_context.layout.nb_channels)[None]
        frame = AudioFrame.from_ndarray(data, format="s16", layout=layout)
        frame.sample_rate, frame.pts = 44_100, 11_111
        target.mux(sound.encode(frame))
        target.mux(sound.encode(None))
    assert heard_at(decoded(path), 16_000) == close(1.0 + 11_111 / 44_100)


def test_of_several_tracks_the_default_one_or_the_one_asked_for(tmp_path):
    tracks = [beeps(time, seconds=4) for time in (1.0, 2.0, 3.0)]
    path = with_sound(tmp_path / "a.mkv", *tracks, default=2, languages=["eng", "deu", "und"])
    assert heard_at(decoded(path), 16_000) == close(2.0)
    assert heard_at(decoded(path, track=3), 16_000) == close(3.0)
    assert audio_tracks(path)[:2] == (
        AudioTrack(1, "aac", "en", None, 1, is_default=False, can_be_decoded=True),
        AudioTrack(2, "aac", "de", None, 1, is_default=True, can_be_decoded=True),
    )
    with pytest.raises(NoSound, match=r"has no sound track 4; it has 3"):
        decoded(path, track=4)


def test_a_commentary_that_is_marked_as_default_is_not_taken_for_the_films_own_sound(tmp_path):
    path = with_sound(tmp_path / "a.mkv", beeps(1.0, seconds=4), beeps(2.0, seconds=4), default=1)
    copy = tmp_path / "b.mkv"
    with av.open(str(path)) as source, av.open(str(copy), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        streams[1].disposition = Disposition.default | Disposition.comment
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
    assert heard_at(decoded(copy), 16_000) == close(2.0)
    assert heard_at(decoded(copy, track=1), 16_000) == close(1.0)


def test_no_sound_is_said(tmp_path):
    path = write_video(tmp_path / "a.mp4", numbered, num_frames=3)
    assert audio_tracks(path) == ()
    with pytest.raises(NoSound, match="has no sound"):
        decoded(path)


def test_damaged_bytes_do_not_move_what_comes_after(tmp_path):
    path = with_sound(tmp_path / "a.ts", beeps(1.0, 9.0, seconds=10), picture_seconds=10)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 6] = bytes(len(data) // 6)
    path.write_bytes(data)
    assert heard_at(decoded(path), 16_000)[-1] == pytest.approx(9.0, abs=0.03)


def test_both_channels_are_heard_and_numbers_that_are_none_are_silence(tmp_path):
    samples = beeps(1.0, seconds=3)
    samples[96_000:97_000] = np.nan
    path = with_sound(tmp_path / "a.mkv", samples, codec="pcm_f32le", layout="stereo")
    sound = decoded(path)
    assert np.isfinite(sound).all()
    assert heard_at(sound, 16_000) == close(1.0)
