"""The loop that people write, beside vidsearch: OpenCV, one PIL image at a time, transformers, fp32.

    python benchmarks/baseline_loop.py                     # embeddings alone
    python benchmarks/baseline_loop.py --captions
    python benchmarks/baseline_loop.py --no-b-frames       # a video in which every picture has to be decoded

Both go through the same video with models of the same size and random weights, each in a process of its own,
in turn, so that a ratio holds on a busy machine too; process CPU seconds are printed beside. The video's
scenes change about every five seconds. Vectors of random weights hardly differ, so that the default caption
policy would caption once and never again: here every fifth frame is captioned, one a scene, which is what
that policy does where vectors mean something (`benchmarks/ingest_novelty.py` measures how many it captions).
The plain loop captions every frame, greedily; vidsearch uses its default beams.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from vidsearch.bench import NO_B_FRAMES, X264_DEFAULTS, write_clip

SCENE_FRAMES = 5


def plain_loop(video: Path, *, with_captions: bool) -> int:
    """Embed, and caption, a frame a second as in a hundred notebooks. Returns the number of frames."""
    import cv2
    import torch
    from PIL import Image
    from transformers import (
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessor,
        CLIPConfig,
        CLIPImageProcessor,
        CLIPModel,
    )

    clip: Any = CLIPModel(CLIPConfig()).eval()
    clip_processor = CLIPImageProcessor()
    blip: Any = None
    blip_processor = None
    if with_captions:
        config = BlipConfig(text_config={"encoder_hidden_size": 768, "num_attention_heads": 12})
        blip, blip_processor = BlipForConditionalGeneration(config).eval(), BlipImageProcessor()

    start_clock()
    capture = cv2.VideoCapture(str(video))
    every = round(capture.get(cv2.CAP_PROP_FPS))
    number, vectors, captions = 0, [], []
    while True:
        is_there, frame = capture.read()
        if not is_there:
            break
        if number % every == 0:
            image = Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            with torch.no_grad():
                inputs = clip_processor(images=image, return_tensors="pt")
                vectors.append(clip.get_image_features(**inputs).pooler_output)
                if blip is not None and blip_processor is not None:
                    inputs = blip_processor(images=image, return_tensors="pt")
                    captions.append(blip.generate(**inputs, max_new_tokens=20))
        number += 1
    return len(vectors)


def with_vidsearch(video: Path, *, with_captions: bool) -> int:
    """Index the video into a new library, thumbnails and all. Returns the number of frames."""
    from vidsearch.ingest import LookPolicy, ingest
    from vidsearch.models.device import choose_device
    from vidsearch.models.random_weights import random_captioner, random_embedder
    from vidsearch.store.store import Store

    device = choose_device("cpu")
    embedder = random_embedder("clip", device=device)
    captioner = random_captioner("blip", device=device) if with_captions else None
    start_clock()
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder), create=True) as library:
        report = ingest(
            library,
            [video],
            embedders=[embedder],
            captioner=captioner,
            caption_policy=LookPolicy(rule="every", every=SCENE_FRAMES),
        )
    return report.counts.num_frames


LOOPS = {"plain loop": plain_loop, "vidsearch": with_vidsearch}
_started = (0.0, 0.0)


def start_clock() -> None:
    """Count from here: loading models is not the loop's fault."""
    global _started
    _started = (time.perf_counter(), time.process_time())


def main() -> None:
    """Run both in turn, and print what each took and how they compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=60, help="length of the video that is made")
    parser.add_argument("--no-b-frames", action="store_true")
    parser.add_argument("--captions", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=LOOPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        num_frames = LOOPS[options.only](options.video, with_captions=options.captions)
        wall, cpu = time.perf_counter() - _started[0], time.process_time() - _started[1]
        print(json.dumps({"frames": num_frames, "wall": wall, "cpu": cpu}))
        return
    with tempfile.TemporaryDirectory() as folder:
        video = options.video or write_clip(
            Path(folder) / "clip.mp4",
            seconds=options.seconds,
            encoder_options=NO_B_FRAMES if options.no_b_frames else X264_DEFAULTS,
        )
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in LOOPS}
        for _ in range(options.rounds):
            for name in LOOPS:
                taken[name].append(run_alone(name, video, with_captions=options.captions))
                last = taken[name][-1]
                print(
                    f"{name:12}{last['frames']:6.0f} frames{last['wall']:9.2f} s wall{last['cpu']:9.2f} s CPU"
                )
    for kind in ("wall", "cpu"):
        pairs = zip(taken["plain loop"], taken["vidsearch"], strict=True)
        ratios = [round(plain[kind] / ours[kind], 2) for plain, ours in pairs]
        print(f"plain loop / vidsearch, {kind}: median {median(ratios):.2f}, all {ratios}")


def run_alone(name: str, video: Path, *, with_captions: bool) -> dict[str, float]:
    """Run one of the two in a process of its own."""
    command = [
        sys.executable,
        __file__,
        str(video),
        "--only",
        name,
        *(["--captions"] if with_captions else []),
    ]
    answer: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return answer


if __name__ == "__main__":
    main()
