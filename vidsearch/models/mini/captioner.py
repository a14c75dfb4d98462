"""The captioner of `mini`: beam search over a small decoder, then a choice among what it found by what people
would agree on and by the embedder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import vidsearch.models.mini.weights as weights
from vidsearch.models.mini.beam import START, UNKNOWN, Hypothesis, beam_search
from vidsearch.models.mini.consensus import Consensus
from vidsearch.models.mini.decoder import CaptionDecoder
from vidsearch.models.mini.embedder import GRID, ImageFeatures, ImageTower
from vidsearch.models.mini.evidence import Evidence, Seen
from vidsearch.models.mini.graphics import Graphics
from vidsearch.models.mini.images import SIDE_PIXELS, is_grey, without_bars
from vidsearch.models.mini.naming import (
    ANIMAL_WORDS,
    Noun,
    Proposal,
    alone,
    likeliest_noun,
    not_a_dog,
    renamed,
    with_article,
)  # fmt: skip
from vidsearch.models.mini.people import (
    FEMALE,
    MALE,
    OF_PEOPLE,
    PEOPLE,
    is_sex_plain,
    names_people,
    neutral,
)
from vidsearch.models.mini.scenes import SOMEBODY, UNCLEAR, Scene, Scenes, of_things
from vidsearch.models.mini.text import MiniTextEncoder
from vidsearch.types import GeneratedCaption

if TYPE_CHECKING:
    import numpy.typing as npt

    from vidsearch.types import Float32, UInt8Image

_LINKING = """a an the in on of and is are with to at by his her their its while as for from into onto near
next through that another front"""
_OF_PLACE_AND_NUMBER = "it over up down out off behind other one around along under"
# Words that may come twice in a caption: they join, and name nothing.
_FUNCTION_WORDS = frozenset(_LINKING.split()) | frozenset(_OF_PLACE_AND_NUMBER.split())
# What no picture without colours shows.
_COLOURS = frozenset(
    """
    red orange yellow green blue purple violet pink brown tan beige golden turquoise teal maroon colorful
    colored multicolored multi-colored
    """.split()  # noqa: SIM905
)
# Words that something must follow.
_NEVER_LAST = frozenset(_LINKING.split()) | {"wearing", "two", "three"}
# So many images are searched at a time: more take more memory, and no less time each.
_SEARCHED = 4
# So many of the sentences found are read by the embedder, which takes far longer than counting their words.
_READ = 8
# From here on a picture is unlike them, and a thing's name alone may be its caption.
_STRANGE = 0.5
# A sentence whose cosine with its picture is lower than this, and this more for strange ones, is a guess.
_UNFOUNDED, _UNFOUNDED_IF_STRANGE = 0.1, 0.2
# From this cosine on a sentence is good even for a strange picture.
_WELL_FOUNDED = 0.45
# A phrase for the whole picture is said in place of a guess where it fits by so many deviations more than as
# a rule; where it fits by so many, in place of any sentence that is not good, of pictures as strange as this.
_CLEAR, _VIVID, _VIVID_FROM = 4.5, 5.0, 0.3
# From this share of an image's probability on dogs' classes, and so much more if it is strange, a dog may be
# called one, and not just an animal.
_DOG, _DOG_IF_STRANGE = 0.05, 0.25
# A thing may be named from this probability on in a picture that shows nobody and no animal.
_THING = 0.4


@dataclass(frozen=True, slots=True)
class _Picture:
    """What the choice of a caption goes by."""

    embedding: Float32
    classes: Float32
    expected: Float32
    strange: float
    has_people: bool
    has_animals: bool
    shows_people_surely: bool
    graphic: Scene | None
    """What to say of one that was drawn."""


class MiniCaptioner:
    """Images to English captions: sentences of 5 to 18 words, or phrases of 4 and more."""

    def __init__(
        self, *, num_threads: int | None = None, num_beams: int = 24, folder: Path = weights.FOLDER
    ) -> None:
        self._tower = ImageTower(num_threads=num_threads, folder=folder)
        self._tower.remember()
        self._decoder = CaptionDecoder(num_threads=num_threads, folder=folder)
        self._consensus = Consensus(num_threads=num_threads, folder=folder)
        self._evidence = Evidence(num_threads=num_threads, folder=folder)
        self._graphics = Graphics(num_threads=num_threads, folder=folder)
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
        self._of_people = self._mask(PEOPLE | OF_PEOPLE)
        self._of_animals = self._mask(ANIMAL_WORDS)
        self._of_colours = self._mask(_COLOURS)
        self._male, self._female = ([number[w] for w in words if w in number] for words in (MALE, FEMALE))
        self._num_beams = num_beams
        self.weights_digest = weights.all_digest(folder)

    def _mask(self, words: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Which words of the vocabulary are among these: bool (vocabulary,)."""
        chosen = frozenset(words)
        return np.array([word in chosen for word in self._decoder.words])

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
        is the classifier's, and the words of "a picture of" before that have 0. For a whole phrase it
        is its share among the phrases; where a picture is called hard to make out, the mean of the sentence
        that was not believed.
        """
        out: list[GeneratedCaption] = []
        images = [without_bars(image) for image in images]
        for features in self._tower.features_again(images):  # an ingest has just embedded them
            strange = features.strangeness()
            seen = self._evidence.seen(features, strange)
            graphics = self._graphics.seen(features)
            photographed = np.array([graphic is None for graphic in graphics])
            grey = np.array([is_grey(image) for image in images[len(out) : len(out) + len(graphics)]])
            found = self._search(features, seen, photographed=photographed, grey=grey)
            expected = self._consensus.expected(features)
            pictures = [
                _Picture(
                    features.embedding[i], features.classes[i], expected[i], float(strange[i]),
                    has_people=bool(seen.people[i]), has_animals=bool(seen.animals[i]),
                    shows_people_surely=bool(seen.people_surely[i]), graphic=graphics[i],
                )
                for i in range(len(found))
            ]  # fmt: skip
            proposed = [self._proposals(*each) for each in zip(found, pictures, strict=True)]
            vectors = self._text.embed_texts([" ".join(one.words) for each in proposed for one in each])
            ends = np.cumsum([len(each) for each in proposed])
            for each, end, picture in zip(proposed, ends.tolist(), pictures, strict=True):
                agreement = vectors[end - len(each) : end] @ picture.embedding
                out.append(
                    self._choose(each, agreement, picture) if each else self._without_sentence(picture)
                )
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

    def _search(
        self,
        features: ImageFeatures,
        seen: Seen,
        *,
        photographed: npt.NDArray[np.bool_],
        grey: npt.NDArray[np.bool_],
    ) -> list[list[Hypothesis]]:
        """Sentences about each image that name nobody, no animal and no colour that is not seen.

        None about an image that shows nobody and no animal, and none about one that was drawn: of what else
        there is the decoder knows too little.
        """
        found: list[list[Hypothesis]] = [[] for _ in seen.people]
        worth = np.flatnonzero((seen.people | seen.animals) & photographed)
        for start in range(0, len(worth), _SEARCHED):
            rows = worth[start : start + _SEARCHED]
            pictures = self._decoder.pictures(features, rows)
            banned = (
                (~seen.people[rows, None] & self._of_people)
                | (~seen.animals[rows, None] & self._of_animals)
                | (grey[rows, None] & self._of_colours)
            )
            searched = beam_search(
                self._decoder.steps(pictures), len(rows), banned=banned,
                width=self._num_beams, function_words=self._function_words, unfinished_ends=self._never_last,
            )  # fmt: skip
            for row, hypotheses in zip(rows.tolist(), searched, strict=True):
                found[row] = hypotheses
        return found

    def _proposals(self, found: list[Hypothesis], picture: _Picture) -> list[Proposal]:
        """The best sentences found for one image, and what they become where an ImageNet class has a name."""
        proposals = [
            Proposal(
                with_article([self._decoder.words[i] for i in h.words]),
                h.logprobs,
                h.score + self._consensus_weight * self._consensus.agreement(picture.expected, h.words),
            )
            for h in found
        ]
        proposals = sorted(proposals, key=lambda proposal: -proposal.score)[:_READ]
        noun = self._noun(picture)
        dog = sum(p for p, noun in zip(picture.classes.tolist(), self._nouns, strict=True) if noun == "dog")
        if dog < _DOG + _DOG_IF_STRANGE * picture.strange:
            proposals = [not_a_dog(proposal) for proposal in proposals]
        if noun is None or not proposals:
            return proposals
        named = [renamed(proposal, noun) for proposal in proposals]
        if picture.strange >= _STRANGE:
            named.append(alone(proposals[0], noun, score=self._alone_score))
        return proposals + [proposal for proposal in named if proposal is not None]

    def _noun(self, picture: _Picture) -> Noun | None:
        return likeliest_noun(picture.classes, self._nouns, self._animals, strange=picture.strange)

    def _choose(self, proposals: list[Proposal], agreement: Float32, picture: _Picture) -> GeneratedCaption:
        """The best by its score and the embedder's similarity to the image, or what is said instead."""
        scores = np.array([proposal.score for proposal in proposals])
        best = int(np.argmax(scores + self._agreement * agreement))
        found, strange = proposals[best], picture.strange
        is_guess = agreement[best] < _UNFOUNDED + _UNFOUNDED_IF_STRANGE * strange
        if is_guess or (strange >= _VIVID_FROM and agreement[best] < _WELL_FOUNDED):
            scene = self._scene(picture)
            if scene.height >= (_CLEAR if is_guess else _VIVID):
                return _caption(scene.words, scene.logprobs)
        if is_guess:
            doubt = sum(found.logprobs) / max(len(found.logprobs), 1)
            said = SOMEBODY if picture.shows_people_surely else UNCLEAR
            return _caption(said, (doubt,) * len(said))
        if not names_people(found.words) or self._is_sex_plain(found.words, picture):
            return _caption(found.words, found.logprobs)
        return _caption(*neutral(found.words, found.logprobs))

    def _scene(self, picture: _Picture) -> Scene:
        """The phrase that fits an image best, and names nobody, and no animal, that is not seen."""
        return self._scenes.best(
            picture.embedding, with_people=picture.has_people, with_animals=picture.has_animals
        )

    def _is_sex_plain(self, words: Sequence[str], picture: _Picture) -> bool:
        """Whether those who would write of the image would mostly name the sexes that these words name."""
        male = self._consensus.likelihood(picture.expected, self._male)
        female = self._consensus.likelihood(picture.expected, self._female)
        return is_sex_plain(words, male=male, female=female)

    def _without_sentence(self, picture: _Picture) -> GeneratedCaption:
        """What to say of an image that was drawn, or that shows a scene or a thing alone."""
        if picture.graphic is not None:
            return _caption(picture.graphic.words, picture.graphic.logprobs)
        scene = self._scene(picture)
        noun = likeliest_noun(picture.classes, self._nouns, self._animals, enough=_THING)
        described = of_things(noun, scene, strange=picture.strange)
        if described is None:
            return _caption(UNCLEAR, scene.logprobs[-1:] * len(UNCLEAR))
        return _caption(described.words, described.logprobs)


def _caption(words: Sequence[str], logprobs: Sequence[float]) -> GeneratedCaption:
    text = " ".join(words)
    return GeneratedCaption(text=text, raw_text=text, tokens=tuple(words), token_logprobs=tuple(logprobs))
