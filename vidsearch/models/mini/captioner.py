"""The captioner of `mini`: beam search over a small decoder, then a choice among what it found by what people
would agree on and by the embedder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import vidsearch.models.mini.weights as weights
from vidsearch.models.mini.beam import START, UNKNOWN, Hypothesis, beam_search
from vidsearch.models.mini.consensus import Consensus
from vidsearch.models.mini.decoder import CaptionDecoder
from vidsearch.models.mini.embedder import GRID, ImageFeatures, ImageTower
from vidsearch.models.mini.images import SIDE_PIXELS
from vidsearch.models.mini.naming import Proposal, alone, likeliest_noun, renamed, with_article
from vidsearch.models.mini.scenes import UNCLEAR, Scenes
from vidsearch.models.mini.text import MiniTextEncoder
from vidsearch.types import GeneratedCaption

if TYPE_CHECKING:
    from vidsearch.types import Float32, UInt8Image

_LINKING = """a an the in on of and is are with to at by his her their its while as for from into onto near
next through that another front"""
_OF_PLACE_AND_NUMBER = "it over up down out off behind other one around along under"
# Words that may come twice in a caption: they join, and name nothing.
_FUNCTION_WORDS = frozenset(_LINKING.split()) | frozenset(_OF_PLACE_AND_NUMBER.split())
# Words that something must follow.
_NEVER_LAST = frozenset(_LINKING.split()) | {"wearing", "two", "three"}
# So many images are searched at a time: more take more memory, and no less time each.
_SEARCHED = 4
# So many of the sentences found are read by the embedder, which takes far longer than counting their words.
_READ = 8
# The gate's share for a picture like the training ones; for one that is not it is 1.
KNOWN_SHARE = 0.3
# From here on a picture is unlike them, and a thing's name alone may be its caption.
_STRANGE = 0.5
# A sentence whose cosine with its picture is lower than this, and this more for strange ones, is a guess.
_UNFOUNDED, _UNFOUNDED_IF_STRANGE = 0.1, 0.2
# From this cosine on a sentence is good even for a strange picture.
_WELL_FOUNDED = 0.45
# A phrase for the whole picture is said in place of a guess where it fits by so many deviations more than as
# a rule; where it fits by so many, in place of any sentence that is not good, of pictures as strange as this.
_CLEAR, _VIVID, _VIVID_FROM = 4.5, 5.0, 0.3


class MiniCaptioner:
    """Images to English sentences of 5 to 18 words."""

    def __init__(
        self, *, num_threads: int | None = None, num_beams: int = 24, folder: Path = weights.FOLDER
    ) -> None:
        self._tower = ImageTower(num_threads=num_threads, folder=folder)
        self._decoder = CaptionDecoder(num_threads=num_threads, folder=folder)
        self._consensus = Consensus(num_threads=num_threads, folder=folder)
        self._text = MiniTextEncoder(num_threads=num_threads, folder=folder)
        facts = weights.read_json("captioner.json", folder)
        self._nouns: list[str | None] = facts["nouns"]
        self._animals = frozenset(facts["animals"])
        self._agreement: float = facts["agreement"]
        self._consensus_weight: float = facts["consensus"]
        self._alone_score: float = facts["alone_score"]
        self._scenes = Scenes(facts["scenes"], self._text)
        number = self._decoder.number
        self._function_words = frozenset(number[w] for w in _FUNCTION_WORDS if w in number)
        self._never_last = frozenset(number[w] for w in _NEVER_LAST if w in number)
        self._num_beams = num_beams

    @property
    def model(self) -> str:
        """The registry's name."""
        return "mini"

    @property
    def prompt(self) -> str | None:
        """None: the captioner takes no prompt."""
        return None

    @property
    def short_side_pixels(self) -> int:
        """The shorter side that an image needs to lose nothing."""
        return SIDE_PIXELS

    def captions(self, images: Sequence[UInt8Image]) -> list[GeneratedCaption]:
        """Caption images: one caption each, in order.

        A token is a word. Its log-probability is the decoder's; for a word taken from ImageNet's classes it
        is the classifier's, and the words of "a close up of" before that have 0. For a whole phrase it
        is its share among the phrases; where a picture is called hard to make out, the mean of the sentence
        that was not believed.
        """
        out: list[GeneratedCaption] = []
        for features in self._tower.features(images):
            found = self._search(features)
            strange = [strangeness(features, i) for i in range(len(found))]
            expected = self._consensus.expected(features)
            proposed = [
                self._proposals(hypotheses, expected[i], features.classes[i], strange[i])
                for i, hypotheses in enumerate(found)
            ]
            vectors = self._text.embed_texts([" ".join(one.words) for each in proposed for one in each])
            ends = np.cumsum([len(each) for each in proposed])
            for i, (each, end) in enumerate(zip(proposed, ends.tolist(), strict=True)):
                agreement = vectors[end - len(each) : end] @ features.embedding[i]
                out.append(self._choose(each, agreement, features.embedding[i], strange[i]))
        return out

    def attention(self, images: Sequence[UInt8Image], captions: Sequence[Sequence[str]]) -> list[Float32]:
        """Where the decoder looks at each word: for each image float32 (num_words, 9, 9), each map
        summing to 1 or less.

        `captions` holds each image's words (`GeneratedCaption.tokens`). The rest of a map's sum
        went to the tokens
        that stand for the whole image. Words outside the vocabulary are read as unknown.
        """
        out: list[Float32] = []
        first = 0
        for features in self._tower.features(images):
            for i in range(len(features.embedding)):
                tokens = [self._decoder.number.get(word, UNKNOWN) for word in captions[first + i]]
                steps = self._decoder.steps(self._decoder.pictures(features, slice(i, i + 1)))
                maps = []
                for token in [START, *tokens[:-1]] if tokens else []:
                    steps(np.array([token], np.int64), None)
                    maps.append(steps.attention[0].reshape(GRID, GRID))
                out.append(np.array(maps, np.float32).reshape(len(maps), GRID, GRID))
            first += len(features.embedding)
        return out

    def _search(self, features: ImageFeatures) -> list[list[Hypothesis]]:
        found: list[list[Hypothesis]] = []
        for start in range(0, len(features.embedding), _SEARCHED):
            pictures = self._decoder.pictures(features, slice(start, start + _SEARCHED))
            found += beam_search(
                self._decoder.steps(pictures, width=self._num_beams), pictures.keys.shape[1],
                width=self._num_beams, function_words=self._function_words, unfinished_ends=self._never_last,
            )  # fmt: skip
        return found

    def _proposals(
        self, found: list[Hypothesis], expected: Float32, classes: Float32, strange: float
    ) -> list[Proposal]:
        """The best sentences found for one image, and what they become where an ImageNet class has a name."""
        proposals = [
            Proposal(
                with_article([self._decoder.words[i] for i in h.words]),
                h.logprobs,
                h.score + self._consensus_weight * self._consensus.agreement(expected, h.words),
            )
            for h in found
        ]
        proposals = sorted(proposals, key=lambda proposal: -proposal.score)[:_READ]
        noun = likeliest_noun(classes, self._nouns, self._animals, strange=strange)
        if noun is None:
            return proposals
        named = [renamed(proposal, noun) for proposal in proposals]
        if strange >= _STRANGE:
            named.append(alone(proposals[0], noun, score=self._alone_score))
        return proposals + [proposal for proposal in named if proposal is not None]

    def _choose(
        self, proposals: list[Proposal], agreement: Float32, embedding: Float32, strange: float
    ) -> GeneratedCaption:
        """The best by its score and the embedder's similarity to the image, or what is said instead."""
        scores = np.array([proposal.score for proposal in proposals])
        best = int(np.argmax(scores + self._agreement * agreement))
        found = proposals[best]
        is_guess = agreement[best] < _UNFOUNDED + _UNFOUNDED_IF_STRANGE * strange
        if is_guess or (strange >= _VIVID_FROM and agreement[best] < _WELL_FOUNDED):
            scene = self._scenes.best(embedding)
            if scene.height >= (_CLEAR if is_guess else _VIVID):
                return _caption(scene.words, scene.logprobs)
        if is_guess:
            doubt = sum(found.logprobs) / max(len(found.logprobs), 1)
            return _caption(UNCLEAR, (doubt,) * len(UNCLEAR))
        return _caption(found.words, found.logprobs)


def strangeness(features: ImageFeatures, i: int) -> float:
    """How unlike the training photographs image number `i` is, 0 to 1: what the tower's gate made of it.

    The embedding is head + share * conse, scaled; the share follows from its cosines with both.
    """
    head, conse, embedding = features.head[i], features.conse[i], features.embedding[i]
    between, ratio = float(head @ conse), float(embedding @ conse) / float(embedding @ head)
    share = (ratio - between) / (1 - ratio * between)
    return min(max((share - KNOWN_SHARE) / (1 - KNOWN_SHARE), 0.0), 1.0)


def _caption(words: Sequence[str], logprobs: Sequence[float]) -> GeneratedCaption:
    text = " ".join(words)
    return GeneratedCaption(text=text, raw_text=text, tokens=tuple(words), token_logprobs=tuple(logprobs))
