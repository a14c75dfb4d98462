"""From process start to the first embedded frames, for a CLIP of published size with random weights.

    python benchmarks/first_frame.py [--runs 5]

CLIP ViT-B/32 is written in the layout of the hub (600 MB), and a sample video is indexed into a new library
by processes of their own: once to export the text tower and note the weights' digest, as the first run of a
model does, and then `--runs` times. Least CPU and wall seconds since the start of Python at which the library
is open, the model is loaded, the first picture is there, and the first batch of 16 is embedded.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
VIDEO = ROOT / "sample_data" / "cat.mp4"
_RUN = """
import json, sys, time
began = time.perf_counter()
marks = {}
def mark(name):
    marks.setdefault(name, (time.process_time(), time.perf_counter() - began))
def marked(owner, method, before=None, after=None):
    its_own = getattr(owner, method)
    def called(*args, **named):
        before and mark(before)
        made = its_own(*args, **named)
        after and mark(after)
        return made
    setattr(owner, method, called)
from vidsearch import Library
with Library.create(sys.argv[1]) as library:
    mark("library open")
    import vidsearch.ingest.pipeline as pipeline, vidsearch.models.registry as registry
    marked(registry, "load_embedder", after="model loaded")
    marked(pipeline.Batcher, "take", before="first picture")
    marked(pipeline.Batcher, "_embed_batch", after="first batch embedded")
    library.index(sys.argv[2], models=sys.argv[3], captions=False)
print(json.dumps(marks))
"""


def main() -> None:
    """Write the checkpoint, run, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    runs: int = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        os.environ.update(VIDSEARCH_CACHE=str(place / "cache"), PYTHONPYCACHEPREFIX=str(place / "bytecode"))
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        write_checkpoint(place / "clip")
        of_runs = []
        for number in range(runs + 1):
            command = [sys.executable, "-c", _RUN, str(place / str(number)), str(VIDEO), str(place / "clip")]
            done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
            of_runs.append(json.loads(done.stdout.splitlines()[-1]))
    print("| until | CPU s | wall s |\n|---|---|---|")
    for name in of_runs[0]:
        cpu, wall = (min(marks[name][which] for marks in of_runs[1:]) for which in (0, 1))
        print(f"| {name} | {cpu:.2f} | {wall:.2f} |")


def write_checkpoint(folder: Path) -> None:
    """Write a CLIP ViT-B/32 with random weights, and a tokenizer of the usual kind."""
    from transformers import CLIPConfig, CLIPModel

    sys.path.insert(0, str(ROOT))
    from tests.tiny_models import CLIP_PIXELS, clip_tokenizer

    tokenizer = clip_tokenizer()
    text = {"vocab_size": 49408, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": 0, "pad_token_id": 1}
    CLIPModel(CLIPConfig(text_config=text, vision_config={})).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    pixels = {
        "image_mean": CLIP_PIXELS["mean"],
        "image_std": CLIP_PIXELS["std"],
        "size": 224,
        "crop_size": 224,
    }
    steps = {"do_resize": True, "do_center_crop": True, "do_normalize": True, "resample": 3}
    (folder / "preprocessor_config.json").write_text(json.dumps({**pixels, **steps}), encoding="utf-8")


if __name__ == "__main__":
    main()
