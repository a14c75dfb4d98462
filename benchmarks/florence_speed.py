"""What Florence-2's beams take with the image's keys and values left in place, and with those copied.

    python benchmarks/florence_speed.py [--images 4] [--tokens 40]

The base's size with random weights, which never end a caption by themselves. Images are random tokens behind
the image tower, which both would share. CPU seconds an image, from the encoder's output on: `generate` with
`SharedSourceCache`, and as it is; and whether the scores of all steps are the same to the bit.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch
from transformers import Florence2Config, Florence2ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from vidsearch.models.transformers_model import SharedSourceCache

_IMAGE_TOKENS, _REQUEST_TOKENS = 577, 8
_VOCABULARY, _WIDTH = 51_289, 768
_TEXT = {
    "model_type": "bart",
    "vocab_size": _VOCABULARY,
    "d_model": _WIDTH,
    **{f"{part}_layers": 6 for part in ("encoder", "decoder")},
    **{f"{part}_attention_heads": 12 for part in ("encoder", "decoder")},
    **{f"{part}_ffn_dim": 3072 for part in ("encoder", "decoder")},
    "max_position_embeddings": 4096,
}
_SETTINGS = {
    "num_beams": 3,
    "early_stopping": True,
    "no_repeat_ngram_size": 3,
    "decoder_start_token_id": 2,
    "eos_token_id": 2,
}


def main() -> None:
    """Measure both, in turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=40)
    options = parser.parse_args()
    torch.manual_seed(0)
    config = Florence2Config(text_config=_TEXT, image_token_id=_VOCABULARY - 1)
    model: Any = Florence2ForConditionalGeneration(config).eval()
    model.generation_config.update(**_SETTINGS)
    num_read = _IMAGE_TOKENS + _REQUEST_TOKENS
    ids = torch.full((options.images, num_read), 5)
    encoded = torch.randn(options.images, num_read, _WIDTH)

    def written(num_tokens: int, **cache: object) -> Any:
        return model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
            max_new_tokens=num_tokens,
            do_sample=False,
            return_dict_in_generate=True,
            output_scores=True,
            **cache,
        )

    with torch.inference_mode():
        written(2)
        started = time.process_time()
        theirs = written(options.tokens)
        between = time.process_time()
        ours = written(options.tokens, past_key_values=SharedSourceCache())
        ended = time.process_time()
    same = all(torch.equal(one, other) for one, other in zip(theirs.scores, ours.scores, strict=True))
    print(f"{options.images} images, {options.tokens} tokens each; the same scores: {same}")
    print(f"copied   {(between - started) / options.images:.2f} CPU s an image")
    print(f"in place {(ended - between) / options.images:.2f} CPU s an image")


if __name__ == "__main__":
    main()
