"""How often captions call women men and men women, and what telling fewer sexes costs.

    python -m training.mini.sexes --data DATA --plain 0.67 0.85 0.9 --both 0.33 0.4

On dev photographs: those that show one sex alone, by three of their captions or more and none that tells the
other. Each is in one of two halves, by a hash of its name: half 0 is for choosing `PLAIN_SEX` and
`BOTH_SEXES` (`vidsearch/models/mini/people.py`), half 1 for reporting. Each sentence is found once, and
judged by every pair of them.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.mini.data import Photo, indices, read_photos, read_rgb, words
from training.mini.evaluate import caption_scores
from training.mini.invented import half_of
from vidsearch.models.mini import weights
from vidsearch.models.mini.captioner import MiniCaptioner
from vidsearch.models.mini.people import (
    BOTH_SEXES,
    FEMALE,
    MALE,
    PLAIN_SEX,
    is_sex_plain,
    names_people,
    neutral,
)


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence before anything is taken back in it, and what people would say of the picture."""

    photo: Photo
    words: tuple[str, ...]
    male: float
    female: float

    def caption(self, plain: float, both: float) -> str:
        """What becomes of it."""
        if is_sex_plain(self.words, male=self.male, female=self.female, plain=plain, both=both):
            return " ".join(self.words)
        return " ".join(neutral(self.words, [0.0] * len(self.words))[0])


class _Frank(MiniCaptioner):
    """Takes nothing back, and notes what people would say."""

    masses: tuple[float, float] = (0.0, 0.0)

    def _is_sex_plain(self, words: Sequence[str], picture: Any) -> bool:
        self.masses = (
            self._consensus.likelihood(picture.expected, self._male),
            self._consensus.likelihood(picture.expected, self._female),
        )
        return True


def sentences(photos: Sequence[Photo], captioner: _Frank) -> list[Said]:
    """One of each photograph."""
    found = []
    for photo in photos:
        captioner.masses = (0.0, 0.0)
        (caption,) = captioner.captions([read_rgb(photo.path)])
        found.append(Said(photo, tuple(caption.tokens), *captioner.masses))
    return found


def shown(photo: Photo) -> str | None:
    """The sex that a photograph shows alone."""
    told = [words(caption) for caption in photo.captions]
    men, women = (sum(not sex.isdisjoint(each) for each in told) for sex in (MALE, FEMALE))
    if min(men, women) > 0 or max(men, women) < 3:
        return None
    return "women" if women else "men"


def figures(said: Sequence[Said], plain: float, both: float) -> str:
    """A row of what is right and wrong, and of what it costs."""
    captions = [each.caption(plain, both) for each in said]
    told = [(shown(each.photo), words(caption)) for each, caption in zip(said, captions, strict=True)]
    parts = []
    for whose, own, other in (("women", FEMALE, MALE), ("men", MALE, FEMALE)):
        these = [caption for sex, caption in told if sex == whose]
        wrong, right = (sum(not sex.isdisjoint(each) for each in these) for sex in (other, own))
        parts.append(f"{len(these)} {whose}: {wrong} called the other, {right} called so")
    of_people = [caption for _, caption in told if names_people(caption)]
    untold = sum((MALE | FEMALE).isdisjoint(caption) for caption in of_people)
    parts.append(f"{untold} of {len(of_people)} captions of people tell no sex")
    cider = caption_scores(captions, [each.photo.captions for each in said])["CIDEr"]
    return f"plain {plain} both {both}: {'; '.join(parts)}; CIDEr {cider}"


def main() -> None:
    """Print a row for each half and pair of shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds flickr8k_224/")
    parser.add_argument("--weights", type=Path, default=weights.FOLDER)
    parser.add_argument("--num-threads", type=int, default=2)
    parser.add_argument("--plain", type=float, nargs="*", default=[PLAIN_SEX])
    parser.add_argument("--both", type=float, nargs="*", default=[BOTH_SEXES])
    arguments = parser.parse_args()
    photos = read_photos(arguments.data)
    captioner = _Frank(num_threads=arguments.num_threads, folder=arguments.weights)
    said = sentences([photos[i] for i in indices(photos, "dev")], captioner)
    for name, halves in (("half 0", (0,)), ("half 1", (1,)), ("all", (0, 1))):
        part = [each for each in said if half_of(each.photo.path.name) in halves]
        for plain in arguments.plain:
            for both in arguments.both:
                print(f"{name}, {figures(part, plain, both)}", flush=True)


if __name__ == "__main__":
    main()
