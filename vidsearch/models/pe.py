"""PE-AV: clips, sounds and texts in one space (Vyas et al. 2025, arXiv:2512.19687).

A text has one vector to be compared with clips, and another with sounds, by a head for each over one tower.
So a checkpoint has a space of clips and a space of sounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from vidsearch.models.loading import load_model
from vidsearch.models.modernbert import ModernBertText, load_modernbert, modernbert_writer
from vidsearch.models.pe_config import (
    MAX_TOKENS,
    NUM_FRAMES,
    WINDOW_SECONDS,
    pe_preprocessing,
    pe_sample_rate,
    pe_space,
    pe_tokenizer,
    read_pe_config,
)
from vidsearch.models.pe_model import PeVideo
from vidsearch.models.pe_sound_model import PeSound
from vidsearch.models.text_export import ensure_tower
from vidsearch.models.torch_model import embed_texts
from vidsearch.models.torch_windows import TorchSoundEmbedder, TorchVideoEmbedder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.device import Device
    from vidsearch.models.weights import Checkpoint
    from vidsearch.types import EmbeddingSpace, Float32


class _Texts:
    """The text half."""

    def __init__(self, model: ModernBertText, tokenizer: Tokenizer, dim: int) -> None:
        self.tokenizer = tokenizer
        self._model = model
        self._dim = dim

    def embed(self, texts: Sequence[str]) -> Float32:
        """Embed texts. Returns float32 (n, dim), unit rows."""
        device = self._model.head.proj.weight.device
        return embed_texts(texts, self.tokenizer, self._model.text_features, dim=self._dim, device=device)


class PeVideoEmbedder(TorchVideoEmbedder):
    """A VideoEmbedder over a PE-AV model."""

    def __init__(
        self, model: PeVideo, texts: _Texts, *, checkpoint: Checkpoint, device: Device, batch_size: int | None
    ) -> None:
        """Put a model onto a device. `batch_size` counts clips."""
        self.tokenizer = texts.tokenizer
        self._texts = texts
        super().__init__(
            model,
            space=pe_space(checkpoint, sounds=False),
            preprocessing=pe_preprocessing(checkpoint, read_pe_config(checkpoint)),
            num_frames=NUM_FRAMES,
            window_seconds=WINDOW_SECONDS,
            device=device,
            batch_size=batch_size,
        )

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Embed texts, to be compared with clips. Returns float32 (n, dim), unit rows."""
        return self._texts.embed(texts)


class PeSoundEmbedder(TorchSoundEmbedder):
    """A SoundEmbedder over a PE-AV model."""

    def __init__(
        self,
        model: PeSound,
        texts: _Texts,
        *,
        hop: int,
        checkpoint: Checkpoint,
        device: Device,
        batch_size: int | None,
    ) -> None:
        """Put a model onto a device. `hop` is how many samples become one moment."""
        self.tokenizer = texts.tokenizer
        self._texts = texts
        self._hop = hop
        super().__init__(
            model,
            space=pe_space(checkpoint, sounds=True),
            sample_rate=pe_sample_rate(checkpoint),
            window_seconds=WINDOW_SECONDS,
            device=device,
            batch_size=batch_size,
        )

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Embed texts, to be compared with sounds. Returns float32 (n, dim), unit rows."""
        return self._texts.embed(texts)

    def _sound_rows(self, sounds: Sequence[Float32]) -> torch.Tensor:
        """Sounds of one length at a time, since nothing is put in the place of what a shorter one lacks."""
        whole = [_whole_hops(sound, self._hop) for sound in sounds]
        rows = torch.empty((len(whole), self.space.dim))
        for length in {len(sound) for sound in whole}:
            places = [place for place, sound in enumerate(whole) if len(sound) == length]
            samples = torch.from_numpy(np.stack([whole[place] for place in places]))
            heard = self.model.sound_features(samples.to(self.device.torch_device, self.device.torch_dtype))
            rows[places] = heard.float().cpu()
        return rows


def _whole_hops(sound: Float32, hop: int) -> Float32:
    """A sound continued by its mirror image until it ends with a hop."""
    lacking = -len(sound) % hop
    return np.pad(sound, (0, lacking), "reflect" if len(sound) > 1 else "edge").astype(np.float32)


def load_pe_video(
    checkpoint: Checkpoint, *, device: Device, batch_size: int | None = None
) -> PeVideoEmbedder:
    """Load what sees of a PE-AV checkpoint, and export its text tower unless that is done already.

    Raises ModelUnavailable where the checkpoint is not whole.
    """
    config = read_pe_config(checkpoint)
    name_of = _names(checkpoint, "video_model.", "text_video_head")
    model = load_model(lambda: PeVideo(config), checkpoint, name_of=name_of)
    texts = _load_texts(checkpoint, pe_space(checkpoint, sounds=False), name_of)
    return PeVideoEmbedder(model, texts, checkpoint=checkpoint, device=device, batch_size=batch_size)


def load_pe_sound(
    checkpoint: Checkpoint, *, device: Device, batch_size: int | None = None
) -> PeSoundEmbedder:
    """Load what hears of a PE-AV checkpoint, and export its text tower unless that is done already.

    Raises ModelUnavailable where the checkpoint is not whole, or hears nothing.
    """
    config = read_pe_config(checkpoint)
    space = pe_space(checkpoint, sounds=True)
    assert config.codec is not None
    name_of = _names(checkpoint, "audio_model.", "text_audio_head")
    model = load_model(lambda: PeSound(config), checkpoint, name_of=name_of)
    texts = _load_texts(checkpoint, space, name_of)
    hop = config.codec.hop
    return PeSoundEmbedder(model, texts, hop=hop, checkpoint=checkpoint, device=device, batch_size=batch_size)


def _names(checkpoint: Checkpoint, part: str, head: str) -> Callable[[str], str]:
    """What a checkpoint calls a weight: the text tower is shared, and what is not lies in a part."""
    part = part if checkpoint.config.get("model_type") == "pe_audio_video" else ""

    def name_of(name: str) -> str:
        if name.startswith("text_model."):
            return name
        return part + (f"{head}.{name.removeprefix('head.')}" if name.startswith("head.") else name)

    return name_of


def _load_texts(checkpoint: Checkpoint, space: EmbeddingSpace, name_of: Callable[[str], str]) -> _Texts:
    config = read_pe_config(checkpoint)
    tokenizer = pe_tokenizer(checkpoint, config)
    model = load_modernbert(checkpoint, config.text, dim=config.dim, name_of=name_of)
    texts = _Texts(model, tokenizer, config.dim)
    ensure_tower(
        space,
        checkpoint.folder,
        write=modernbert_writer(model, MAX_TOKENS),
        tokenizer=tokenizer,
        reference=texts.embed,
    )
    return texts
