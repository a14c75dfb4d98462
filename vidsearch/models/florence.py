"""Florence-2 as a captioner, in a few words or in many (Xiao et al. 2023, arXiv:2311.06242).

Runs transformers' own network: importing it takes some seconds, which captions of this length are worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from vidsearch.errors import ModelUnavailable
from vidsearch.models.preprocess import Preprocessing
from vidsearch.models.tokens import read_tokenizer, written_caption
from vidsearch.models.torch_model import Runner

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.device import Device
    from vidsearch.models.weights import Checkpoint
    from vidsearch.types import GeneratedCaption, UInt8Image

_CPU_BATCH = 4
_MAX_NEW_TOKENS = 256

TASKS = {
    "<CAPTION>": "What does the image describe?",
    "<DETAILED_CAPTION>": "Describe in detail what is shown in the image.",
    "<MORE_DETAILED_CAPTION>": "Describe with a paragraph what is shown in the image.",
}
"""The model's own tasks of captioning, and the sentences that they stand for."""


class FlorenceCaptioner:
    """A Captioner over a Florence-2 checkpoint."""

    end_token = "</s>"

    def __init__(
        self,
        torch_model: Any,
        tokenizer: Tokenizer,
        *,
        model: str,
        weights_digest: str,
        preprocessing: Preprocessing,
        num_image_tokens: int,
        device: Device,
        batch_size: int | None = None,
        num_beams: int | None = None,
        prompt: str | None = None,
    ) -> None:
        """Put a model onto a device.

        Args:
            torch_model: transformers' Florence2ForConditionalGeneration.
            tokenizer: of its checkpoint.
            model: name, for `model`.
            weights_digest: of its checkpoint.
            preprocessing: of its checkpoint.
            num_image_tokens: how many tokens an image becomes.
            device: where to run.
            batch_size: images at once; None is what fits.
            num_beams: None is the checkpoint's own number, 1 is greedy.
            prompt: one of TASKS; None is a short caption.

        Raises:
            ModelUnavailable: for another prompt.
        """
        if prompt is not None and prompt not in TASKS:
            raise ModelUnavailable(
                f"Florence-2 takes no prompt {prompt[:60]!r}: leave --prompt out, or use one of "
                f"{', '.join(TASKS)}."
            )
        self.model = model
        self.weights_digest = weights_digest
        self.prompt = prompt
        self.preprocessing = preprocessing
        self.tokenizer = tokenizer
        self.torch_model: Any = torch_model.to(device=device.torch_device, dtype=device.torch_dtype)
        config = torch_model.config
        words = tokenizer.encode(TASKS[prompt or "<CAPTION>"], add_special_tokens=False).ids
        start, end = config.text_config.bos_token_id, config.text_config.eos_token_id
        self._end_id = int(end)
        self._request = [*[int(config.image_token_id)] * num_image_tokens, start, *words, end]
        self._beams = {} if num_beams is None else {"num_beams": num_beams}
        self._runner = Runner(
            device,
            preprocessing,
            batch_size=batch_size,
            cpu_batch_size=_CPU_BATCH,
            try_batch=self._generate,
            model_name=model,
        )

    @property
    def short_side_pixels(self) -> int:
        return self.preprocessing.short_side_pixels

    @property
    def batch_size(self) -> int:
        """Images per batch at present; it shrinks where memory runs out."""
        return self._runner.batch_size

    def captions(self, images: Sequence[UInt8Image]) -> list[GeneratedCaption]:
        """Caption images: one caption each, in order. Raises ModelOutOfMemory."""
        return self._runner.run(images, self._generate)

    def _generate(self, pixels: torch.Tensor) -> list[GeneratedCaption]:
        from vidsearch.models.transformers_model import SharedSourceCache

        ids = torch.tensor([self._request] * len(pixels), device=pixels.device)
        written = self.torch_model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=pixels,
            past_key_values=SharedSourceCache(),
            max_new_tokens=_MAX_NEW_TOKENS,
            do_sample=False,
            return_dict_in_generate=True,
            output_scores=True,
            **self._beams,
        )
        beams = written.get("beam_indices")
        logprobs = self.torch_model.compute_transition_scores(
            written.sequences, written.scores, beams, normalize_logits=beams is None
        )
        new_ids = written.sequences[:, 1:]  # the first token only starts the decoder
        rows = zip(new_ids.tolist(), logprobs.float().tolist(), strict=True)
        return [self._caption(row, row_logprobs) for row, row_logprobs in rows]

    def _caption(self, ids: list[int], logprobs: list[float]) -> GeneratedCaption:
        num_tokens = ids.index(self._end_id) + 1 if self._end_id in ids else len(ids)
        raw = self.tokenizer.decode(ids[:num_tokens], skip_special_tokens=True).strip()
        return written_caption(self.tokenizer, raw, ids[:num_tokens], logprobs[:num_tokens])


def check_florence(checkpoint: Checkpoint) -> None:
    """Check everything but the weights. Raises ModelUnavailable."""
    if "auto_map" in checkpoint.config:
        raise ModelUnavailable(
            f"{checkpoint.model} needs code of its own, which is never run: use the same model in the "
            f"layout of transformers, such as florence-community/Florence-2-base."
        )
    read_tokenizer(checkpoint.folder)
    Preprocessing.from_config(checkpoint.preprocessor, family="florence2")
    _num_image_tokens(checkpoint)


def load_florence(
    checkpoint: Checkpoint,
    *,
    device: Device,
    batch_size: int | None = None,
    num_beams: int | None = None,
    prompt: str | None = None,
) -> FlorenceCaptioner:
    """Load a Florence-2 checkpoint; see `FlorenceCaptioner`. Raises ModelUnavailable where it is not
    whole."""
    from transformers.models.florence2.modeling_florence2 import Florence2ForConditionalGeneration

    from vidsearch.models.transformers_model import load_pretrained

    check_florence(checkpoint)
    return FlorenceCaptioner(
        load_pretrained(Florence2ForConditionalGeneration, checkpoint),
        read_tokenizer(checkpoint.folder),
        model=checkpoint.model,
        weights_digest=checkpoint.digest(),
        preprocessing=Preprocessing.from_config(checkpoint.preprocessor, family="florence2"),
        num_image_tokens=_num_image_tokens(checkpoint),
        device=device,
        batch_size=batch_size,
        num_beams=num_beams,
        prompt=prompt,
    )


def _num_image_tokens(checkpoint: Checkpoint) -> int:
    settings = checkpoint.preprocessor
    settings = settings.get("image_processor", settings)
    count = settings.get("image_seq_length")
    if not isinstance(count, int) or not 0 < count <= 4096:
        raise ModelUnavailable(
            f"The preprocessor_config.json of {checkpoint.model} does not say how many tokens an image "
            f"becomes (image_seq_length)."
        )
    return count
