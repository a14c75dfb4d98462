"""`mini` means what it says: real pictures, real words, and the promises its docstrings make."""

import gc
import shutil
import subprocess
import sys
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsearch.errors import ModelUnavailable
from vidsearch.models.mini import MiniCaptioner, MiniEmbedder, MiniMatcher, MiniTextEncoder, weights
from vidsearch.models.mini.beam import END, UNKNOWN, beam_search, forbidden, largest
from vidsearch.models.mini.decoder import CaptionDecoder, words_of
from vidsearch.models.mini.embedder import FeatureMemory, ImageFeatures, ImageTower
from vidsearch.models.mini.matcher import MatchMap, fitted_files
from vidsearch.models.mini.naming import Noun, Proposal, alone, likeliest_noun, plural, renamed, with_article
from vidsearch.types import UNCLEAR_CAPTION


@pytest.fixture(scope="module")
def embedder():
    return MiniEmbedder(num_threads=2)


@pytest.fixture(scope="module")
def captioner():
    return MiniCaptioner(num_threads=2)


@pytest.fixture(scope="module")
def photographs():
    data = pytest.importorskip("skimage.data", reason="the photographs that scikit-image ships")
    return {name: getattr(data, name)() for name in ("astronaut", "chelsea", "coffee", "rocket")}


class TestEmbedder:
    @pytest.mark.parametrize(
        ("query", "wanted"),
        [
            ("a cat", "chelsea"),
            ("a cup of coffee", "coffee"),
            ("a rocket on its launch pad", "rocket"),
            ("a smiling woman in an orange suit", "astronaut"),
        ],
    )
    def test_finds_what_is_asked_for(self, embedder, photographs, query, wanted):
        scores = embedder.embed_images(list(photographs.values())) @ embedder.embed_texts([query])[0]
        assert list(photographs)[int(scores.argmax())] == wanted

    def test_rows_are_unit_float32_in_one_space(self, embedder, photographs):
        images = embedder.embed_images(list(photographs.values()))
        texts = embedder.embed_texts(["a cat", ""])
        assert images.dtype == texts.dtype == np.float32
        assert images.shape == (4, embedder.space.dim)
        np.testing.assert_allclose(np.linalg.norm(np.concatenate([images, texts]), axis=1), 1, atol=1e-5)
        assert embedder.space == MiniTextEncoder(num_threads=1).space

    def test_an_empty_batch_is_empty(self, embedder):
        assert embedder.embed_images([]).shape == (0, 384)
        assert embedder.embed_texts([]).shape == (0, 384)
        assert embedder.grid([]).shape == (0, 9, 9, 384)

    def test_a_result_does_not_depend_on_neighbours(self, embedder, photographs):
        images = list(photographs.values()) * 5
        together = embedder.embed_images(images)
        np.testing.assert_allclose(embedder.embed_images(images[2:3])[0], together[2], atol=1e-4)
        texts = ["a cat", "a much longer sentence about a cat that sits on a mat", "dogs"]
        np.testing.assert_allclose(
            embedder.embed_texts(texts)[2], embedder.embed_texts(texts[2:])[0], atol=1e-5
        )

    def test_the_grid_adds_up_to_the_vector(self, embedder, photographs):
        images = list(photographs.values())
        grid = embedder.grid(images)
        assert grid.shape == (4, 9, 9, 384)
        np.testing.assert_allclose(grid.mean(axis=(1, 2)), embedder.embed_images(images), atol=1e-4)

    def test_the_heat_map_points_at_the_cat(self, embedder, photographs):
        canvas = np.full((448, 448, 3), 128, np.uint8)
        canvas[256:, 256:] = photographs["chelsea"][60:252, 100:292]
        heat = embedder.grid([canvas])[0] @ embedder.embed_texts(["a cat"])[0]
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        assert row >= 3
        assert column >= 3

    @pytest.mark.parametrize("shape", [(10, 10), (10, 10, 4), (0, 10, 3)])
    def test_refuses_what_is_no_picture(self, embedder, shape):
        with pytest.raises(ValueError, match="uint8"):
            embedder.embed_images([np.zeros(shape, np.uint8)])


class TestCaptioner:
    def test_says_what_is_there(self, captioner, photographs):
        said = [c.text for c in captioner.captions([photographs["chelsea"], photographs["coffee"]])]
        assert "cat" in said[0].split()
        assert "coffee" in said[1].split()

    def test_says_what_a_strange_picture_shows_as_a_whole(self, captioner, photographs):
        """Its sentences know people, dogs and snow, and no rocket."""
        (caption,) = captioner.captions([photographs["rocket"]])
        assert caption.text == "a picture of a rocket"

    def test_what_it_has_no_words_for_is_called_hard_to_make_out(self, captioner):
        data = pytest.importorskip("skimage.data", reason="the photographs that scikit-image ships")
        (caption,) = captioner.captions([np.stack([data.coins()] * 3, axis=-1)])
        assert caption.text == UNCLEAR_CAPTION

    def test_a_caption_has_a_log_probability_per_word_and_none_repeats(self, captioner, photographs):
        captions = captioner.captions(list(photographs.values()))
        assert len(captions) == 4
        for caption in captions:
            assert caption.text == " ".join(caption.tokens)
            assert len(caption.tokens) == len(caption.token_logprobs)
            assert all(value <= 0 for value in caption.token_logprobs)
            assert all(a != b for a, b in zip(caption.tokens, caption.tokens[1:], strict=False))

    def test_no_image_changes_its_neighbour(self, captioner, photographs):
        images = list(photographs.values())
        together = [c.text for c in captioner.captions(images)]
        assert [captioner.captions([image])[0].text for image in images] == together
        assert captioner.captions([]) == []

    def test_bars_change_no_caption(self, captioner, photographs):
        """With bars a kitchen was an animal in front of a store."""
        bars = ((0, 0), (300, 300), (0, 0))
        framed = [np.pad(photographs[name], bars, constant_values=12) for name in ("coffee", "rocket")]
        said = [caption.text for caption in captioner.captions(framed)]
        assert said == ["a picture of a cup of coffee", "a picture of a rocket"]

    def test_a_grey_picture_has_no_colours(self, captioner, photographs):
        """A man in an old film wore a blue shirt."""
        grey = np.repeat(photographs["astronaut"].mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
        parts = [grey[top:bottom] for top, bottom in ((0, 300), (0, 400), (100, 512))]
        said = {word for caption in captioner.captions(parts) for word in caption.tokens}
        assert said.isdisjoint({"red", "blue", "green", "yellow", "orange", "brown", "pink", "purple"})

    def test_attention_has_a_map_per_word(self, captioner, photographs):
        (maps,) = captioner.attention([photographs["chelsea"]], [("a", "cat", "xylophonist")])
        assert maps.shape == (3, 9, 9)
        assert (maps >= 0).all()
        assert (maps.sum(axis=(1, 2)) <= 1 + 1e-5).all()


class TestDecoder:
    def test_words_are_lower_case_and_without_punctuation(self):
        assert words_of("A man's DOG, with 2 sticks!") == ["a", "man", "s", "dog", "with", "2", "sticks"]
        assert words_of("?!") == []

    def test_a_likelihood_is_the_mean_over_words_and_the_end(self, photographs):
        decoder = CaptionDecoder(num_threads=2)
        (features,) = ImageTower(num_threads=2).features([photographs["chelsea"]])
        pictures = decoder.pictures(features)
        steps, found, before = decoder.steps(pictures), [], 1
        for word in (decoder.number["a"], decoder.number["cat"], UNKNOWN, END):
            found.append(steps(np.array([before], np.int64), None)[0, word])
            before = word
        likelihood = decoder.likelihood(pictures, ["a", "cat", "xylophonist"])
        np.testing.assert_allclose(likelihood, [np.mean(found)], atol=1e-5)

    def test_an_image_is_read_alike_after_others_are_left_out(self, photographs):
        decoder = CaptionDecoder(num_threads=2)
        (features,) = ImageTower(num_threads=2).features([photographs["chelsea"], photographs["coffee"]])
        together, alone = (
            decoder.steps(decoder.pictures(features, rows)) for rows in (slice(None), slice(1, 2))
        )
        together(np.array([1, 1], np.int64), None)
        alone(np.array([1], np.int64), None)
        words = np.array([decoder.number["a"], decoder.number["cup"]], np.int64)
        left = together(words, np.array([1, 1], np.int64))
        np.testing.assert_allclose(left, alone(words, np.array([0, 0], np.int64)), atol=1e-4)

    def test_of_a_long_text_the_first_words_are_read_and_no_end(self, photographs):
        decoder = CaptionDecoder(num_threads=2)
        (features,) = ImageTower(num_threads=2).features([photographs["chelsea"]])
        pictures, words = decoder.pictures(features), ["a", "dog", "and"] * 7
        longer = decoder.likelihood(pictures, [*words, "a", "cat"])
        np.testing.assert_array_equal(decoder.likelihood(pictures, words), longer)
        assert decoder.likelihood(pictures, words[:18]) != longer


class TestMatcher:
    @pytest.fixture(scope="class")
    @classmethod
    def matcher(cls):
        return MiniMatcher(num_threads=2)

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("a cat looks into the camera", "chelsea"),
            ("a cup of coffee on a table", "coffee"),
            ("a smiling woman in an orange suit", "astronaut"),
        ],
    )
    def test_what_fits_wins(self, matcher, photographs, text, wanted):
        chosen = {name: photographs[name] for name in ("astronaut", "chelsea", "coffee")}
        scores = matcher.match_scores(list(chosen.values()), text)
        assert list(chosen)[int(scores.argmax())] == wanted

    def test_a_score_does_not_depend_on_neighbours(self, matcher, photographs):
        images = list(photographs.values()) * 3
        together = matcher.match_scores(images, "a cat")
        alone = np.concatenate([matcher.match_scores([image], "a cat") for image in images[:4]])
        np.testing.assert_allclose(together, np.tile(alone, 3), atol=1e-4)

    def test_the_captioner_has_a_say(self, matcher):
        """The embedder alone would give words in any order nearly the same."""
        data = pytest.importorskip("skimage.data", reason="the photographs that scikit-image ships")
        decoder, tower = CaptionDecoder(num_threads=2), ImageTower(num_threads=2)
        batches = [decoder.pictures(features) for features in tower.features([data.stereo_motorcycle()[0]])]
        (said,) = matcher.likelihoods(batches, "a man is sitting on a motorcycle")
        (jumbled,) = matcher.likelihoods(batches, "motorcycle a on sitting is man a")
        assert said > jumbled

    def test_the_map_is_a_probability_and_keeps_the_order(self):
        fitted = MatchMap.read()
        assert fitted.weights_digest == fitted_files(), "run benchmarks/rerank.py FLICKR8K --write"
        assert fitted.likelihood_weight > 0
        assert fitted.slope > 0
        cosines, likelihoods = np.array([0.4, 0.1, 0.1], np.float32), np.array([0.5, 0.5, -2.0], np.float32)
        first, second, third = fitted.probability(fitted.score(cosines, likelihoods))
        assert 1 > first > second > third > 0


class TestFeatureMemory:
    def test_a_picture_that_was_just_embedded_is_captioned_without_the_tower(self, photographs, monkeypatch):
        """Guards against running the larger half of the work twice on each picture of an ingest."""
        embedder, captioner = MiniEmbedder(num_threads=1), MiniCaptioner(num_threads=1)
        images = list(photographs.values())
        expected = captioner.captions(images)
        vectors = embedder.embed_images(images)
        runs = []
        monkeypatch.setattr(ImageTower, "_run", lambda tower, pixels: runs.append(len(pixels)))

        assert captioner.captions([image.copy() for image in images]) == expected
        assert runs == []

        monkeypatch.undo()
        assert np.array_equal(embedder.embed_images(images), vectors)

    def test_a_picture_that_changes_is_another_one(self, photographs):
        embedder, captioner = MiniEmbedder(num_threads=1), MiniCaptioner(num_threads=1)
        cat, rocket = photographs["chelsea"][:300], photographs["rocket"][:300, :451]
        image = cat.copy()
        embedder.embed_images([image])
        image[:] = rocket

        assert captioner.captions([image]) == captioner.captions([rocket])

    def test_it_forgets_the_oldest(self):
        memory = FeatureMemory()
        pixels = np.arange(70 * 12, dtype=np.uint32).view(np.uint8).reshape(70, 4, 4, 3)
        made = ImageFeatures(*(np.arange(70, dtype=np.float32)[:, None] for _ in range(5)))
        memory.keep(pixels, made)

        assert [each and each.cells[0, 0] for each in memory.find(pixels[[0, 5, 6, 69]])] == [
            None,
            None,
            6,
            69,
        ]


@settings(deadline=None)
@given(seed=st.integers(0, 1000), size=st.integers(1, 9000), count=st.integers(1, 60))
def test_the_largest_are_those_of_a_whole_sort(seed, size, count):
    values = np.random.default_rng(seed).integers(-500, 500, size).astype(np.float64)

    assert largest(values, count).tolist() == np.argsort(-values, kind="stable")[:count].tolist()


class TestWeights:
    def test_all_of_it_is_under_40_megabytes_and_listed(self):
        files = [path for path in weights.FOLDER.iterdir() if path.name != weights.MANIFEST]
        assert {path.name for path in files} == set(weights.manifest()["files"])
        assert {path.suffix for path in files} == {".json", ".onnx"}
        assert sum(path.stat().st_size for path in files) <= 40_000_000

    def test_a_changed_file_is_refused(self, tmp_path):
        folder = tmp_path / "weights"
        shutil.copytree(weights.FOLDER, folder)
        with (folder / "text.onnx").open("r+b") as file:
            file.seek(1000)
            file.write(b"changed")
        with pytest.raises(ModelUnavailable, match=r"text\.onnx has SHA-256 .* reinstall"):
            MiniTextEncoder(folder=folder)

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(ModelUnavailable, match=r"manifest\.json"):
            weights.checked("text.onnx", tmp_path)

    def test_a_file_is_opened_once_and_let_go_with_its_last_user(self):
        """Guards against an ingest that holds the image and text towers twice."""
        first = weights.session("caption_encode.onnx", num_threads=3)
        assert weights.session("caption_encode.onnx", num_threads=3) is first
        assert weights.session("caption_encode.onnx", num_threads=4) is not first
        gone = weakref.ref(first)
        del first
        gc.collect()
        assert gone() is None

    def test_a_search_imports_no_torch_and_no_opencv(self):
        code = (
            "import sys; from vidsearch.models.mini import MiniTextEncoder;"
            "MiniTextEncoder(num_threads=1).embed_texts(['a']);"
            "print([m for m in ('torch', 'transformers', 'cv2') if m in sys.modules])"
        )
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert out.stdout.strip() == "[]"


class TestBeamSearch:
    def test_finds_the_likeliest_sentence_that_a_greedy_search_misses(self):
        # Word 4 starts better and ends worse than word 5.
        table = {1: {4: -0.5, 5: -0.9}, 4: {6: -3.0}, 5: {7: -0.1}, 6: {2: -0.1}, 7: {2: -0.1}}

        def step(token, rows):
            scores = np.full((len(token), 8), -50.0, np.float32)
            for row, word in enumerate(token.tolist()):
                for after, value in table.get(word, {}).items():
                    scores[row, after] = value
            return scores

        found = beam_search(
            step,
            1,
            function_words=frozenset(),
            unfinished_ends=frozenset(),
            width=2,
            min_words=0,
            max_words=4,
        )
        assert found[0][0].words == (5, 7)
        assert found[0][0].logprobs == pytest.approx((-0.9, -0.1))

    def test_reads_no_rows_of_images_that_are_finished(self):
        # Image 0 says 4, image 1 says 5 7 8; after its end nothing of image 0 is read.
        table = {1: {4: -0.1, 5: -0.1}, 4: {2: -0.1}, 5: {7: -0.1}, 7: {8: -0.1}, 8: {2: -0.1}}
        banned = np.zeros((2, 9), bool)
        banned[0, 5] = banned[1, 4] = True
        read = []

        def step(token, rows):
            read.append((token.tolist(), None if rows is None else rows.tolist()))
            scores = np.full((len(token), 9), -2e9, np.float32)
            for row, word in enumerate(token.tolist()):
                for after, value in table.get(word, {}).items():
                    scores[row, after] = value
            return scores

        found = beam_search(
            step, 2, function_words=frozenset(), unfinished_ends=frozenset(), banned=banned, width=2,
            min_words=0, max_words=4,
        )  # fmt: skip
        assert [hypotheses[0].words for hypotheses in found] == [(4,), (5, 7, 8)]
        assert read == [
            ([1, 1], None),
            ([4, 0, 5, 0], [0, 0, 1, 1]),
            ([7, 0], [2, 2]),
            ([8, 0], [0, 0]),
        ]

    def test_a_content_word_is_said_once_and_a_pair_never_twice(self):
        function_words = frozenset({10, 11})
        assert forbidden([10, 20, 11, 10], function_words) == {20, 10}
        assert forbidden([10, 11, 20, 10], function_words) == {20, 10, 11}


def proposed(sentence: str) -> Proposal:
    words = tuple(sentence.split())
    return Proposal(words, (-1.0,) * len(words), score=-1.0)


class TestNaming:
    def test_sums_the_classes_of_one_noun(self):
        classes = np.array([0.3, 0.3, 0.2, 0.2], np.float32)
        nouns = ["cat", "cat", "sofa", None]
        noun = likeliest_noun(classes, nouns, frozenset({"cat"}))
        assert noun is not None
        assert (noun.text, noun.is_animal, round(noun.probability, 3)) == ("cat", True, 0.6)
        assert likeliest_noun(classes, ["cat", "sofa", None, None], frozenset({"cat"})) is None

    def test_puts_the_animal_in_the_captions_words(self):
        noun = Noun("elephant", is_animal=True, probability=0.9)
        mended = renamed(proposed("a brown dog is standing"), noun)
        assert mended is not None
        assert mended.words == ("a", "brown", "elephant", "is", "standing")
        assert renamed(proposed("a man is standing"), noun) is None
        assert renamed(proposed("two dogs and a dog"), noun) is None

    def test_says_a_thing_alone_with_its_article(self):
        umbrella = Noun("umbrella", is_animal=False, probability=0.9)
        proposal = alone(proposed("a man is standing"), umbrella, score=-0.5)
        assert proposal is not None
        assert proposal.words == ("a", "picture", "of", "an", "umbrella")
        assert proposal.score == -1.5
        assert alone(proposed("a man with an umbrella"), umbrella, score=-0.5) is None

    def test_plurals_and_articles(self):
        assert [plural(w) for w in ("cat", "butterfly", "monkey", "fox", "sheep", "goose", "wolf")] == [
            "cats", "butterflies", "monkeys", "foxes", "sheep", "geese", "wolves",
        ]  # fmt: skip
        assert with_article(["a", "orange", "on", "an", "table"]) == ("an", "orange", "on", "a", "table")
