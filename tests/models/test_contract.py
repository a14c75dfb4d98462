"""Every implementation of the model seams, against the same suites."""

from __future__ import annotations

import pytest

from tests.fakes import ColourCaptioner, ColourEmbedder, MotionEmbedder, PitchEmbedder
from tests.models.conftest import CPU
from tests.models.contract import (
    CaptionerContract,
    EmbedderContract,
    MatcherContract,
    SoundEmbedderContract,
    TextEncoderContract,
    VideoEmbedderContract,
)
from vidsearch.models.registry import (
    load_captioner,
    load_embedder,
    load_matcher,
    load_sound_embedder,
    load_text_encoder,
    load_video_embedder,
)


class TestColourEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self):
        return ColourEmbedder()


class TestColourCaptioner(CaptionerContract):
    @pytest.fixture
    def captioner(self):
        return ColourCaptioner()


class TestTinyClip(EmbedderContract):
    @pytest.fixture
    def embedder(self, tiny_clip):
        return tiny_clip


class TestTinySiglip(EmbedderContract):
    @pytest.fixture
    def embedder(self, tiny_siglip):
        return tiny_siglip


@pytest.mark.parametrize("family", ["siglip2", "metaclip2"])
class TestTinyModelsOfToday(EmbedderContract):
    @pytest.fixture
    def embedder(self, tiny, family):
        return load_embedder(str(getattr(tiny, family)), device=CPU)


class TestMotionEmbedder(VideoEmbedderContract):
    @pytest.fixture
    def embedder(self):
        return MotionEmbedder()


class TestPitchEmbedder(SoundEmbedderContract):
    @pytest.fixture
    def embedder(self):
        return PitchEmbedder()


class TestTinyXclip(VideoEmbedderContract):
    @pytest.fixture
    def embedder(self, tiny):
        return load_video_embedder(str(tiny.xclip), device=CPU, batch_size=2)


class TestTinyPeVideo(VideoEmbedderContract):
    @pytest.fixture
    def embedder(self, tiny):
        return load_video_embedder(str(tiny.pe), device=CPU, batch_size=2)


class TestTinyPeSound(SoundEmbedderContract):
    @pytest.fixture
    def embedder(self, tiny):
        return load_sound_embedder(str(tiny.pe), device=CPU, batch_size=2)


class TestTinyClap(SoundEmbedderContract):
    @pytest.fixture
    def embedder(self, tiny):
        return load_sound_embedder(str(tiny.clap), device=CPU, batch_size=2)


class TestTinyBlip(EmbedderContract):
    @pytest.fixture
    def embedder(self, tiny_blip):
        return tiny_blip


class TestMini(EmbedderContract):
    @pytest.fixture
    def embedder(self, mini_embedder):
        return mini_embedder


class TestMiniText(TextEncoderContract):
    @pytest.fixture
    def encoder(self, mini_text):
        return mini_text


class TestMiniCaptioner(CaptionerContract):
    @pytest.fixture
    def captioner(self, mini_captioner):
        return mini_captioner


class TestMiniMatcher(MatcherContract):
    @pytest.fixture
    def matcher(self, mini_matcher):
        return mini_matcher


class TestTinyBlipMatcher(MatcherContract):
    @pytest.fixture
    def matcher(self, tiny):
        return load_matcher(str(tiny.blip_retrieval), device=CPU, batch_size=4)


@pytest.mark.parametrize(
    "family", ["clip", "siglip", "siglip2", "metaclip2", "xclip", "clap", "pe", "blip_retrieval"]
)
class TestTextTowers(TextEncoderContract):
    @pytest.fixture
    def encoder(self, tiny, family):
        return load_text_encoder(str(getattr(tiny, family)))


@pytest.mark.parametrize("num_beams", [1, 3])
class TestTinyBlipCaptioner(CaptionerContract):
    @pytest.fixture
    def captioner(self, tiny, num_beams):
        return load_captioner(str(tiny.blip_captioner), device=CPU, num_beams=num_beams, batch_size=4)


class TestTinyFlorence(CaptionerContract):
    @pytest.fixture
    def captioner(self, tiny):
        return load_captioner(str(tiny.florence), device=CPU, batch_size=4)
