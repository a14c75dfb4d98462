"""Whether a prompt around one or two words finds more: "a photo of a dog" against "dog".

    python benchmarks/word_prompts.py --data ../shared/data/flickr8k_224 [--model mini]

Data: the 1,000 development photographs of Flickr8k, and the words of `calibration_queries.py`. A photograph
is right for words that two of its five human captions have; words with no right photograph are left out.
Printed are the mean average precision, and how often the first photograph is right.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from calibration_cases import ALL_WORDS, named
from search_fusion import average_precision

from vidsearch.evaluation.datasets import RetrievalSet, open_dataset
from vidsearch.media.images import read_image
from vidsearch.models.device import choose_device
from vidsearch.models.registry import load_embedder

PROMPTS = {
    "the words": ("{}",),
    "a ...": ("a {}",),
    "a photo of a ...": ("a photo of a {}",),
    "a picture of ...": ("a picture of {}",),
    "the mean of five": ("{}", "a photo of a {}", "a picture of {}", "there is a {}", "a {} in the picture"),
}
BATCH = 50


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with captions.jsonl and images/")
    parser.add_argument("--model", default="mini")
    options = parser.parse_args()
    dataset = open_dataset(options.data, split="dev")
    assert isinstance(dataset, RetrievalSet)
    embedder = load_embedder(options.model, device=choose_device())
    _, shows = named(dataset, len(dataset.paths))
    asked = np.flatnonzero(shows.any(axis=0))
    vectors = np.concatenate(
        [
            embedder.embed_images([read_image(path) for path in dataset.paths[start : start + BATCH]])
            for start in range(0, len(dataset.paths), BATCH)
        ]
    )
    right = shows.T[asked]
    print(f"| {len(asked)} queries | mean AP | first right |\n|---|---|---|")
    for name, prompts in PROMPTS.items():
        texts = [ALL_WORDS[number] for number in asked]
        rows = np.mean([embedder.embed_texts([p.format(text) for text in texts]) for p in prompts], axis=0)
        cosines = (rows / np.linalg.norm(rows, axis=1, keepdims=True)) @ vectors.T
        first = right[np.arange(len(asked)), cosines.argmax(axis=1)].mean()
        print(f"| {name} | {average_precision(cosines, right):.0%} | {first:.0%} |")


if __name__ == "__main__":
    main()
