"""BLIP as a captioner (Li et al. 2022, arXiv:2201.12086)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from vidsearch.models.blip_model import BlipCaptionModel
from vidsearch.models.checkpoints import read_config, read_preprocessing
from vidsearch.models.decoding import Limits, Written, search
from vidsearch.models.loading import load_model
from vidsearch.models.tokens import TokenRules, load_tokenizer, written_caption
from vidsearch.models.torch_model import Runner

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.blip_model import KeysValues
    from vidsearch.models.device import Device
    from vidsearch.models.preprocess import Preprocessing
    from vidsearch.models.weights import Checkpoint
    from vidsearch.types import GeneratedCaption, UInt8Image

_CPU_BATCH = 8
_TIED = {
    "text_decoder.cls.predictions.decoder.weight": "text_decoder.bert.embeddings.word_embeddings.weight",
    "text_decoder.cls.predictions.decoder.bias": "text_decoder.cls.predictions.bias",
}
_PROMPT_RULES = TokenRules(max_tokens=64, pad_to_max=False)
"""The longest prompt leaves room for a caption within the decoder's positions."""


@dataclass(frozen=True, slots=True)
class CaptionStyle:
    """How captions are decoded. Lengths are in tokens."""

    prompt: str
    """What every caption begins with; may be empty."""
    keeps_prompt: bool
    """Whether the prompt stays in the caption."""
    num_beams: int
    """1 is greedy."""
    min_length: int
    """The start token and the prompt count."""
    max_length: int | None = None
    """The start token and the prompt count."""
    max_new: int | None = None
    """Without them; one of the two is given."""

    def limits(self, num_start: int, end_id: int) -> Limits:
        """Return the limits for captions that begin with `num_start` tokens."""
        longest = num_start + self.max_new if self.max_new is not None else self.max_length
        assert longest is not None
        return Limits(max(longest, num_start + 1), self.min_length, end_id)


PUBLISHED_STYLE = CaptionStyle("a picture of ", keeps_prompt=False, num_beams=3, min_length=5, max_length=20)
"""As BLIP's authors caption: salesforce/BLIP, `models/blip.py` (`BLIP_Decoder.generate`) and
`configs/caption_coco.yaml`. The prompt is cut off again."""


def transformers_style(prompt: str = "") -> CaptionStyle:
    """Return the style of `BlipForConditionalGeneration.generate`: greedy, 20 new tokens, a prompt that
    stays."""
    return CaptionStyle(prompt, keeps_prompt=True, num_beams=1, min_length=0, max_new=20)


class BlipCaptioner:
    """A Captioner over a BLIP captioning checkpoint."""

    def __init__(
        self,
        torch_model: BlipCaptionModel,
        tokenizer: Tokenizer,
        *,
        model: str,
        weights_digest: str,
        preprocessing: Preprocessing,
        device: Device,
        batch_size: int | None = None,
        num_beams: int | None = None,
        prompt: str | None = None,
    ) -> None:
        """Put a model onto a device.

        Args:
            torch_model: the network with its weights.
            tokenizer: of its checkpoint.
            model: name, for `model`.
            weights_digest: of its checkpoint.
            preprocessing: of its checkpoint.
            device: where to run.
            batch_size: images at once; None is what fits.
            num_beams: None is the style's own number, 1 is greedy.
            prompt: None captions as published (`PUBLISHED_STYLE`); any text, also an empty one, captions as
                transformers does, each caption beginning with the text (`transformers_style`).
        """
        self.model = model
        self.weights_digest = weights_digest
        self.prompt = prompt
        self.device = device
        self.preprocessing = preprocessing
        self.tokenizer = tokenizer
        self.torch_model = torch_model.to(device=device.torch_device, dtype=device.torch_dtype)
        self.style = PUBLISHED_STYLE if prompt is None else transformers_style(prompt)
        self._num_beams = num_beams or self.style.num_beams
        text = torch_model.config.text
        self._end_id = text.separator_token_id
        self.end_token = self.tokenizer.id_to_token(self._end_id)
        words: list[int] = self.tokenizer.encode(self.style.prompt).ids[1:-1]
        self.start_ids = [text.start_token_id, *words]
        """What every caption begins with: a start token, and the prompt."""
        self._limits = self.style.limits(len(self.start_ids), self._end_id)
        self._runner = Runner(
            device,
            self.preprocessing,
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

    def written(self, pixels: torch.Tensor) -> list[Written]:
        """Write one token sequence for each image of a batch of pixels, (n, 3, height, width)."""
        decoder = self.torch_model.text_decoder
        image = decoder.image_keys_values(self.torch_model.vision_model(pixels))
        past: list[KeysValues] | None = None

        def step(ids: torch.Tensor, rows: torch.Tensor | None) -> torch.Tensor:
            nonlocal past
            if past is not None and rows is not None:
                past = [(keys[rows], values[rows]) for keys, values in past]
            logits: torch.Tensor
            logits, past = decoder(ids, image, past)
            return logits

        start = torch.tensor([self.start_ids] * len(pixels), device=pixels.device)
        return search(step, start, self._limits, num_beams=self._num_beams)

    def _generate(self, pixels: torch.Tensor) -> list[GeneratedCaption]:
        return [self._caption(each) for each in self.written(pixels)]

    def _caption(self, written: Written) -> GeneratedCaption:
        text = self.tokenizer.decode([*self.start_ids[1:], *written.ids], skip_special_tokens=True)
        raw = text if self.style.keeps_prompt else text[len(self.style.prompt) :]
        return written_caption(self.tokenizer, raw, written.ids, written.logprobs)


def load_blip_captioner(
    checkpoint: Checkpoint,
    *,
    device: Device,
    batch_size: int | None = None,
    num_beams: int | None = None,
    prompt: str | None = None,
) -> BlipCaptioner:
    """Load a BLIP captioning checkpoint; see `BlipCaptioner`. Raises ModelUnavailable where it is not
    whole."""
    config = read_config(checkpoint)
    return BlipCaptioner(
        load_model(lambda: BlipCaptionModel(config), checkpoint, same_as=_TIED),
        load_tokenizer(checkpoint, _PROMPT_RULES, config),
        model=checkpoint.model,
        weights_digest=checkpoint.digest(),
        preprocessing=read_preprocessing(checkpoint, config),
        device=device,
        batch_size=batch_size,
        num_beams=num_beams,
        prompt=prompt,
    )
