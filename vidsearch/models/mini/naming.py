"""Names for what the captioner's training photographs never showed: pandas, teapots, rockets.

The captioner was trained on photographs of people and dogs. Where the ImageNet classifier is sure of
something else, this puts its name in the place of the captioner's nearest word ("a black and white dog" ->
"panda"), or says it alone ("a picture of a teapot"). Both are proposals only: the embedder picks. The idea
is that of novel-object captioning (Hendricks et al., Deep Compositional Captioning, CVPR 2016).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidsearch.types import Float32

# What the captioner calls animals; it knows few, and calls a cat or a panda a dog.
_ANIMAL_WORDS = frozenset(
    """
    dog puppy animal cat kitten bird horse cow sheep goat bear duck poodle terrier retriever bulldog
    collie greyhound labrador dalmatian rottweiler lab beagle husky pug dachshund doberman elephant camel
    monkey lion tiger rabbit squirrel swan seagull deer turtle frog kitten pelican lioness dragon insect
    butterfly eagle crab fox zebra pony bull rooster
    """.split()  # noqa: SIM905
)
_ANIMALS_WORDS = frozenset(
    """
    dogs puppies animals cats birds horses cows sheep goats ducks greyhounds poodles camels elephants
    geese swans seagulls pigeons chickens bulls turkeys terriers wolves
    """.split()  # noqa: SIM905
)
ANIMAL_WORDS = _ANIMAL_WORDS | _ANIMALS_WORDS
"""Words of the captioner's vocabulary that name animals."""
_OTHER_ANIMALS = frozenset(
    """
    bee chickens fish giraffe giraffes hamster herd kangaroo lizard mouse owl panda parrot penguin pig snake
    spider zebras
    """.split()  # noqa: SIM905
)
_NO_ANIMALS = ("hot dog", "teddy bear", "fish on a plate")
_DOGS = frozenset(
    """
    dog puppy poodle terrier retriever bulldog collie greyhound labrador dalmatian rottweiler lab beagle husky
    pug dachshund boxer doberman shepherd spaniel terriers dogs puppies greyhounds poodles
    """.split()  # noqa: SIM905
)
_UNCHANGED_PLURALS = frozenset({"fish", "sheep"})
_MIN_ANIMAL, _MIN_THING = 0.4, 0.55


def names_animals(phrase: str) -> bool:
    """Whether a phrase, in lower case, names an animal that is alive."""
    if any(phrase.endswith(other) for other in _NO_ANIMALS):
        return False
    return not (ANIMAL_WORDS | _OTHER_ANIMALS).isdisjoint(phrase.split())


@dataclass(frozen=True, slots=True)
class Noun:
    """The everyday noun the classifier believes in, and how much."""

    text: str
    is_animal: bool
    probability: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """What might be the caption."""

    words: tuple[str, ...]
    logprobs: tuple[float, ...]
    """Of each word."""
    score: float
    """How good it is, or what it was mended from, before the embedder has read it."""


def likeliest_noun(
    classes: Float32, nouns: Sequence[str | None], animals: frozenset[str], *, strange: float = 0.0,
    enough: float | None = None,
) -> Noun | None:  # fmt: skip
    """The noun whose classes have most probability together, if that is enough to say it. classes:
    (1000,).

    What is enough, where it is not given, falls by half as `strange` goes from 0 to 1: there the captioner
    knows less.
    """
    sums: dict[str, float] = {}
    for noun, probability in zip(nouns, classes.tolist(), strict=True):
        if noun is not None and probability > 0.001:
            sums[noun] = sums.get(noun, 0.0) + probability
    if not sums:
        return None
    text = max(sums, key=lambda noun: sums[noun])
    is_animal = text in animals
    found = Noun(text, is_animal, min(sums[text], 1.0))
    if enough is None:
        enough = (_MIN_ANIMAL if is_animal else _MIN_THING) * (1 - 0.5 * strange)
    return found if found.probability >= enough else None


def plural(noun: str) -> str:
    """English plural of the nouns in use."""
    if noun in _UNCHANGED_PLURALS:
        return noun
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    if noun == "goose":
        return "geese"
    if noun.endswith(("wolf", "calf")):
        return noun[:-1] + "ves"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def with_article(words: Sequence[str]) -> tuple[str, ...]:
    """`a` and `an` set right by the word that follows."""
    out = list(words)
    for i, (word, after) in enumerate(itertools.pairwise(words)):
        if word in {"a", "an"}:
            out[i] = "an" if after[0] in "aeiou" and not after.startswith(("uni", "one", "use")) else "a"
    return tuple(out)


def renamed(proposal: Proposal, noun: Noun) -> Proposal | None:
    """The caption with `noun` in the place of its animal. None where there is no animal, or it's right."""
    if not noun.is_animal or noun.text in proposal.words or plural(noun.text) in proposal.words:
        return None
    spots = [i for i, word in enumerate(proposal.words) if word in _ANIMAL_WORDS or word in _ANIMALS_WORDS]
    if len(spots) != 1 or noun.text == "dog":
        return None
    said: list[str] = []
    beliefs: list[float] = []
    for i, (word, logprob) in enumerate(zip(proposal.words, proposal.logprobs, strict=True)):
        if i == spots[0]:
            pieces = (plural(noun.text) if word in _ANIMALS_WORDS else noun.text).split()
            said += pieces
            beliefs += [log(noun.probability)] * len(pieces)
        else:
            said.append(word)
            beliefs.append(logprob)
    return Proposal(with_article(said), tuple(beliefs), proposal.score)


def not_a_dog(proposal: Proposal) -> Proposal:
    """The caption with an animal in the place of each dog."""
    said = [_animal(word) if word in _DOGS else word for word in proposal.words]
    return replace(proposal, words=with_article(said))


def _animal(dog: str) -> str:
    return "animals" if dog in _ANIMALS_WORDS else "animal"


def alone(proposal: Proposal, noun: Noun, *, score: float) -> Proposal | None:
    """The noun by itself, where the caption says nothing of it. Scores `score` more than the caption."""
    if noun.text == "dog" or set(noun.text.split()) & set(proposal.words):
        return None
    pieces = noun.text.split()
    said = with_article(["a", "picture", "of", "a", *pieces])
    return Proposal(said, (0.0,) * 4 + (log(noun.probability),) * len(pieces), proposal.score + score)
