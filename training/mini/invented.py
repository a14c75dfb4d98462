"""How often captions name people who are not there, and miss people who are.

    python -m training.mini.invented --data DATA

Without people: COCO photographs told apart by eye (`coco_100/people.json`), photographs that packages ship,
frames of the sample videos, dev photographs whose captions name nobody, and of all these one version each
that is cropped, darkened, blurred or letterboxed (`augment.py`). With people: COCO photographs again, and dev
photographs of which all captions name someone.

Each picture is in one of two halves, by a hash of its name. Half 0 is for choosing, half 1 for reporting.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.mini.augment import SIZE, augmented
from training.mini.data import indices, read_photos, read_rgb, words
from training.mini.evaluate import frames_of, photographs_of
from vidsearch.models.mini import weights
from vidsearch.models.mini.captioner import MiniCaptioner
from vidsearch.models.mini.people import names_people
from vidsearch.types import UNCLEAR_CAPTION

Image = npt.NDArray[np.uint8]

# Looked at: none of these shows a person.
_SHIPPED = [
    *(
        f"skimage:{name}"
        for name in """
        coffee chelsea rocket stereo_motorcycle coins clock brick grass gravel page text moon retina
        hubble_deep_field immunohistochemistry colorwheel
        """.split()  # noqa: SIM905
    ),
    "sklearn:china.jpg",
    "sklearn:flower.jpg",
]
_VIDEOS = """
car-detection.mp4 fruit-and-vegetable-detection.gif dog_eating_854132.mp4 cockatoo.mp4
media_big_buck_bunny_0_30.webm long_examples_example.mp4
""".split()  # noqa: SIM905
_FRAMES = 6


def half_of(name: str) -> int:
    """The half that a picture of a name is in: 0 or 1, by a hash."""
    return hashlib.sha256(name.encode()).digest()[0] % 2


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, and whether it shows people."""

    source: str
    name: str
    image: Image
    has_people: bool

    @property
    def half(self) -> int:
        """0 or 1, by a hash of the name."""
        return half_of(self.name)


def pictures(data: Path, videos: Path) -> Iterator[Picture]:
    """All of them, one at a time."""
    told = json.loads((data / "coco_100" / "people.json").read_text(encoding="utf-8"))
    for kind, has_people in (("no_person", False), ("person", True)):
        for name in told[kind]:
            yield Picture("coco", name, read_rgb(data / "coco_100" / "images" / name), has_people)
    for name, image in photographs_of(_SHIPPED).items():
        yield Picture("packages", name, image, False)
    for name in _VIDEOS:
        for i, image in enumerate(frames_of(videos / name, _FRAMES)):
            yield Picture("videos", f"{name}:{i}", image, False)
    photos = read_photos(data)
    for i in indices(photos, "dev"):
        named = sum(names_people(words(caption)) for caption in photos[i].captions)
        if named in {0, len(photos[i].captions)}:
            yield Picture("dev", photos[i].path.name, read_rgb(photos[i].path), named > 0)


def degraded(picture: Picture) -> Picture:
    """The same picture as a bad video would show a part of it. In the same half."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(picture.name.encode()).digest()[:4], "big"))
    small = np.asarray(cv2.resize(picture.image, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)
    return Picture(f"{picture.source}, degraded", picture.name, augmented(small, rng), picture.has_people)


def figures(shown: list[Picture], said: list[str]) -> dict[str, Any]:
    """For each half, source and kind: how many pictures, with people named, and called hard to make out."""
    answer: dict[str, Any] = {}
    for half in (0, 1):
        for picture, caption in zip(shown, said, strict=True):
            if picture.half != half:
                continue
            kind = "with people" if picture.has_people else "without people"
            row = answer.setdefault(f"half {half}", {}).setdefault(kind, {}).setdefault(picture.source, {})
            row["pictures"] = row.get("pictures", 0) + 1
            row["named"] = row.get("named", 0) + names_people(words(caption))
            row["unclear"] = row.get("unclear", 0) + (caption == UNCLEAR_CAPTION)
    return answer


def main() -> None:
    """Print the figures as JSON, and on request each picture with its caption."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder that holds coco_100/ and flickr8k_224/"
    )
    parser.add_argument("--only", nargs="*", default=["coco", "packages", "videos", "dev"])
    parser.add_argument("--videos", type=Path, help="sample videos; by default videos/ beside --data")
    parser.add_argument("--weights", type=Path, default=weights.FOLDER)
    parser.add_argument("--num-threads", type=int, default=2)
    parser.add_argument(
        "--captions", type=Path, help="write each picture's caption to this file, a line each"
    )
    arguments = parser.parse_args()
    captioner = MiniCaptioner(num_threads=arguments.num_threads, folder=arguments.weights)
    everything = pictures(arguments.data, arguments.videos or arguments.data.parent / "videos")
    shown = [picture for picture in everything if picture.source in arguments.only]
    shown += [degraded(picture) for picture in shown if picture.source != "dev" or not picture.has_people]
    said = [caption.text for caption in captioner.captions([picture.image for picture in shown])]
    if arguments.captions:
        lines = (
            "\t".join((f"half {p.half}", p.source, p.name, "people" if p.has_people else "nobody", text))
            for p, text in zip(shown, said, strict=True)
        )
        arguments.captions.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(json.dumps(figures(shown, said), indent=1))


if __name__ == "__main__":
    main()
