"""What every embedder, text encoder, captioner and matcher must do, whatever is behind it.

A test module makes a class for one implementation by inheriting from a suite here and giving its fixture.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from vidsearch.models.protocols import (
    Captioner,
    Embedder,
    Matcher,
    SoundEmbedder,
    TextEncoder,
    VideoEmbedder,
)
from vidsearch.types import GeneratedCaption


def pictures(num: int, *, seed: int = 0) -> list[np.ndarray]:
    """Make pictures of several shapes and brightnesses, one of them a single pixel wide."""
    rng = np.random.default_rng(seed)
    shapes = [(40, 60), (61, 37), (24, 24), (9, 100), (70, 1), (33, 32)]
    made = []
    for index in range(num):
        height, width = shapes[index % len(shapes)]
        colour = rng.integers(0, 256, size=3)
        noise = rng.integers(-40, 41, size=(height, width, 3))
        made.append(np.clip(colour + noise, 0, 255).astype(np.uint8))
    return made


TEXTS = ["a red dog", "a woman with a child", "a boat on the water", "a green house"]
ODD_TEXTS = ["", " ", "!?", "犬が走る 🐕", "x" * 5000, "a\nb\tc\0d"]


class TextEncoderContract:
    """Give a fixture `encoder`."""

    @pytest.fixture
    def encoder(self) -> TextEncoder:
        raise NotImplementedError

    def test_texts_are_unit_rows_of_the_spaces_dimension(self, encoder):
        rows = encoder.embed_texts(TEXTS)
        assert rows.dtype == np.float32
        assert rows.shape == (len(TEXTS), encoder.space.dim)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)

    def test_no_texts_are_no_rows(self, encoder):
        rows = encoder.embed_texts([])
        assert rows.shape == (0, encoder.space.dim)
        assert rows.dtype == np.float32

    def test_a_text_does_not_depend_on_its_neighbours(self, encoder):
        """Guards against padding that leaks into a shorter text's vector."""
        together = encoder.embed_texts([*TEXTS, "a very " + "long " * 30 + "text"])[: len(TEXTS)]
        alone = np.concatenate([encoder.embed_texts([text]) for text in TEXTS])
        np.testing.assert_allclose(together, alone, atol=1e-4)

    @pytest.mark.parametrize("text", ODD_TEXTS)
    def test_any_text_has_a_vector(self, encoder, text):
        (row,) = encoder.embed_texts([text])
        assert np.isfinite(row).all()
        assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)

    def test_the_space_names_all_that_made_it(self, encoder):
        space = encoder.space
        assert space.model
        assert space.weights_digest
        assert space.preprocessing
        assert space.dim > 0


class EmbedderContract(TextEncoderContract):
    """Give a fixture `embedder`."""

    @pytest.fixture
    def embedder(self) -> Embedder:
        raise NotImplementedError

    @pytest.fixture
    def encoder(self, embedder: Embedder) -> TextEncoder:
        return embedder

    def test_images_are_unit_rows_of_the_spaces_dimension(self, embedder):
        rows = embedder.embed_images(pictures(7))
        assert rows.dtype == np.float32
        assert rows.shape == (7, embedder.space.dim)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)

    def test_no_images_are_no_rows(self, embedder):
        rows = embedder.embed_images([])
        assert rows.shape == (0, embedder.space.dim)
        assert rows.dtype == np.float32

    def test_an_image_does_not_depend_on_its_neighbours(self, embedder):
        images = pictures(6)
        alone = np.concatenate([embedder.embed_images([image]) for image in images])
        np.testing.assert_allclose(embedder.embed_images(images), alone, atol=1e-4)

    def test_order_is_kept_over_many_batches(self, embedder):
        images = pictures(10)
        forward = embedder.embed_images(images)
        np.testing.assert_allclose(embedder.embed_images(images[::-1])[::-1], forward, atol=1e-4)

    def test_images_are_left_as_they_were(self, embedder):
        (image,) = pictures(1)
        image.flags.writeable = False
        embedder.embed_images([image])

    def test_views_into_larger_arrays_are_images_too(self, embedder):
        """Guards against code that needs contiguous memory: a decoder may hand out views."""
        (image,) = pictures(1)
        view = np.repeat(image, 2, axis=1)[:, ::2]
        np.testing.assert_allclose(embedder.embed_images([view]), embedder.embed_images([image]), atol=1e-4)

    def test_different_pictures_differ(self, embedder):
        rows = embedder.embed_images(
            [np.full((32, 32, 3), (255, 0, 0), np.uint8), np.full((32, 32, 3), (0, 0, 255), np.uint8)]
        )
        assert not np.allclose(rows[0], rows[1], atol=1e-3)

    def test_short_side_is_a_number_of_pixels(self, embedder):
        assert embedder.short_side_pixels > 0


def clips(num: int, num_frames: int) -> list[np.ndarray]:
    """Make clips in which a light square moves over noise, each in its own way."""
    rng = np.random.default_rng(3)
    made = []
    for _ in range(num):
        clip = rng.integers(0, 60, size=(num_frames, 48, 48, 3), dtype=np.uint8)
        row, column, step_down, step_right = (
            rng.integers(0, 16, size=2).tolist() + rng.integers(-4, 5, size=2).tolist()
        )
        for index, frame in enumerate(clip):
            top, left = (row + index * step_down) % 36, (column + index * step_right) % 36
            frame[top : top + 12, left : left + 12] = 230
        made.append(clip)
    return made


class VideoEmbedderContract(TextEncoderContract):
    """Give a fixture `embedder`."""

    @pytest.fixture
    def embedder(self) -> VideoEmbedder:
        raise NotImplementedError

    @pytest.fixture
    def encoder(self, embedder: VideoEmbedder) -> TextEncoder:
        return embedder

    def test_clips_are_unit_rows_in_order(self, embedder):
        some = clips(5, embedder.num_frames)
        rows = embedder.embed_clips(some)
        assert rows.dtype == np.float32
        assert rows.shape == (5, embedder.space.dim)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
        alone = np.concatenate([embedder.embed_clips([clip]) for clip in some])
        np.testing.assert_allclose(rows, alone, atol=1e-4)

    def test_no_clips_are_no_rows(self, embedder):
        assert embedder.embed_clips([]).shape == (0, embedder.space.dim)

    def test_the_order_of_frames_matters(self, embedder):
        """Guards against a mean over frames: what moves left would be what moves right."""
        (clip,) = clips(1, embedder.num_frames)
        forwards, backwards = embedder.embed_clips([clip, clip[::-1].copy()])
        assert not np.allclose(forwards, backwards, atol=1e-3)

    def test_another_number_of_frames_is_an_error(self, embedder):
        with pytest.raises(ValueError, match="frames"):
            embedder.embed_clips(clips(1, embedder.num_frames + 1))

    def test_frames_may_come_one_by_one_and_of_several_sizes(self, embedder):
        """As a decoder gives them: a stream may change its size in the middle of a window."""
        (clip,) = clips(1, embedder.num_frames)
        frames = [
            np.repeat(np.repeat(frame, 2, axis=0), 2, axis=1) if n else frame for n, frame in enumerate(clip)
        ]
        apart = embedder.embed_clips([tuple(clip), tuple(frames)])
        np.testing.assert_allclose(apart[:1], embedder.embed_clips([clip]), atol=1e-5)
        assert np.isfinite(apart).all()

    def test_a_window_is_a_few_seconds(self, embedder):
        assert 1 <= embedder.window_seconds <= 30
        assert embedder.num_frames >= 2
        assert embedder.short_side_pixels > 0


def sounds(num: int, embedder: SoundEmbedder) -> list[np.ndarray]:
    """Make windows of notes over noise, the last one a third as long as the others."""
    rng = np.random.default_rng(4)
    made = []
    for index in range(num):
        share = 1 / 3 if index == num - 1 else 1
        count = int(embedder.window_seconds * embedder.sample_rate * share)
        times = np.arange(count) / embedder.sample_rate
        note = 0.4 * np.sin(2 * np.pi * 220 * (index + 1) * times)
        made.append((note + rng.normal(0, 0.05, count)).astype(np.float32))
    return made


class SoundEmbedderContract(TextEncoderContract):
    """Give a fixture `embedder`."""

    @pytest.fixture
    def embedder(self) -> SoundEmbedder:
        raise NotImplementedError

    @pytest.fixture
    def encoder(self, embedder: SoundEmbedder) -> TextEncoder:
        return embedder

    def test_sounds_are_unit_rows_in_order(self, embedder):
        some = sounds(3, embedder)
        rows = embedder.embed_sounds(some)
        assert rows.dtype == np.float32
        assert rows.shape == (3, embedder.space.dim)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
        alone = np.concatenate([embedder.embed_sounds([sound]) for sound in some])
        np.testing.assert_allclose(rows, alone, atol=1e-4)
        assert not np.allclose(rows[0], rows[1], atol=1e-3)

    def test_no_sounds_are_no_rows(self, embedder):
        assert embedder.embed_sounds([]).shape == (0, embedder.space.dim)

    def test_a_longer_sound_is_an_error_and_not_cropped_at_random(self, embedder):
        too_long = np.zeros(int(embedder.window_seconds * embedder.sample_rate) + 1, np.float32)
        with pytest.raises(ValueError, match="samples"):
            embedder.embed_sounds([too_long])


class CaptionerContract:
    """Give a fixture `captioner`."""

    @pytest.fixture
    def captioner(self) -> Captioner:
        raise NotImplementedError

    def test_one_caption_each_in_order(self, captioner):
        images = pictures(9)
        together = captioner.captions(images)
        assert len(together) == 9
        assert [each.text for each in together] == [captioner.captions([image])[0].text for image in images]

    def test_no_images_are_no_captions(self, captioner):
        assert captioner.captions([]) == []

    def test_captions_are_whole(self, captioner):
        for caption in captioner.captions(pictures(3)):
            assert isinstance(caption, GeneratedCaption)
            assert len(caption.tokens) == len(caption.token_logprobs) > 0
            assert all(math.isfinite(value) and value <= 1e-4 for value in caption.token_logprobs)
            assert caption.text == caption.text.strip()
            assert "\n" not in caption.text

    def test_the_captioner_says_what_it_is(self, captioner):
        assert captioner.model
        assert captioner.weights_digest
        assert captioner.prompt is None
        assert captioner.short_side_pixels > 0


class MatcherContract:
    """Give a fixture `matcher`."""

    @pytest.fixture
    def matcher(self) -> Matcher:
        raise NotImplementedError

    @pytest.mark.parametrize("text", [*TEXTS, *ODD_TEXTS, "a dog " * 40])
    def test_any_text_has_a_probability_for_each_image(self, matcher, text):
        scores = matcher.match_scores(pictures(3), text)
        assert scores.dtype == np.float32
        assert scores.shape == (3,)
        assert ((scores >= 0) & (scores <= 1)).all()

    def test_no_images_are_no_scores(self, matcher):
        scores = matcher.match_scores([], TEXTS[0])
        assert scores.shape == (0,)
        assert scores.dtype == np.float32

    def test_an_image_does_not_depend_on_its_neighbours(self, matcher):
        images = pictures(10)
        alone = np.concatenate([matcher.match_scores([image], TEXTS[0]) for image in images])
        np.testing.assert_allclose(matcher.match_scores(images, TEXTS[0]), alone, atol=1e-4)
        np.testing.assert_allclose(matcher.match_scores(images[::-1], TEXTS[0])[::-1], alone, atol=1e-4)

    def test_images_are_left_as_they_were(self, matcher):
        (image,) = pictures(1)
        image.flags.writeable = False
        matcher.match_scores([image], TEXTS[0])
