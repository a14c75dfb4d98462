"""Make the weights of `mini`: `python -m training.mini --data DATA --out vidsearch/models/mini/weights`.

Stages: trunk activations of six views, the head on frozen features, fine-tuning of both towers, export of
the embedder; then what that shows the captioner, cross-entropy, self-critical training, export of the
captioner; then what an object detector finds in the photographs, and what tells from the image tower's cells
whether people and animals are seen, and whether a picture was drawn. A stage is skipped where its output was
made as it would be made now (`stages.py`). Ends with the figures on dev.

`--only captioner`, `evidence` and `graphics` start from the embedder that lies in `--out`.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.mini import evaluate
from training.mini.backbone import load_lite
from training.mini.captioner import (
    SPECIAL,
    Captioner,
    CaptionTraining,
    build_vocabulary,
    encode_captions,
    start_words,
    train_captioner,
)
from training.mini.combine import Gate, class_vectors, find_centroids
from training.mini.consensus import ConsensusTraining, PhraseNetwork, list_phrases, shown, train_consensus
from training.mini.data import CAPTIONS_PER_PHOTO, Photo, indices, read_photos, read_rgb
from training.mini.detector import PACKAGE
from training.mini.embedder import (
    FineTuning,
    ImageHead,
    Towers,
    embed_photos,
    fine_tune,
    new_towers,
    train_head,
)
from training.mini.evidence import EvidenceTraining
from training.mini.export import (
    ImageGraph,
    build,
    export_captioner,
    export_consensus,
    export_image,
    export_text,
    quantise_convolutions,
    shrink_matrices,
    shrink_table,
    write_manifest,
)
from training.mini.features import extract, view_path
from training.mini.graphics import GraphicsTraining
from training.mini.heads import make_evidence, make_graphics
from training.mini.imagenet import classes
from training.mini.pictures import compute_pictures
from training.mini.reward import consensus
from training.mini.scenes import usual_scores
from training.mini.scst import SelfCritical, train_self_critical
from training.mini.stages import Stage
from training.mini.text import WIDTH, LowerStates, build_tokenizer, load_minilm
from vidsearch.models.mini.consensus import Phrase
from vidsearch.models.mini.embedder import ImageTower
from vidsearch.models.mini.images import squeeze
from vidsearch.models.mini.text import MiniTextEncoder

BACKBONE = 2
TEMPERATURE = 2.0
HELD_OUT = 500
SEED = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How much of everything."""

    num_views: int = 6
    fine_tuning: FineTuning = field(default_factory=FineTuning)
    imitating: CaptionTraining = field(default_factory=CaptionTraining)
    rewarded: SelfCritical = field(default_factory=SelfCritical)
    agreeing: ConsensusTraining = field(default_factory=ConsensusTraining)
    seeing: EvidenceTraining = field(default_factory=EvidenceTraining)
    drawing: GraphicsTraining = field(default_factory=GraphicsTraining)


REHEARSAL = Recipe(
    num_views=2,
    fine_tuning=FineTuning(epochs=1),
    imitating=CaptionTraining(epochs=1),
    rewarded=SelfCritical(steps=20),
    agreeing=ConsensusTraining(epochs=2),
    seeing=EvidenceTraining(epochs=1),
    drawing=GraphicsTraining(num_drawn=2, num_photographs=40, epochs=1),
)
"""Just enough to see every stage run."""
REHEARSAL_PHOTOS = 1100

# Chosen on dev photographs: see NOTES.md.
AGREEMENT, CONSENSUS, ALONE_SCORE, REWARDED_SHARE = 4.0, 14.0, -0.2, 0.25


def _lower_states(photos: list[Photo], work: Path) -> tuple[LowerStates, LowerStates, Tensor, Tensor]:
    """Lower states of captions and anchors, and the untouched tower's vectors of both."""
    tower, tokenizer = load_minilm(), build_tokenizer()
    captions = [caption for photo in photos for caption in photo.captions]
    anchor_texts = [f"a photo of a {c.name}" for c in classes()] + [c.name for c in classes()]
    stage = Stage(work / "untouched.pt", num_captions=len(captions), anchors=anchor_texts)
    if not stage.is_done:
        vectors = []
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            for name, texts in (("lower.npz", captions), ("anchors.npz", anchor_texts)):
                states = LowerStates.compute(tower, tokenizer, texts, work / name)
                parts = [range(i, min(i + 256, len(texts))) for i in range(0, len(texts), 256)]
                vectors.append(torch.cat([tower.upper(*states.batch(part)) for part in parts]).float())
        torch.save(vectors, stage.output)
        stage.finish()
    originals, anchor_originals = torch.load(stage.output, weights_only=True)
    lower, anchors = (LowerStates.load(work / name) for name in ("lower.npz", "anchors.npz"))
    return lower, anchors, originals, anchor_originals


def _pooled(work: Path, num_views: int) -> Tensor:
    """Frozen features (n, views, 1280) of every view."""
    trunks = [view_path(work, view) for view in range(num_views)]
    stage = Stage(work / "pooled.npy", made_from=trunks)
    if not stage.is_done:
        top = load_lite(BACKBONE).top
        views = []
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            for path in trunks:
                trunk = np.load(path, mmap_mode="r")
                parts = np.array_split(np.arange(len(trunk)), len(trunk) // 64)
                pictures = (torch.from_numpy(trunk[part]).float().permute(0, 3, 1, 2) for part in parts)
                views.append(torch.cat([top(picture).mean((2, 3)) for picture in pictures]))
        np.save(stage.output, torch.stack(views, 1).float().numpy())
        stage.finish()
    return torch.from_numpy(np.load(stage.output))


def train_towers(
    photos: list[Photo],
    work: Path,
    train: npt.NDArray[np.int64],
    held_out: npt.NDArray[np.int64],
    recipe: Recipe,
) -> Towers:
    """Both towers, fine-tuned. `held_out` is watched and never learnt from."""
    lower, anchors, originals, anchor_originals = _lower_states(photos, work)
    stage = Stage(
        work / "towers.pt",
        made_from=[view_path(work, view) for view in range(recipe.num_views)],
        how=recipe.fine_tuning,
        num_learnt=len(train),
    )
    if stage.is_done:
        towers = Towers(load_lite(BACKBONE).top, ImageHead(), load_minilm())
        towers.load(torch.load(stage.output, weights_only=True))
    else:
        captions = originals.view(len(photos), CAPTIONS_PER_PHOTO, WIDTH)
        head, project = train_head(
            _pooled(work, recipe.num_views), captions, torch.from_numpy(train), epochs=25, seed=SEED
        )
        towers = new_towers(load_lite(BACKBONE), load_minilm(), head, project)
        fine_tune(
            towers,
            work,
            lower,
            anchors,
            (originals, anchor_originals),
            train,
            held_out,
            recipe.fine_tuning,
            num_views=recipe.num_views,
            checkpoint=stage.checkpoint,
        )
        torch.save(towers.state(), stage.output)
        stage.finish()
    for module in towers.modules().values():
        module.eval()
    return towers


def make_embedder(photos: list[Photo], out: Path, work: Path, recipe: Recipe, *, threads: int) -> None:
    """Train the embedder and write its files to `out`."""
    train = indices(photos, "train")
    shuffled = np.random.default_rng(SEED).permutation(train)
    held_out, learnt = np.sort(shuffled[:HELD_OUT]), np.sort(shuffled[HELD_OUT:])
    extract(photos, work, version=BACKBONE, num_views=recipe.num_views, seed=SEED, threads=threads)
    towers = train_towers(photos, work, learnt, held_out, recipe)
    vectors = class_vectors(towers.text, build_tokenizer())
    centroids = find_centroids(embed_photos(towers, work, train).float())
    gate = Gate(centroids, embed_photos(towers, work, held_out).float(), temperature=TEMPERATURE)
    print(f"strange from a cosine of {gate.middle:.3f} down", flush=True)
    scratch = work / "onnx"
    scratch.mkdir(exist_ok=True)

    def image(path: Path) -> None:
        export_image(ImageGraph(load_lite(BACKBONE), towers, vectors, gate).eval(), scratch / "image.onnx")
        chosen = [train[start : start + 16] for start in range(0, 96, 16)]
        batches: Iterator[dict[str, npt.NDArray[Any]]] = (
            {"images": squeeze([read_rgb(photos[i].path) for i in part]), "grid_of": np.array([0], np.int64)}
            for part in chosen
        )
        quantise_convolutions(scratch / "image.onnx", scratch / "image_int8.onnx", batches)
        shrink_matrices(scratch / "image_int8.onnx", path)

    def text(path: Path) -> None:
        export_text(towers.text, scratch / "text.onnx")
        shrink_table(scratch / "text.onnx", scratch / "text_table.onnx", "tower.tokens.weight")
        shrink_matrices(scratch / "text_table.onnx", path)

    def tokenizer(path: Path) -> None:
        path.write_text(build_tokenizer().to_str(), encoding="utf-8")

    build(out, {"image.onnx": image, "text.onnx": text, "tokenizer.json": tokenizer})
    write_manifest(out, model="mini")


def train_captions(
    photos: list[Photo],
    tokens: Tensor,
    vocabulary: list[str],
    weights: Path,
    work: Path,
    recipe: Recipe,
    *,
    threads: int,
) -> Captioner:
    """The captioner, trained on what the image tower in `weights` sees. tokens (n, 5, 20)."""
    train = indices(photos, "train")
    pictures = compute_pictures(photos, weights, work, num_views=recipe.num_views, seed=SEED, threads=threads)
    torch.manual_seed(SEED)
    captioner = Captioner(len(vocabulary))
    seen = [work / f"pictures_view{view}" for view in range(recipe.num_views)]
    imitating = Stage(work / "captioner.pt", made_from=[*seen, weights / "text.onnx"], how=recipe.imitating)
    if not imitating.is_done:
        encoder = MiniTextEncoder(num_threads=threads, folder=weights)
        start_words(captioner, torch.from_numpy(encoder.embed_texts(vocabulary[len(SPECIAL) :])))
        counts = consensus(tokens, train, most=recipe.imitating.most_consensus)
        train_captioner(
            captioner,
            pictures,
            tokens,
            torch.from_numpy(counts),
            train,
            recipe.imitating,
            checkpoint=imitating.checkpoint,
        )
        torch.save(captioner.state_dict(), imitating.output)
        imitating.finish()
    imitated = torch.load(imitating.output, weights_only=True)
    captioner.load_state_dict(imitated)
    rewarded = Stage(work / "captioner_scst.pt", made_from=[imitating.output], how=recipe.rewarded)
    if not rewarded.is_done:
        train_self_critical(
            captioner, pictures, tokens, train, recipe.rewarded, checkpoint=rewarded.checkpoint
        )
        torch.save(captioner.state_dict(), rewarded.output)
        rewarded.finish()
    # A step from the one's weights towards the other's makes a better captioner than either: see NOTES.md.
    towards = torch.load(rewarded.output, weights_only=True)
    captioner.load_state_dict({k: v.lerp(towards[k], REWARDED_SHARE) for k, v in imitated.items()})
    return captioner.eval()


def train_agreement(
    photos: list[Photo], tokens: Tensor, weights: Path, work: Path, recipe: Recipe, *, threads: int
) -> tuple[PhraseNetwork, list[Phrase], list[float]]:
    """What foresees phrases from what the image tower in `weights` shows, the phrases, and how rare each is.

    tokens (n, 5, 20).
    """
    train = indices(photos, "train")
    phrases, rarities = list_phrases(tokens[train], recipe.agreeing.fewest)
    stage = Stage(work / "consensus.pt", made_from=[weights / "image.onnx"], how=recipe.agreeing)
    if not stage.is_done:
        tower = ImageTower(num_threads=threads, folder=weights)
        parts = [train[start : start + 256] for start in range(0, len(train), 256)]
        features = (
            each for part in parts for each in tower.features([read_rgb(photos[i].path) for i in part])
        )
        rows = [shown(torch.from_numpy(f.embedding), torch.from_numpy(f.cells)) for f in features]
        network = train_consensus(torch.cat(rows), tokens[train], phrases, recipe.agreeing)
        torch.save(network.state_dict(), stage.output)
        stage.finish()
    network = PhraseNetwork(len(phrases))
    network.load_state_dict(torch.load(stage.output, weights_only=True))
    return network.eval(), phrases, rarities


def make_captioner(photos: list[Photo], out: Path, work: Path, recipe: Recipe, *, threads: int) -> None:
    """Train the captioner for the embedder in `out`, and write its files there."""
    vocabulary = build_vocabulary(
        caption for photo in photos if photo.split == "train" for caption in photo.captions
    )
    tokens = torch.from_numpy(np.stack([encode_captions(photo.captions, vocabulary) for photo in photos]))
    captioner = train_captions(photos, tokens, vocabulary, out, work, recipe, threads=threads)
    network, phrases, rarities = train_agreement(photos, tokens, out, work, recipe, threads=threads)
    scratch = work / "onnx"
    scratch.mkdir(exist_ok=True)

    def encode(path: Path) -> None:
        export_captioner(captioner, scratch / "encode.onnx", scratch / "step.onnx")
        shrink_matrices(scratch / "encode.onnx", path)

    def step(path: Path) -> None:
        shrink_matrices(scratch / "step.onnx", path)

    def facts(path: Path) -> None:
        known = classes()
        values = {
            "words": vocabulary,
            "nouns": [c.noun for c in known],
            "animals": sorted({c.noun for c in known if c.is_animal and c.noun}),
            "agreement": AGREEMENT,
            "consensus": CONSENSUS,
            "alone_score": ALONE_SCORE,
            "scenes": usual_scores([p for p in photos if p.split == "train"], out, threads=threads),
        }
        path.write_text(json.dumps(values), encoding="utf-8")

    def consensus_net(path: Path) -> None:
        export_consensus(network, scratch / "consensus.onnx")
        shrink_matrices(scratch / "consensus.onnx", path)

    def consensus_facts(path: Path) -> None:
        rounded = [round(rarity, 2) for rarity in rarities]
        path.write_text(
            json.dumps({"phrases": phrases, "rarities": rounded}, separators=(",", ":")), encoding="utf-8"
        )

    files = {"caption_encode.onnx": encode, "caption_step.onnx": step, "captioner.json": facts}
    build(out, {**files, "consensus.onnx": consensus_net, "consensus.json": consensus_facts})
    write_manifest(out, model="mini")


def main() -> None:
    """Run what is not done yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds flickr8k_224/")
    parser.add_argument("--out", type=Path, default=Path("vidsearch/models/mini/weights"))
    parser.add_argument(
        "--work", type=Path, default=Path("build/mini"), help="where stages keep what they made (9 GB)"
    )
    parser.add_argument(
        "--only", choices=["embedder", "captioner", "evidence", "graphics"], help="make one of them alone"
    )
    parser.add_argument(
        "--detector", type=Path, default=Path("build") / PACKAGE, help="the npm package with the detector"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--rehearse", action="store_true", help="few photographs and steps, to see in minutes that all runs"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    photos, recipe = read_photos(arguments.data), Recipe()
    out, work, threads = arguments.out, arguments.work, arguments.threads
    if arguments.rehearse:
        recipe, work = REHEARSAL, work / "rehearsal"
        out = work / "weights"  # never over the shipped ones
        photos = [photos[i] for split in ("train", "dev") for i in indices(photos, split)[:REHEARSAL_PHOTOS]]
    work.mkdir(parents=True, exist_ok=True)
    if arguments.only in {None, "embedder"}:
        make_embedder(photos, out, work, recipe, threads=threads)
    if arguments.only in {None, "captioner"}:
        make_captioner(photos, out, work, recipe, threads=threads)
    if arguments.only in {None, "evidence"}:
        make_evidence(photos, arguments.detector, out, work, recipe.seeing, threads=threads)
    if arguments.only in {None, "graphics"}:
        make_graphics(photos, out, work, recipe.drawing, threads=threads)
    dev = [photos[i] for i in indices(photos, "dev")]
    for part in (evaluate.retrieval, evaluate.captions, evaluate.pointing):
        figures = part(dev, threads, folder=out)
        print(json.dumps({part.__name__: figures}, indent=1), flush=True)


if __name__ == "__main__":
    main()
