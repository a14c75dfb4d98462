"""What to say of a picture that the captioner has no words for: a phrase that fits, or that it is unclear.

The captioner writes fluent sentences of people and dogs, whatever it is shown. Where the embedder finds
nothing of such a sentence in a picture, or little in a strange one, a phrase from a list may fit instead ("a
supermarket"). A cosine means another thing for each phrase, so it is told in deviations from what the phrase
scores against photographs as a rule. Where none stands out, the caption says so: no words are better than
wrong ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.models.mini.naming import names_animals, with_article
from vidsearch.models.mini.people import names_people
from vidsearch.types import UNCLEAR_CAPTION

if TYPE_CHECKING:
    from vidsearch.models.mini.naming import Noun
    from vidsearch.models.protocols import TextEncoder
    from vidsearch.types import Float32

UNCLEAR = tuple(UNCLEAR_CAPTION.split())
SOMEBODY = ("a", "picture", "of", "a", "person")
_INTRODUCTION = ("a", "picture", "of")
_SCENE, _SCENE_IF_STRANGE = 3.0, 1.2
"""Of a picture without people and animals a phrase is said that fits by so many deviations more than as a
rule, and by so many further ones if it is strange."""
_SURE = 0.5
"""From this probability on a thing is said rather than a phrase that does not hold it."""
_INSIDE = tuple(
    tuple(place.split())
    for place in """
    a kitchen|a bathroom|a bedroom|a living room|a dining room|an office|a classroom|an empty room|a room
    a library|a museum|a church|a corridor|a shop|a supermarket|a market|a restaurant|a bar
    a hospital|a laboratory|a workshop|a factory|a warehouse|a gym|a garage|a field|a garden|a forest
    a greenhouse|a desert|a playground
    """.strip()
    .replace("\n", "|")
    .split("|")
)
"""Places that a thing can be in."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The phrase that fits a picture best."""

    words: tuple[str, ...]
    """As a caption."""
    logprobs: tuple[float, ...]
    """Of each word: the phrase's own share among all phrases, and 0 for the words that lead to it."""
    height: float
    """How far it fits better than it does photographs as a rule, in deviations."""


def phrase_vectors(encoder: TextEncoder, phrases: Sequence[str]) -> Float32:
    """Unit rows (n, dim): each phrase by itself and as a caption has it, together."""
    led = encoder.embed_texts([" ".join((*_INTRODUCTION, phrase)) for phrase in phrases])
    both = encoder.embed_texts(phrases) + led
    return (both / np.linalg.norm(both, axis=1, keepdims=True)).astype(np.float32)  # type: ignore[no-any-return]


def whole(phrase: str, logprob: float, *, height: float = math.inf) -> Scene:
    """A phrase as a caption: "a picture of a kitchen"."""
    said = tuple(phrase.split())
    return Scene(
        words=(*_INTRODUCTION, *said),
        logprobs=(0.0,) * len(_INTRODUCTION) + (logprob,) * len(said),
        height=height,
    )


class Scenes:
    """The phrases, embedded when the first picture asks: most videos never do."""

    def __init__(self, usual: Sequence[tuple[str, float, float]], encoder: TextEncoder) -> None:
        """`usual`: each phrase with the mean and the deviation of its cosines with photographs."""
        self._phrases = [phrase for phrase, _, _ in usual]
        self._name_people = np.array([names_people(phrase.split()) for phrase in self._phrases])
        self._name_animals = np.array([names_animals(phrase) for phrase in self._phrases])
        self._means = np.array([mean for _, mean, _ in usual], np.float32)
        self._deviations = np.array([deviation for _, _, deviation in usual], np.float32)
        self._encoder = encoder
        self._vectors: Float32 | None = None

    def best(self, embedding: Float32, *, with_people: bool = True, with_animals: bool = True) -> Scene:
        """The phrase that fits an image's unit vector (dim,) best.

        It names people only `with_people`, and animals only `with_animals`.
        """
        if self._vectors is None:
            self._vectors = phrase_vectors(self._encoder, self._phrases)
        heights = (self._vectors @ embedding - self._means) / self._deviations
        if not with_people:
            heights[self._name_people] = -np.inf
        if not with_animals:
            heights[self._name_animals] = -np.inf
        at = int(heights.argmax())
        logprob = -float(np.log(np.exp(heights - heights[at]).sum()))
        return whole(self._phrases[at], logprob, height=float(heights[at]))


def of_things(noun: Noun | None, scene: Scene, *, strange: float) -> Scene | None:
    """What to say of a picture without people and animals, by its surest thing and its best phrase.

    Both, where the phrase is a room or place that a thing stands in. None where neither is sure.
    """
    fits = scene.height >= _SCENE + _SCENE_IF_STRANGE * strange
    if noun is None:
        return scene if fits else None
    said = tuple(noun.text.split())
    place = scene.words[len(_INTRODUCTION) :]
    if not set(said).isdisjoint(place):
        return scene
    logprobs = (0.0,) + (math.log(noun.probability),) * len(said)
    named = with_article(["a", *said])
    inside = next((room for room in _INSIDE if place[-len(room) :] == room), None)
    if inside is not None and fits:
        beliefs = (*logprobs, 0.0, *scene.logprobs[-len(inside) :])
        return replace(scene, words=(*named, "in", *inside), logprobs=beliefs)
    if noun.probability < _SURE and fits:
        return scene
    led = (*_INTRODUCTION[:2], "of")
    return replace(scene, words=(*led, *named), logprobs=(0.0,) * len(led) + logprobs)
