"""X-CLIP: clips of several frames and texts in one space (Ni et al. 2022, arXiv:2208.02816).

What happens, such as "a door opens", is in no single frame. A clip's vector depends on the order of its
frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidsearch.models.clip import embed_clip_texts, text_names, text_spec
from vidsearch.models.loading import load_model, numpy_state
from vidsearch.models.text_export import ensure_tower, tower_writer
from vidsearch.models.tokens import load_tokenizer
from vidsearch.models.torch_windows import TorchVideoEmbedder
from vidsearch.models.xclip_model import XClipModel

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vidsearch.models.checkpoints import EmbedderCard
    from vidsearch.models.device import Device
    from vidsearch.types import Float32

WINDOW_SECONDS = 4.0
"""X-CLIP was trained on Kinetics: actions of up to 10 seconds, 8 or 16 frames of each. Shorter windows say
better when something happens, and still hold most actions."""


class XClipEmbedder(TorchVideoEmbedder):
    """A VideoEmbedder over an X-CLIP model."""

    def __init__(
        self,
        model: XClipModel,
        tokenizer: Tokenizer,
        card: EmbedderCard,
        *,
        device: Device,
        batch_size: int | None = None,
    ) -> None:
        """Put a model onto a device. `batch_size` counts clips."""
        assert model.config.clip is not None
        self.tokenizer = tokenizer
        super().__init__(
            model,
            space=card.space,
            preprocessing=card.preprocessing,
            num_frames=model.config.clip.num_frames,
            window_seconds=WINDOW_SECONDS,
            device=device,
            batch_size=batch_size,
        )

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Embed texts. Returns float32 (n, dim), unit rows."""
        return embed_clip_texts(self.model, self.tokenizer, texts, self.space.dim)


def load_xclip(card: EmbedderCard, *, device: Device, batch_size: int | None = None) -> XClipEmbedder:
    """Load an X-CLIP checkpoint, and export its text tower unless that is done already.

    Raises ModelUnavailable where the checkpoint is not whole.
    """
    config = card.config
    tokenizer = load_tokenizer(card.checkpoint, card.token_rules, config)
    model = load_model(lambda: XClipModel(config), card.checkpoint)
    ensure_tower(
        card.space,
        card.checkpoint.folder,
        write=tower_writer(text_spec(config), text_names(config), lambda: numpy_state(model)),
        tokenizer=tokenizer,
        reference=lambda texts: embed_clip_texts(model, tokenizer, texts, card.space.dim),
        logit_scale=float(model.logit_scale.exp()),
    )
    return XClipEmbedder(model, tokenizer, card, device=device, batch_size=batch_size)
