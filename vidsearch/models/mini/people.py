"""Words that name people, and words for them that do not tell their sex.

The captioner was trained on photographs of which six in seven show people, and names people in pictures that
show none. `MiniCaptioner` forbids these words where nobody is seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

_NEUTRAL = {
    "man": "person", "woman": "person", "men": "people", "women": "people", "guy": "person", "guys": "people",
    "lady": "person", "ladies": "people", "gentleman": "person", "male": "person", "female": "person",
    "males": "people", "females": "people", "boy": "child", "girl": "child", "boys": "children",
    "girls": "children", "his": "their", "her": "their", "he": "they", "she": "they", "him": "them",
    "himself": "themselves", "herself": "themselves",
}  # fmt: skip
MALE = frozenset("man men guy guys gentleman male males boy boys his he him himself".split())  # noqa: SIM905
FEMALE = frozenset("woman women lady ladies female females girl girls her she herself".split())  # noqa: SIM905
_PLURAL = {"person": "people", "child": "children"}

PEOPLE = frozenset(
    """
    person people human humans individual individuals someone man men woman women boy boys girl girls guy
    guys lady ladies gentleman gentlemen male males female females child children kid kids baby babies
    infant infants newborn toddler toddlers teenage teenager teenagers teen teens youth youths adult
    adults elder elderly couple couples family friend friends mother mothers mom father fathers dad parent
    parents son sons daughter daughters brother brothers sister sisters twins crowd crowds crowded
    audience spectators onlookers fans team teams teammate teammates member members crew gang troupe bride
    bridal brides bridesmaids groom groomsmen owner owners opponent opponents partner blonde blond
    brunette redhead redheaded acrobat actor artist artists assistant astronaut athlete athletes attendant
    backpacker ballerinas baseman bather batsman batter bicycler bicyclist bicyclists biker bikers boarder
    bowler cameraman camper campers catcher cheerleader cheerleaders chef citizens climber climbers clown
    clowns coach cook cop cowboy cowboys cowgirl cycler cyclist cyclists dancer dancers defender defenders
    diners diver divers dj doctor doctors driver drivers drummer farmer fencer fencers fighter firefighter
    firefighters fireman fishermen fisherman footballer footballers goalie golfer guard guards guitarist
    gymnast gymnasts hiker hikers instructor jockey jockeys jogger joggers jumper kayaker kayakers
    marchers monk motorcyclist motorcyclists motorist mountaineer musician musicians nurse officer
    officers official officials parachuter paraglider passenger passengers pedestrian pedestrians
    performer performers photographer photographers pirate pitcher player players police policeman
    policemen professional quarterback racer racers referee rider riders rollerblader rollerbladers rower
    rowers runner runners sailor santa shopper shoppers singer skateboarder skateboarders skater skaters
    skier skiers skiiers sledder snowboarder snowboarders soldier soldiers student students surfboarder
    surfer surfers swimmer swimmers sumo swordsman teacher teachers technician tourist tourists trainer
    umpire vendor vendors waiter wakeboarder walker waterskier windsurfer winner worker workers wrestler
    wrestlers
    """.split()  # noqa: SIM905
)
"""Words that name people."""

OF_PEOPLE = frozenset(
    """
    he she him his her hers himself herself they them their themselves who whose wearing wears worn
    dressed dressing shirt shirts shirtless jacket jackets coat coats jeans pants shorts trunks dress
    dresses skirt skirts suit suits outfit outfits uniform uniforms costume costumes clothes clothing
    attire swimsuit swimsuits bikini bikinis wetsuit wetsuits hat hats cap caps helmet helmets helmeted
    sunglasses glasses goggles scarf gloves vest vests hoodie sweater sweatshirt jersey jerseys robe robes
    headband bandanna beard bearded mustache hair haired bald hand hands finger fingers arm arms leg legs
    foot feet shoulder shoulders knee knees face faces barefoot smiling smiles smile laughing laughs
    talking talks speaking reading reads singing sings dancing dances posing poses posed riding rides ride
    skiing skis snowboarding skateboarding skateboards surfing surfs cycling bicycling biking bikes hiking
    hikes skating skates kayaking rafting rowing swinging swings kicking kicks throwing throws holding
    holds waving hugging hugs kissing kisses clapping cooking fishing painting writing smoking drinking
    shopping working performing performs guitar microphone cellphone cigarette purse trick tricks stunt
    stunts skateboard snowboard surfboard hockey baseball football soccer basketball volleyball tennis
    lacrosse rugby karate game match competition parade ridden
    """.split()  # noqa: SIM905
)
"""Words that tell of people without naming any: what people wear, have and do."""

PLAIN_SEX = 0.75
"""A sex is told where so much of what is expected of a caption's words for people of one sex tells it."""
BOTH_SEXES = 0.4
"""Both are told where each has so much of it. Both chosen on half 0 of `training/mini/sexes.py`."""

_ROLES = frozenset("someone worker technician astronaut cook doctor musician dancer face hands hand".split())  # noqa: SIM905


def names_people(words: Sequence[str]) -> bool:
    """Whether any of these words, in lower case, names a person or a part of one."""
    return any(word in PEOPLE or word in _ROLES for word in words)


def is_sex_plain(
    words: Sequence[str],
    *,
    male: float,
    female: float,
    plain: float = PLAIN_SEX,
    both: float = BOTH_SEXES,
) -> bool:
    """Whether a sentence tells no sex that is not plain.

    Args:
        words: of the sentence, in lower case.
        male: how many words for men and boys people would use of the picture, up to a factor.
        female: likewise for women and girls.
        plain: the share of both that the sex must have that alone is told.
        both: the share that each must have where both are told.
    """
    told = [mass for mass, sexed in ((male, MALE), (female, FEMALE)) if not sexed.isdisjoint(words)]
    enough = plain if len(told) == 1 else both
    return all(mass >= enough * (male + female) for mass in told)


def neutral(words: Sequence[str], logprobs: Sequence[float]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """A sentence that tells nobody's sex: "a man in a hat" becomes "a person in a hat".

    Two of a kind become "two people" or "two children". Returns the words, and for each the log-probability
    of the word that it stands for.
    """
    said = [(_NEUTRAL.get(word, word), logprob) for word, logprob in zip(words, logprobs, strict=True)]
    names = [word for word, _ in said]
    for i, (article, kind) in enumerate(itertools.pairwise(names)):
        for joined in (["and", "a", kind], ["and", kind]):
            end = i + 2 + len(joined)
            if article == "a" and kind in _PLURAL and names[i + 2 : end] == joined:
                said[i:end] = [("two", said[i + 1][1]), (_PLURAL[kind], said[end - 1][1])]
                return _apart(said)
    return _apart(said)


def _apart(said: Sequence[tuple[str, float]]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    return tuple(word for word, _ in said), tuple(logprob for _, logprob in said)
