"""How fast BLIP base writes captions, beside `generate` of transformers with the same weights.

    python benchmarks/caption_speed.py [--images 4] [--beams 3] [--rounds 3]

Random weights never end a caption by themselves: 20 tokens each. The same pixels go to both, the rounds are
in turn, and the least time of each counts. Prints the seconds of an image for the image tower and in all, how
many times as fast they and the rest (the tokens) are, and how many captions are the same. Of those that are
not, it says how much likelier the reference in fp32 finds those of transformers: above 0, ours are worse, and
beside it how far off that the reference itself is in this precision.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from transformers import BlipConfig, BlipForConditionalGeneration

from vidsearch.models.device import choose_device
from vidsearch.models.random_weights import random_captioner


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--beams", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="fp32")
    options = parser.parse_args()
    device = choose_device(options.device, options.precision)
    captioner: Any = random_captioner(
        "blip", device=device, num_beams=options.beams, batch_size=options.images, prompt=""
    )
    # The usual random weights make all words about as likely, so that rounding would decide between them.
    captioner.torch_model.text_decoder.cls.predictions.decoder.weight.data.mul_(20)
    reference = _reference(captioner).to(device=device.torch_device, dtype=device.torch_dtype)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (384, 512, 3), dtype=np.uint8) for _ in range(options.images)]
    pixels = captioner._runner.pixels(images)

    def theirs(count: int = options.images) -> list[list[int]]:
        settings = {"num_beams": options.beams, "max_new_tokens": 20}
        return [row[1:] for row in reference.generate(pixels[:count], **settings).tolist()]

    def ours(count: int = options.images) -> list[list[int]]:
        written = captioner.written(pixels[:count])
        return [list(each.ids) for each in written]

    calls: dict[str, Callable[[], Any]] = {
        "image tower, transformers": lambda: reference.vision_model(pixels),
        "image tower, vidsearch": lambda: captioner.torch_model.vision_model(pixels),
        "captions, transformers": theirs,
        "captions, vidsearch": ours,
    }
    with torch.inference_mode():
        theirs(1), ours(1)
        print(f"{options.images} images, {options.beams} beams, on {device.describe()}")
        least = dict.fromkeys(calls, float("inf"))
        found = {}
        for _ in range(options.rounds):
            for name, call in calls.items():
                started = time.process_time() if device.kind == "cpu" else time.perf_counter()
                found[name] = call()
                if device.kind == "cuda":
                    torch.cuda.synchronize()
                ended = time.process_time() if device.kind == "cpu" else time.perf_counter()
                least[name] = min(least[name], (ended - started) / options.images)
    for name, seconds in least.items():
        print(f"{name:28} {seconds:7.3f} s an image")
    for whose in ("transformers", "vidsearch"):
        least[f"tokens, {whose}"] = least[f"captions, {whose}"] - least[f"image tower, {whose}"]
    for part in ("image tower", "tokens", "captions"):
        ratio = least[f"{part}, transformers"] / least[f"{part}, vidsearch"]
        print(f"{part}: {ratio:.2f} times as fast")
    with torch.inference_mode():
        _compare(reference, pixels, found["captions, transformers"], found["captions, vidsearch"])


def _compare(reference: Any, pixels: torch.Tensor, theirs: list[list[int]], ours: list[list[int]]) -> None:
    """Print how many captions are the same, and what the others' log-probabilities are."""
    others = [i for i in range(len(theirs)) if theirs[i] != ours[i]]
    print(f"{len(theirs) - len(others)} of {len(theirs)} captions of the same tokens")
    if not others:
        return
    rounded = [_logprob(reference, pixels[i : i + 1], theirs[i]) for i in others]
    exact, pixels = reference.float(), pixels.float()
    better = [_logprob(exact, pixels[i : i + 1], theirs[i]) for i in others]
    gaps = [
        likelier - _logprob(exact, pixels[i : i + 1], ours[i])
        for i, likelier in zip(others, better, strict=True)
    ]
    off = [abs(one - other) for one, other in zip(rounded, better, strict=True)]
    print(
        f"the others in log-probability of a token, in fp32: theirs less ours {np.mean(gaps):+.4f} in the "
        f"mean, {min(gaps):+.4f} to {max(gaps):+.4f}; the reference's own rounding {np.mean(off):.4f} in the "
        f"mean, at most {max(off):.4f}"
    )


def _logprob(model: Any, pixels: torch.Tensor, ids: list[int]) -> float:
    """The mean log-probability of a caption's tokens, given an image."""
    written = torch.tensor([[model.decoder_input_ids, *ids]], device=pixels.device)
    seen = model.vision_model(pixels)[0]
    logits = model.text_decoder(input_ids=written, encoder_hidden_states=seen, is_decoder=True).logits
    logprobs = torch.log_softmax(logits[0, :-1].float(), dim=-1)
    return float(logprobs.gather(1, written[0, 1:, None]).mean())


def _reference(captioner: Any) -> Any:
    """Return transformers' model with the same weights."""
    text = {"num_attention_heads": 12, "tie_word_embeddings": False}
    config = BlipConfig(text_config=text, tie_word_embeddings=False)
    model = BlipForConditionalGeneration(config).eval()
    state = captioner.torch_model.state_dict()
    state["text_decoder.cls.predictions.bias"] = state["text_decoder.cls.predictions.decoder.bias"]
    model.load_state_dict(state)
    return model


if __name__ == "__main__":
    main()
