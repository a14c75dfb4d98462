from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import ColourCaptioner, ColourEmbedder
from vidsearch.bench import NO_B_FRAMES, Part, bench, write_clip
from vidsearch.errors import NotAVideo
from vidsearch.ingest import LookPolicy
from vidsearch.media.container import open_video
from vidsearch.media.decode import frames
from vidsearch.media.decoder import PictureDecoder
from vidsearch.media.images import is_blank
from vidsearch.media.probe import probe
from vidsearch.types import SamplingPlan


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("bench") / "clip.mp4", seconds=12, width=160, height=90)


def test_a_clip_is_as_long_as_asked_for_and_repeats_what_it_encoded(clip):
    info = probe(clip)
    assert (info.codec, info.width, info.height, info.frame_rate) == ("h264", 160, 90, 30.0)
    assert info.duration_seconds == pytest.approx(12.0, abs=0.05)
    shown = list(frames(clip, SamplingPlan()))
    assert [frame.time_seconds for frame in shown] == [float(second) for second in range(12)]
    assert not any(is_blank(frame.image) for frame in shown)
    assert (shown[0].image == shown[6].image).all()
    assert not (shown[0].image == shown[5].image).all()
    assert [path.name for path in clip.parent.iterdir()] == ["clip.mp4"]


def test_without_b_frames_every_picture_up_to_the_last_sampled_one_has_to_be_decoded(clip, tmp_path):
    without = write_clip(
        tmp_path / "without.mp4", seconds=12, width=160, height=90, encoder_options=NO_B_FRAMES
    )
    # Each turn of six seconds has key frames at 0 and 5 s; the last instants before the next are 4 and 5 s.
    assert _num_decoded(without) == 2 * (4 * 30 + 1 + 1)
    assert _num_decoded(clip) < 0.65 * _num_decoded(without)


def test_every_part_is_reckoned_up_to_what_the_whole_puts_through_it(clip):
    embedder, captioner = ColourEmbedder(), ColourCaptioner()
    said: list[Part] = []
    report = bench(
        clip,
        embedders=[embedder],
        captioner=captioner,
        policy=LookPolicy(rule="every", every=4),
        on_part=said.append,
    )
    assert [(part.name, part.num_frames) for part in report.parts] == [
        ("decode", 12),
        ("preprocess", 12),
        ("embed", 12),
        ("caption", 3),
    ]
    assert (report.whole.name, report.whole.num_frames, report.num_frames) == ("whole", 12, 12)
    assert said == [*report.parts, report.whole]
    assert report.peak_memory_bytes >= report.models_memory_bytes > 0
    assert report.times_real_time == pytest.approx(12.0 / report.whole.wall_seconds)


def test_ratios(clip):
    report = bench(clip, embedders=[ColourEmbedder()])
    slowest = max(part.wall_seconds for part in report.parts)
    assert report.whole_to_slowest_part == pytest.approx(report.whole.wall_seconds / slowest)
    ideal = sum(part.cpu_seconds for part in report.parts) / report.num_cores
    assert report.whole_to_ideal == pytest.approx(report.whole.wall_seconds / ideal)
    assert Part("embed", 10, 2.0, 1.0).frames_per_second == 5.0


def test_what_is_no_video_is_an_error(tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    with pytest.raises(NotAVideo):
        bench(text, embedders=[ColourEmbedder()])


def _num_decoded(path: Path) -> int:
    with open_video(path) as video:
        decoder = PictureDecoder(video)
        assert list(decoder.pictures_at([float(second) for second in range(12)]))
        return decoder.num_packets
