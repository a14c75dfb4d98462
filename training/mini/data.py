"""The captioned photographs: which there are, which split each is in, and their words. Knows no
model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vidsearch.models.mini.decoder import words_of

CAPTIONS_PER_PHOTO = 5


@dataclass(frozen=True, slots=True)
class Photo:
    """One photograph and its five human captions. `split` is "train" or "dev"."""

    path: Path
    split: str
    captions: tuple[str, ...]


def read_photos(data_dir: Path) -> list[Photo]:
    """Read `flickr8k_224/captions.jsonl` under `data_dir`, in file order.

    Raises FileNotFoundError, naming the file looked for.
    """
    folder = data_dir / "flickr8k_224"
    listing = folder / "captions.jsonl"
    if not listing.is_file():
        raise FileNotFoundError(f"no {listing}: give --data the folder that holds flickr8k_224/")
    photos = []
    for line in listing.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        photos.append(Photo(folder / row["image"], row["split"], tuple(row["captions"])))
    return photos


def indices(photos: Sequence[Photo], split: str) -> npt.NDArray[np.int64]:
    """Positions of the photographs of one split, ascending."""
    return np.array([i for i, photo in enumerate(photos) if photo.split == split], dtype=np.int64)


def read_rgb(path: Path) -> npt.NDArray[np.uint8]:
    """Decode one photograph: uint8 (h, w, 3), RGB. Raises ValueError where OpenCV can't read it."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError(f"cannot decode {path}")
    return np.ascontiguousarray(bgr[:, :, ::-1]).astype(np.uint8, copy=False)


def words(caption: str) -> list[str]:
    """Lower-cased words without punctuation: the units the captioner writes and is scored in."""
    return words_of(caption)
