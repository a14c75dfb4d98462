"""Models by name: what there is, what is on this machine, and how each is loaded.

Importing this module imports no torch, transformers or onnxruntime, and neither does anything here until a
model that needs them is loaded. A name is a registered one ("mini", "clip", "blip"), a hub id, or a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.errors import ModelUnavailable
from vidsearch.models import hub, weights
from vidsearch.models.choosing import ModelChoice, resolve_models, uses_torch
from vidsearch.models.known import MINI, MINI_FOLDER, ModelEntry, hub_id_of, is_folder_name, known_models

if TYPE_CHECKING:
    from vidsearch.models.checkpoints import EmbedderCard, Role
    from vidsearch.models.device import Device
    from vidsearch.models.protocols import (
        Captioner,
        CaptionExplainer,
        Embedder,
        Explainer,
        Matcher,
        SoundEmbedder,
        TextEncoder,
        VideoDescriber,
        VideoEmbedder,
    )
    from vidsearch.models.weights import Checkpoint
    from vidsearch.types import EmbeddingSpace

__all__ = [
    "ModelChoice",
    "ModelEntry",
    "device_for",
    "known_models",
    "load_caption_explainer",
    "load_captioner",
    "load_describer",
    "load_embedder",
    "load_explainer",
    "load_matcher",
    "load_sound_embedder",
    "load_text_encoder",
    "load_video_embedder",
    "pull_model",
    "resolve_models",
    "uses_torch",
    "where_is",
]


def load_embedder(
    name: str, *, device: Device, batch_size: int | None = None, space: EmbeddingSpace | None = None
) -> Embedder:
    """Load an embedder. The built-in one always runs on the CPU.

    With a `space`, a checkpoint is also found where it lay when that space was made. Raises ModelUnavailable,
    also where the weights found make another space.
    """
    if name == MINI:
        from vidsearch.models.mini import MiniEmbedder

        return MiniEmbedder()
    card = _card(name, space)
    if card.family == "xclip":
        raise ModelUnavailable(
            f"{name} embeds clips of several frames, not single images: choose an embedder of images, such "
            "as clip."
        )
    if card.family == "blip":
        from vidsearch.models.blip import load_blip

        return load_blip(card, device=device, batch_size=batch_size)
    from vidsearch.models.clip import load_clip

    return load_clip(card, device=device, batch_size=batch_size)


def load_video_embedder(name: str, *, device: Device, batch_size: int | None = None) -> VideoEmbedder:
    """Load an embedder of clips. `batch_size` counts clips. Raises ModelUnavailable."""
    from vidsearch.models.checkpoints import embedder_card, is_pe

    checkpoint = None if name == MINI else _locate(name, "video embedder")
    if checkpoint is not None and is_pe(checkpoint):
        from vidsearch.models.pe import load_pe_video

        return load_pe_video(checkpoint, device=device, batch_size=batch_size)
    card = None if checkpoint is None else embedder_card(checkpoint)
    if card is None or card.family != "xclip":
        raise ModelUnavailable(f"{name} embeds single images: choose an embedder of clips, such as xclip.")
    from vidsearch.models.xclip import load_xclip

    return load_xclip(card, device=device, batch_size=batch_size)


def load_sound_embedder(name: str, *, device: Device, batch_size: int | None = None) -> SoundEmbedder:
    """Load an embedder of sounds. `batch_size` counts windows. Raises ModelUnavailable."""
    from vidsearch.models.checkpoints import is_clap, is_pe, space_of

    checkpoint = None if name == MINI else _locate(name, "sound embedder")
    if checkpoint is not None and is_pe(checkpoint):
        from vidsearch.models.pe import load_pe_sound

        return load_pe_sound(checkpoint, device=device, batch_size=batch_size)
    if checkpoint is None or not is_clap(checkpoint):
        raise ModelUnavailable(f"{name} hears nothing: choose an embedder of sounds, such as clap.")
    from vidsearch.models.clap import load_clap

    return load_clap(checkpoint, space_of(checkpoint), device=device, batch_size=batch_size)


def load_text_encoder(name: str, *, space: EmbeddingSpace | None = None) -> TextEncoder:
    """Load the text half of an embedder, on ONNX Runtime.

    A `space` that has been used on this machine loads at once, whether or not the whole model is still here.
    The first use of a model exports its text half, which takes torch and some seconds; no later one does.
    Raises ModelUnavailable.
    """
    if name == MINI:
        from vidsearch.models.mini import MiniTextEncoder

        return MiniTextEncoder()
    from vidsearch.models.checkpoints import space_of
    from vidsearch.models.text_onnx import OnnxTextEncoder, has_tower, tower_folder

    if space is None or not has_tower(space):
        checkpoint = _embedder_checkpoint(name, space)
        space = space_of(checkpoint, None if space is None else space.kind)
        if not has_tower(space):
            _export_text_half(checkpoint, space)
    return OnnxTextEncoder(tower_folder(space))


def _export_text_half(checkpoint: Checkpoint, space: EmbeddingSpace) -> None:
    """Load a model, which exports its text half."""
    from vidsearch.models.device import Device

    loaders: dict[str, Callable[..., object]] = {"clip": load_video_embedder, "sound": load_sound_embedder}
    load = loaders.get(space.kind, load_embedder)
    load(str(checkpoint.folder), device=Device("cpu", "fp32"), batch_size=1)


def load_captioner(
    name: str,
    *,
    device: Device,
    batch_size: int | None = None,
    num_beams: int | None = None,
    prompt: str | None = None,
) -> Captioner:
    """Load a captioner. The built-in one always runs on the CPU, and takes no prompt.

    Args:
        name: of the model, a hub id, or a folder.
        device: where to run.
        batch_size: images at once; None is what fits.
        num_beams: None is the model's own number, 1 is greedy.
        prompt: BLIP: None captions as published; any text, also an empty one, captions as transformers does,
            each caption beginning with the text.

    Raises:
        ModelUnavailable: where it cannot be had, or is not a captioner.
    """
    if name == MINI:
        from vidsearch.models.mini import MiniCaptioner

        if prompt:
            raise ModelUnavailable(
                "The mini captioner takes no prompt: leave --prompt out, or use --models blip."
            )
        return MiniCaptioner() if num_beams is None else MiniCaptioner(num_beams=num_beams)
    from vidsearch.models.checkpoints import is_florence

    checkpoint = _captioner_checkpoint(name)
    load: Callable[..., Captioner]
    if is_florence(checkpoint):
        from vidsearch.models.florence import load_florence as load
    else:
        from vidsearch.models.blip_captioner import load_blip_captioner as load
    return load(checkpoint, device=device, batch_size=batch_size, num_beams=num_beams, prompt=prompt)


def load_describer(name: str, *, device: Device) -> VideoDescriber:
    """Load a model that reads several frames at once and describes them. Raises ModelUnavailable."""
    from vidsearch.models.checkpoints import is_qwen_vl, is_smolvlm

    checkpoint = None if name == MINI else _locate(name, "describer")
    if checkpoint is not None and is_qwen_vl(checkpoint):
        from vidsearch.models.qwen_vl import load_qwen_vl

        return load_qwen_vl(checkpoint, device=device)
    if checkpoint is None or not is_smolvlm(checkpoint):
        raise ModelUnavailable(f"{name} reads no several frames at once: choose one that does: smolvlm.")
    from vidsearch.models.smolvlm import load_smolvlm

    return load_smolvlm(checkpoint, device=device)


def device_for(models: Iterable[str], device: str = "auto", precision: str = "auto") -> Device:
    """Choose where these models run; see `choose_device`, whose errors it raises.

    The built-in ones always run on the CPU, and do not wait for torch to be imported.
    """
    from vidsearch.models.device import Device, choose_device

    return choose_device(device, precision) if uses_torch(models) else Device("cpu", "fp32")


def load_matcher(name: str, *, device: Device, batch_size: int | None = None) -> Matcher:
    """Load a model that reads an image and a text together, to re-rank hits.

    The built-in one always runs on the CPU. Raises ModelUnavailable.
    """
    if name == MINI:
        from vidsearch.models.mini import MiniMatcher

        return MiniMatcher()
    from vidsearch.models.blip import load_blip

    card = _card(name, None)
    if card.family != "blip":
        raise ModelUnavailable(f"{name} has no image-text matching head: re-rank with blip or mini.")
    return load_blip(card, device=device, batch_size=batch_size)


def load_explainer(name: str, *, device: Device, space: EmbeddingSpace | None = None) -> Explainer:
    """Load what explains an embedder's matches. Raises ModelUnavailable.

    It has its own copy of the model, in fp32, for the sake of its gradients.
    """
    if name == MINI:
        from vidsearch.models.explain_mini import MiniExplainer
        from vidsearch.models.mini import MiniEmbedder

        return MiniExplainer(MiniEmbedder())
    exact = replace(device, precision="fp32")
    card = _card(name, space)
    if card.family == "blip":
        from vidsearch.models.blip import load_blip
        from vidsearch.models.explain_blip import BlipExplainer

        return BlipExplainer(load_blip(card, device=exact, batch_size=1))
    from vidsearch.models.clip import load_clip
    from vidsearch.models.explain_clip import ClipExplainer

    return ClipExplainer(load_clip(card, device=exact, batch_size=1))


def load_caption_explainer(name: str, *, device: Device) -> CaptionExplainer:
    """Load what captions an image and explains each word. Raises ModelUnavailable."""
    if name == MINI:
        from vidsearch.models.explain_mini import MiniExplainer
        from vidsearch.models.mini import MiniCaptioner, MiniEmbedder

        return MiniExplainer(MiniEmbedder(), MiniCaptioner())
    from vidsearch.models.blip_captioner import load_blip_captioner
    from vidsearch.models.checkpoints import is_florence
    from vidsearch.models.explain_blip import BlipCaptionExplainer

    exact = replace(device, precision="fp32")
    checkpoint = _captioner_checkpoint(name)
    if is_florence(checkpoint):
        raise ModelUnavailable(f"The captions of {name} cannot be explained: choose blip or mini.")
    return BlipCaptionExplainer(load_blip_captioner(checkpoint, device=exact, batch_size=1))


def pull_model(name: str, *, show_progress: bool = True, tell: Callable[[str], None] | None = None) -> Path:
    """Fetch a model's weights and export its text half for searching.

    Continues an interrupted fetch; two processes share one fetch. "blip" fetches both BLIP models.

    Args:
        name: of the model, a hub id, or a folder.
        show_progress: whether progress bars go to stderr.
        tell: called with each line about what is done, and what the cache then holds.

    Returns:
        The folder of the weights.

    Raises:
        ModelUnavailable: where it cannot be fetched or read.
    """
    from vidsearch.models.checkpoints import role_of

    tell = tell or (lambda _: None)
    if name == MINI:
        tell(f"{MINI} is built in: nothing to fetch")
        return where_is(MINI)
    hub.show_progress_bars(show_progress)
    if is_folder_name(name):
        checkpoint = weights.from_folder(Path(name))
    else:
        hub_id = hub_id_of(name, "captioner")
        checkpoint = weights.cached(hub_id) or hub.fetch(hub_id)
    tell(
        f"{checkpoint.model}: {checkpoint.size_bytes:,} bytes of weights and settings in {checkpoint.folder}"
    )
    if name == "blip":
        pull_model("blip-itm", show_progress=show_progress, tell=tell)
    if role_of(checkpoint) not in ("captioner", "describer", "transcriber"):
        _pull_text_half(checkpoint, tell)
    return checkpoint.folder


def _pull_text_half(checkpoint: Checkpoint, tell: Callable[[str], None]) -> None:
    from vidsearch.models.checkpoints import role_of, space_of
    from vidsearch.models.text_onnx import has_tower, tower_folder

    both = role_of(checkpoint) == "video and sound embedder"
    for kind in ("clip", "sound") if both else (None,):
        space = space_of(checkpoint, kind)
        if not has_tower(space):
            tell(f"{checkpoint.model}: exporting its text half to ONNX, for searches without torch ...")
            load_text_encoder(str(checkpoint.folder), space=space)
        folder = tower_folder(space)
        size_bytes = sum(path.stat().st_size for path in folder.iterdir())
        tell(f"{checkpoint.model}: {size_bytes:,} bytes of text half in {folder}")


def where_is(name: str) -> Path:
    """Return the folder of a model's weights. Raises ModelUnavailable where they are not on this machine."""
    if name == MINI:
        return MINI_FOLDER
    if is_folder_name(name):
        return weights.from_folder(Path(name)).folder
    here = weights.cached(hub_id_of(name, "captioner"))
    if here is None:
        raise ModelUnavailable(
            f"{name} is not on this machine. Fetch it with `vidsearch models pull {name}`."
        )
    return here.folder


def _card(name: str, space: EmbeddingSpace | None) -> EmbedderCard:
    """Read the checkpoint of an embedder of images or clips, of one space where it is given."""
    from vidsearch.models.checkpoints import embedder_card

    return embedder_card(_embedder_checkpoint(name, space))


def _embedder_checkpoint(name: str, space: EmbeddingSpace | None) -> Checkpoint:
    """Find an embedder's checkpoint, of one space where it is given."""
    from vidsearch.models.checkpoints import space_of

    if space is None:
        return _locate(name, "embedder")
    checkpoint = _remembered(space) or _locate(name, "embedder")
    found = space_of(checkpoint, space.kind)
    if found.of(space.kind) != space:
        raise ModelUnavailable(
            f"The vectors were made with {space.model} (weights {space.weights_digest[:12]}), but the "
            f"weights of {name} here are others ({found.weights_digest[:12]}): index again."
        )
    return checkpoint


def _remembered(space: EmbeddingSpace) -> Checkpoint | None:
    """Return the checkpoint that a space was made with, where it still lies in the same folder."""
    from vidsearch.models.text_onnx import read_card

    card = read_card(space)
    if card is None:
        return None
    try:
        checkpoint = weights.from_folder(Path(card.checkpoint_folder))
    except ModelUnavailable:
        return None
    return checkpoint if checkpoint.digest() == space.weights_digest else None


def _captioner_checkpoint(name: str) -> Checkpoint:
    from vidsearch.models.checkpoints import role_of

    checkpoint = _locate(name, "captioner")
    if role_of(checkpoint) != "captioner":
        raise ModelUnavailable(
            f"{name} embeds images and writes no captions: name a captioner, such as blip."
        )
    return checkpoint


def _locate(name: str, role: Role) -> Checkpoint:
    return hub.locate(name if is_folder_name(name) else hub_id_of(name, role))
