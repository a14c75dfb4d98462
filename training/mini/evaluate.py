"""Every figure of the model card, from the shipped ONNX files: `python -m training.mini.evaluate
--data ...`.

Retrieval and captions on the dev photographs, heat maps on composites of them, and retrieval
outside their world on
photographs that packages ship and on the sample videos (skipped, saying so, where absent).
"""

import argparse
import importlib.util
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.mini.data import Photo, indices, read_photos, read_rgb, words
from vidsearch.models.explain_mini import MiniExplainer
from vidsearch.models.mini import weights
from vidsearch.models.mini.captioner import MiniCaptioner
from vidsearch.models.mini.embedder import ImageTower, MiniEmbedder
from vidsearch.models.mini.text import MiniTextEncoder

Image = npt.NDArray[np.uint8]
Vectors = npt.NDArray[np.float32]
_POINTED = 200


def ranks(queries: Vectors, items: Vectors, own: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Rank, from 0, of each query's own item."""
    scores = queries @ items.T
    return np.asarray((scores > scores[np.arange(len(own)), own][:, None]).sum(1), np.int64)


def recalls(found: npt.NDArray[np.int64], levels: Sequence[int]) -> dict[str, float]:
    """Per cent of ranks below each level, and the median rank counted from 1."""
    return {
        **{f"R@{k}": round(100 * float((found < k).mean()), 1) for k in levels},
        "median": float(np.median(found) + 1),
    }


def retrieval(photos: Sequence[Photo], num_threads: int, *, folder: Path = weights.FOLDER) -> dict[str, Any]:
    """Text to image and image to text among the photographs, five captions each."""
    embedder = MiniEmbedder(num_threads=num_threads, folder=folder)
    images = embedder.embed_images([read_rgb(photo.path) for photo in photos])
    texts = embedder.embed_texts([caption for photo in photos for caption in photo.captions])
    own = np.repeat(np.arange(len(photos)), 5)
    scores = images @ texts.T
    best_own = np.where(own[None] == np.arange(len(photos))[:, None], scores, -9).max(1)
    to_text = (scores > best_own[:, None]).sum(1)
    return {
        "text to image": recalls(ranks(texts, images, own), (1, 5, 10)),
        "image to text": recalls(to_text, (1, 5, 10)),
    }


def caption_scores(said: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """BLEU-1 to -4 and CIDEr by pycocoevalcap, over lower-cased words without punctuation."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider

    truth = {i: [" ".join(words(r)) for r in group] for i, group in enumerate(references)}
    guess = {i: [" ".join(words(s))] for i, s in enumerate(said)}
    bleu, _ = Bleu(4).compute_score(truth, guess, verbose=0)
    cider, _ = Cider().compute_score(truth, guess)
    return {
        **{f"BLEU-{n + 1}": round(100 * b, 1) for n, b in enumerate(bleu)},
        "CIDEr": round(100 * float(cider), 1),
    }


def repeats(caption: str) -> bool:
    """Whether a caption says a word twice running, or any pair of words twice with a content word
    in it."""
    said = caption.split()
    pairs = list(itertools.pairwise(said))
    joining = {"a", "an", "the", "in", "on", "of", "and", "is", "are", "with", "to", "at", "his", "her"}
    telling = [pair for pair in pairs if not joining.issuperset(pair)]
    return any(a == b for a, b in pairs) or len(set(telling)) < len(telling)


def captions(photos: Sequence[Photo], num_threads: int, *, folder: Path = weights.FOLDER) -> dict[str, Any]:
    """The captioner's scores, and how many captions repeat themselves."""
    captioner = MiniCaptioner(num_threads=num_threads, folder=folder)
    said = [c.text for c in captioner.captions([read_rgb(photo.path) for photo in photos])]
    scores: dict[str, Any] = caption_scores(said, [photo.captions for photo in photos])
    scores["captions that repeat"] = sum(map(repeats, said))
    scores["distinct captions"] = len(set(said))
    return scores


def pointing(
    photos: Sequence[Photo], num_threads: int, *, seed: int = 0, folder: Path = weights.FOLDER
) -> dict[str, float]:
    """One photograph pasted small on another, 200 times: how often a map's maximum falls on it, per cent.

    It falls on it where the cell's middle does. The pasted square takes 3/7 of either side, so chance is 18.4
    per cent. The maps: each cell's share of the similarity, and what `MiniExplainer` makes of such shares.
    """
    rng = np.random.default_rng(seed)
    embedder = MiniEmbedder(num_threads=num_threads, folder=folder)
    explainer = MiniExplainer(embedder)
    side, found = 96, []
    backgrounds = rng.permutation(len(photos))
    for photo, background in zip(photos[:_POINTED], backgrounds, strict=False):
        corner = 32 * rng.integers(0, 5, 2)
        row, column = corner.tolist()
        canvas = read_rgb(photos[background].path).copy()
        canvas[row : row + side, column : column + side] = cv2.resize(
            read_rgb(photo.path), (side, side), interpolation=cv2.INTER_AREA
        )
        shares = embedder.grid([canvas])[0] @ embedder.embed_texts(photo.captions[:1])[0]
        maps = (shares, explainer.explain(canvas, photo.captions[0]).grid)
        middles = [np.array(divmod(int(m.argmax()), len(m))) + 0.5 for m in maps]
        at = [224 / len(m) * middle for m, middle in zip(maps, middles, strict=True)]
        found.append([bool(((corner <= each) & (each < corner + side)).all()) for each in at])
    shares_hit, drawn_hit = 100 * np.mean(found, axis=0)
    return {
        "cells' shares": round(float(shares_hit), 1),
        "drawn": round(float(drawn_hit), 1),
        "chance": round(100 * 9 / 49, 1),
    }


def frames_of(path: Path, count: int = 8) -> list[Image]:
    """`count` frames spread over a video, RGB."""
    video = cv2.VideoCapture(str(path))
    frames = []
    while True:
        ok, frame = video.read()
        if not ok:
            break
        frames.append(frame[:, :, ::-1])
        if len(frames) > 1200:
            frames = frames[::2]
    return (
        [np.ascontiguousarray(frames[int(i)]) for i in np.linspace(0, len(frames) - 1, count)]
        if frames
        else []
    )


def photographs_of(names: Iterable[str]) -> dict[str, Image]:
    """Photographs that packages ship, by names like `skimage:coffee`; the absent are named on stderr."""
    found: dict[str, Image] = {}
    for name in names:
        source, item = name.split(":", 1)
        image = None
        try:
            if source == "skimage":
                import skimage.data

                image = getattr(skimage.data, item)()
                image = image[0] if isinstance(image, tuple) else image
            else:
                spec = importlib.util.find_spec("sklearn")
                if spec is not None and spec.origin is not None:
                    bgr = cv2.imread(str(Path(spec.origin).parent / "datasets" / "images" / item))
                    image = None if bgr is None else bgr[:, :, ::-1]
        except Exception as error:  # noqa: BLE001  (a package without its pictures)
            print(f"{name}: {error}", file=sys.stderr)
        if image is None:
            print(f"skipped, absent: {name}", file=sys.stderr)
            continue
        image = np.asarray(image)
        image = np.stack([image] * 3, -1) if image.ndim == 2 else image[..., :3]
        found[name] = np.ascontiguousarray(image.astype(np.uint8))
    return found


def out_of_domain_images(videos: Path) -> dict[str, list[Image]]:
    """The pictures that `out_of_domain.json` names; those that can't be had are named on stderr."""
    named = json.loads((Path(__file__).parent / "out_of_domain.json").read_text(encoding="utf-8"))
    photographs = photographs_of(name for name in named if not name.startswith("video:"))
    found: dict[str, list[Image]] = {}
    for name in named:
        file = videos / name.removeprefix("video:")
        if name in photographs:
            found[name] = [photographs[name]]
        elif name.startswith("video:") and file.exists():
            found[name] = frames_of(file)
        elif name.startswith("video:"):
            print(f"skipped, absent: {name}", file=sys.stderr)
    return found


def out_of_domain(videos: Path, num_threads: int, *, folder: Path = weights.FOLDER) -> dict[str, Any]:
    """Text to picture among things Flickr8k hardly shows, for the parts alone, fixed mixtures, and
    what is shipped."""
    named = json.loads((Path(__file__).parent / "out_of_domain.json").read_text(encoding="utf-8"))
    images = out_of_domain_images(videos)
    text = MiniTextEncoder(num_threads=num_threads, folder=folder)
    tower = ImageTower(num_threads=num_threads, folder=folder)
    queries, own = [], []
    for i, name in enumerate(images):
        queries += named[name]
        own += [i] * len(named[name])
    vectors = text.embed_texts(queries)

    def unit(x: Vectors) -> Vectors:
        return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True), np.float32)

    kinds: dict[str, Callable[[Any], Vectors]] = {
        "head alone": lambda f: f.head,
        "conse alone": lambda f: f.conse,
        "0.5 head + 0.5 conse": lambda f: unit(f.head + f.conse),
        "shipped": lambda f: f.embedding,
    }
    rows: dict[str, list[Vectors]] = {kind: [] for kind in kinds}
    for shown in images.values():
        parts = list(tower.features(shown))
        for kind, of in kinds.items():
            rows[kind].append(np.concatenate([of(part) for part in parts]).mean(0))
    answer: dict[str, Any] = {"pictures": len(images), "queries": len(queries)}
    for kind, means in rows.items():
        answer[kind] = recalls(ranks(vectors, np.stack(means), np.array(own)), (1, 3, 5))
    return answer


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds flickr8k_224/")
    parser.add_argument("--videos", type=Path, help="sample videos; by default videos/ beside --data")
    parser.add_argument("--only", nargs="*", default=["retrieval", "captions", "pointing", "out_of_domain"])
    parser.add_argument(
        "--weights", type=Path, default=weights.FOLDER, help="other files than the shipped ones"
    )
    parser.add_argument("--num-threads", type=int, default=2)
    arguments = parser.parse_args()
    photos = read_photos(arguments.data)
    dev = [photos[i] for i in indices(photos, "dev")]
    threads, folder = arguments.num_threads, arguments.weights
    videos = arguments.videos or arguments.data.parent / "videos"
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "retrieval": lambda: retrieval(dev, threads, folder=folder),
        "captions": lambda: captions(dev, threads, folder=folder),
        "pointing": lambda: pointing(dev, threads, folder=folder),
        "out_of_domain": lambda: out_of_domain(videos, threads, folder=folder),
    }
    for name in arguments.only:
        print(json.dumps({name: parts[name]()}, indent=1), flush=True)


if __name__ == "__main__":
    main()
