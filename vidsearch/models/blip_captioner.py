"""BLIP as a captioner (Li et al. 2022, arXiv:2201.12086)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import BlipForConditionalGeneration, GenerationConfig

from vidsearch.captions.clean import clean
from vidsearch.models.blip import fuse_vision_attention
from vidsearch.models.preprocess import Preprocessing
from vidsearch.models.tokens import TokenRules, load_tokenizer
from vidsearch.models.torch_model import Runner, load_model
from vidsearch.types import GeneratedCaption

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.device import Device
    from vidsearch.models.weights import Checkpoint
    from vidsearch.types import UInt8Image

_CPU_BATCH = 8
_PROMPT_RULES = TokenRules(max_tokens=64, pad_to_max=False)
"""The longest prompt leaves room for a caption within the decoder's positions."""
_MAX_NEW_TOKENS = 20
_MIN_TOKENS = 5
PUBLISHED_NUM_BEAMS = 3
"""These are the settings that BLIP's captions were published with (salesforce/BLIP,
`configs/caption_coco.yaml`). The start token and a prompt count towards the least number of tokens, but not
towards the greatest."""


class BlipCaptioner:
    """A Captioner over a BLIP captioning checkpoint."""

    def __init__(
        self,
        torch_model: Any,
        tokenizer: Tokenizer,
        *,
        model: str,
        preprocessing: Preprocessing,
        device: Device,
        batch_size: int | None = None,
        num_beams: int = PUBLISHED_NUM_BEAMS,
        prompt: str | None = None,
    ) -> None:
        """Put a model onto a device. `torch_model` is transformers' BlipForConditionalGeneration.

        `num_beams` 1 is greedy. `prompt` is the beginning of every caption ("a picture of").
        """
        self.model = model
        self.prompt = prompt
        self.device = device
        self.preprocessing = preprocessing
        self.tokenizer = tokenizer
        fuse_vision_attention(torch_model.vision_model)
        self.torch_model: Any = torch_model.to(device=device.torch_device, dtype=device.torch_dtype)
        text = self.torch_model.config.text_config
        self._end_id = int(text.sep_token_id)
        self.end_token = self.tokenizer.id_to_token(self._end_id)
        words: list[int] = self.tokenizer.encode(prompt).ids[1:-1] if prompt else []
        self.start_ids = [int(text.bos_token_id), *words]
        """What every caption begins with: a start token, and the prompt."""
        self._settings = GenerationConfig(
            do_sample=False,
            num_beams=num_beams,
            max_new_tokens=_MAX_NEW_TOKENS,
            min_length=_MIN_TOKENS,
            bos_token_id=text.bos_token_id,
            eos_token_id=self._end_id,
            pad_token_id=text.pad_token_id,
            return_dict_in_generate=True,
            output_scores=True,
        )
        self._runner = Runner(
            device,
            self.preprocessing,
            batch_size=batch_size,
            cpu_batch_size=_CPU_BATCH,
            try_batch=self._generate,
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
        decoder = self.torch_model.text_decoder
        seen = self.torch_model.vision_model(pixel_values=pixels).last_hidden_state
        starts = torch.tensor([self.start_ids] * len(pixels), device=pixels.device)
        written = decoder.generate(
            input_ids=starts,
            attention_mask=torch.ones_like(starts),
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long, device=pixels.device),
            generation_config=self._settings,
        )
        is_greedy = self._settings.num_beams == 1
        logprobs = decoder.compute_transition_scores(
            written.sequences,
            written.scores,
            None if is_greedy else written.beam_indices,
            normalize_logits=is_greedy,
        )
        new_ids = written.sequences[:, len(self.start_ids) :]
        return [self._caption(*row) for row in zip(new_ids.tolist(), logprobs.float().tolist(), strict=True)]

    def _caption(self, ids: list[int], logprobs: list[float]) -> GeneratedCaption:
        end = ids.index(self._end_id) if self._end_id in ids else len(ids)
        raw = self.tokenizer.decode([*self.start_ids[1:], *ids[:end]], skip_special_tokens=True)
        num_tokens = min(end + 1, len(ids))  # the end token counts: the model chose to stop there
        return GeneratedCaption(
            text=clean(raw),
            raw_text=raw,
            tokens=tuple(self.tokenizer.id_to_token(token) or "" for token in ids[:num_tokens]),
            token_logprobs=tuple(logprobs[:num_tokens]),
        )


def load_blip_captioner(
    checkpoint: Checkpoint,
    *,
    device: Device,
    batch_size: int | None = None,
    num_beams: int = PUBLISHED_NUM_BEAMS,
    prompt: str | None = None,
) -> BlipCaptioner:
    """Load a BLIP captioning checkpoint. Raises ModelUnavailable where it is not whole."""
    return BlipCaptioner(
        load_model(BlipForConditionalGeneration, checkpoint),
        load_tokenizer(checkpoint, _PROMPT_RULES, family="blip"),
        model=checkpoint.model,
        preprocessing=Preprocessing.from_config(checkpoint.preprocessor, family="blip"),
        device=device,
        batch_size=batch_size,
        num_beams=num_beams,
        prompt=prompt,
    )
