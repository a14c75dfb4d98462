"""Make the weights of `mini`: `python -m training.mini --data ../shared/data --out
vidsearch/models/mini/weights`.

Stages, each skipped where its output exists: trunk activations of six views, the head on frozen
features, fine-tuning
of both towers, what the captioner sees, cross-entropy, self-critical training, export. Ends with
the figures on dev.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from training.mini import evaluate
from training.mini.backbone import load_lite
from training.mini.captioner import (
    Captioner,
    CaptionTraining,
    build_vocabulary,
    encode_captions,
    train_captioner,
)
from training.mini.combine import Gate, class_vectors, find_centroids
from training.mini.data import CAPTIONS_PER_PHOTO, Photo, indices, read_photos, read_rgb
from training.mini.embedder import FineTuning, ImageHead, Towers, fine_tune, new_towers, train_head
from training.mini.export import (
    ImageGraph,
    build,
    export_captioner,
    export_image,
    export_text,
    quantise_convolutions,
    shrink_matrices,
    shrink_table,
    write_manifest,
)
from training.mini.features import extract
from training.mini.imagenet import classes
from training.mini.pictures import compute_pictures
from training.mini.scst import SelfCritical, train_self_critical
from training.mini.text import WIDTH, LowerStates, build_tokenizer, load_minilm

BACKBONE = 2
NUM_VIEWS = 6
TEMPERATURE = 2.0
HELD_OUT = 500
# Chosen on the first 250 dev photographs: see NOTES.md.
AGREEMENT, ALONE_SCORE = 4.0, -2.0


def _lower_states(photos: list[Photo], work: Path) -> tuple[LowerStates, LowerStates, Tensor, Tensor]:
    """Lower states of captions and anchors, and the untouched tower's vectors of both."""
    tower, tokenizer = load_minilm(), build_tokenizer()
    captions = [caption for photo in photos for caption in photo.captions]
    anchor_texts = [f"a photo of a {c.name}" for c in classes()] + [c.name for c in classes()]
    lower = LowerStates.compute(tower, tokenizer, captions, work / "lower.npz")
    anchors = LowerStates.compute(tower, tokenizer, anchor_texts, work / "anchors.npz")
    path = work / "untouched.pt"
    if not path.exists():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            vectors = [
                torch.cat(
                    [tower.upper(*states.batch(range(i, min(i + 256, n)))) for i in range(0, n, 256)]
                ).float()
                for states, n in ((lower, len(captions)), (anchors, len(anchor_texts)))
            ]
        torch.save(vectors, path)
    originals, anchor_originals = torch.load(path, weights_only=True)
    return lower, anchors, originals, anchor_originals


def _pooled(work: Path) -> Tensor:
    """Frozen features (n, views, 1280) of every view."""
    path = work / "pooled.npy"
    if not path.exists():
        top = load_lite(BACKBONE).top
        views = []
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            for view in range(NUM_VIEWS):
                trunk = np.load(work / f"trunk_view{view}.npy", mmap_mode="r")
                parts = np.array_split(np.arange(len(trunk)), len(trunk) // 64)
                views.append(
                    torch.cat(
                        [
                            top(torch.from_numpy(trunk[p]).float().permute(0, 3, 1, 2)).mean((2, 3))
                            for p in parts
                        ]
                    )
                )
        np.save(path, torch.stack(views, 1).float().numpy())
    return torch.from_numpy(np.load(path))


def train_towers(
    photos: list[Photo], work: Path, train: npt.NDArray[np.int64], held_out: npt.NDArray[np.int64]
) -> Towers:
    """Both towers, fine-tuned. `held_out` is watched and never learnt from."""
    lower, anchors, originals, anchor_originals = _lower_states(photos, work)
    finished = work / "towers.pt"
    if finished.exists():
        towers = Towers(load_lite(BACKBONE).top, ImageHead(), load_minilm())
        towers.load(torch.load(finished, weights_only=True))
    else:
        captions = originals.view(len(photos), CAPTIONS_PER_PHOTO, WIDTH)
        head, project = train_head(_pooled(work), captions, torch.from_numpy(train), epochs=25, seed=0)
        towers = new_towers(load_lite(BACKBONE), load_minilm(), head, project)
        fine_tune(
            towers,
            work,
            lower,
            anchors,
            (originals, anchor_originals),
            train,
            held_out,
            FineTuning(),
            num_views=NUM_VIEWS,
            checkpoint=work / "towers.checkpoint",
        )
        torch.save(towers.state(), finished)
    for module in towers.modules().values():
        module.eval()
    return towers


def main() -> None:
    """Run what is not done yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds flickr8k_224/")
    parser.add_argument("--out", type=Path, default=Path("vidsearch/models/mini/weights"))
    parser.add_argument(
        "--work", type=Path, default=Path("build/mini"), help="where stages keep what they made (8 GB)"
    )
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    work, threads = arguments.work, arguments.threads
    torch.set_num_threads(threads)
    photos = read_photos(arguments.data)
    train = indices(photos, "train")
    shuffled = np.random.default_rng(0).permutation(train)
    held_out, learnt = np.sort(shuffled[:HELD_OUT]), np.sort(shuffled[HELD_OUT:])

    extract(photos, work, version=BACKBONE, num_views=NUM_VIEWS, seed=0, threads=threads)
    towers = train_towers(photos, work, learnt, held_out)
    tokenizer = build_tokenizer()
    vectors = class_vectors(towers.text, tokenizer)
    pictures = compute_pictures(
        load_lite(BACKBONE),
        towers,
        vectors,
        work,
        temperature=TEMPERATURE,
        num_views=NUM_VIEWS,
        threads=threads,
    )
    heads = F.normalize(torch.from_numpy(pictures.summaries[0][train, 0].astype(np.float32)), dim=-1)
    gate = Gate(find_centroids(heads), temperature=TEMPERATURE)

    vocabulary = build_vocabulary(caption for i in train for caption in photos[i].captions)
    tokens = torch.from_numpy(np.stack([encode_captions(photo.captions, vocabulary) for photo in photos]))
    torch.manual_seed(0)
    captioner = Captioner(len(vocabulary))
    stages = (
        ("captioner.pt", CaptionTraining()),
        ("captioner_scst1.pt", SelfCritical()),
        ("captioner_scst2.pt", SelfCritical(steps=110, rate=1.5e-4, ema=0.95, seed=3)),
    )
    for name, stage in stages:
        if (work / name).exists():
            captioner.load_state_dict(torch.load(work / name, weights_only=True))
        elif isinstance(stage, CaptionTraining):
            train_captioner(
                captioner, pictures, tokens, train, stage, checkpoint=work / "captioner.checkpoint"
            )
            torch.save(captioner.state_dict(), work / name)
        else:
            train_self_critical(
                captioner, pictures, tokens, train, stage, checkpoint=work / "scst.checkpoint"
            )
            torch.save(captioner.state_dict(), work / name)
    # Between both stages' weights lies a captioner better than either: see NOTES.md.
    imitated = torch.load(work / "captioner.pt", weights_only=True)
    captioner.load_state_dict({k: 0.6 * v + 0.4 * imitated[k] for k, v in captioner.state_dict().items()})

    export(arguments.out, work, photos, train, towers, vectors, gate, captioner, vocabulary)
    dev = [photos[i] for i in indices(photos, "dev")]
    print(
        json.dumps(
            {
                "retrieval": evaluate.retrieval(dev, threads),
                "captions": evaluate.captions(dev, threads),
                "pointing": evaluate.pointing(dev, threads),
            },
            indent=1,
        )
    )


def export(
    out: Path,
    work: Path,
    photos: list[Photo],
    train: npt.NDArray[np.int64],
    towers: Towers,
    vectors: Tensor,
    gate: Gate,
    captioner: Captioner,
    vocabulary: list[str],
) -> None:
    """Write the shipped files and their manifest to `out`."""
    captioner.eval()
    scratch = work / "onnx"
    scratch.mkdir(exist_ok=True)

    def image(path: Path) -> None:
        export_image(ImageGraph(load_lite(BACKBONE), towers, vectors, gate).eval(), scratch / "image.onnx")
        chosen = [train[start : start + 16] for start in range(0, 96, 16)]
        batches = (
            {"images": np.stack([read_rgb(photos[i].path) for i in part]), "grid_of": np.array([0], np.int64)}
            for part in chosen
        )
        quantise_convolutions(scratch / "image.onnx", scratch / "image_int8.onnx", batches)
        shrink_matrices(scratch / "image_int8.onnx", path)

    def text(path: Path) -> None:
        export_text(towers.text, scratch / "text.onnx")
        shrink_table(scratch / "text.onnx", scratch / "text_table.onnx", "tower.tokens.weight")
        shrink_matrices(scratch / "text_table.onnx", path)

    def encode(path: Path) -> None:
        export_captioner(captioner, scratch / "encode.onnx", scratch / "step.onnx")
        shrink_matrices(scratch / "encode.onnx", path)

    known = classes()
    facts = {
        "words": vocabulary,
        "nouns": [c.noun for c in known],
        "animals": sorted({c.noun for c in known if c.is_animal and c.noun}),
        "agreement": AGREEMENT,
        "alone_score": ALONE_SCORE,
    }
    build(
        out,
        {
            "image.onnx": image,
            "text.onnx": text,
            "tokenizer.json": lambda path: void(
                path.write_text(build_tokenizer().to_str(), encoding="utf-8")
            ),
            "caption_encode.onnx": encode,
            "caption_step.onnx": lambda path: shrink_matrices(scratch / "step.onnx", path),
            "captioner.json": lambda path: void(path.write_text(json.dumps(facts), encoding="utf-8")),
        },
    )
    write_manifest(out, model="mini")


def void(_: object) -> None:
    """Drop a value."""


if __name__ == "__main__":
    main()
