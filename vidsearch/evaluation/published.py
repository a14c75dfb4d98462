"""Figures that others have published for standard settings, to be printed beside one's own.

Zero-shot retrieval on Flickr30k's 1,000 and COCO's 5,000 test pictures of Karpathy's splits, from open_clip's
docs/openclip_retrieval_results.csv (https://github.com/mlfoundations/open_clip).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """R@1, R@5 and R@10 in percent."""

    direction: str
    recalls: tuple[float, float, float]
    source: str = "open_clip"


_TEXT_TO_IMAGE, _IMAGE_TO_TEXT = "text to image", "image to text"
_LAION, _OPENAI = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "openai/clip-vit-base-patch32"
_SIGLIP = "google/siglip-base-patch16-224"

_FIGURES = {
    ("flickr30k", _LAION): ((66.8, 88.4, 93.1), (84.1, 96.2, 98.3)),
    ("flickr30k", _OPENAI): ((58.8, 83.6, 90.0), (78.9, 94.9, 98.2)),
    ("flickr30k", _SIGLIP): ((74.7, 92.3, 95.6), (89.1, 98.0, 99.3)),
    ("coco", _LAION): ((39.3, 65.4, 75.6), (56.3, 79.8, 87.1)),
    ("coco", _OPENAI): ((30.4, 55.9, 66.9), (50.1, 75.0, 83.5)),
    ("coco", _SIGLIP): ((47.8, 72.4, 81.0), (65.7, 85.4, 91.3)),
}


def published(dataset: str, model: str) -> tuple[Published, ...]:
    """What is published for a data set and a model by its hub id; nothing where nothing is known."""
    found = _FIGURES.get((dataset, model))
    if found is None:
        return ()
    to_image, to_text = found
    return Published(_TEXT_TO_IMAGE, to_image), Published(_IMAGE_TO_TEXT, to_text)
