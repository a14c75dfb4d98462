"""Models by name: what there is, what is on this machine, and how each is loaded.

Importing this module imports no torch, transformers or onnxruntime, and neither does anything here until a
model that needs them is loaded. A name is a registered one ("mini", "clip", "blip"), a hub id, or a folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsearch.errors import ModelUnavailable
from vidsearch.models import hub, weights
from vidsearch.types import LibraryModels

if TYPE_CHECKING:
    from vidsearch.models.checkpoints import EmbedderCard, Role
    from vidsearch.models.device import Device
    from vidsearch.models.protocols import (
        Captioner,
        CaptionExplainer,
        Embedder,
        Explainer,
        Matcher,
        TextEncoder,
    )
    from vidsearch.models.weights import Checkpoint
    from vidsearch.types import Space

MINI = "mini"


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    kind: Role
    hub_id: str
    megabytes: int
    """Of the files that are fetched, about."""
    terms: str


_KNOWN = (
    _Known("clip", "embedder", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", 610, "MIT"),
    _Known("clip-openai", "embedder", "openai/clip-vit-base-patch32", 610, "MIT"),
    _Known("siglip", "embedder", "google/siglip-base-patch16-224", 820, "Apache-2.0"),
    _Known("siglip2", "embedder", "google/siglip2-base-patch16-224", 1530, "Apache-2.0"),
    _Known("blip", "captioner", "Salesforce/blip-image-captioning-base", 990, "BSD-3-Clause"),
    _Known("blip-large", "captioner", "Salesforce/blip-image-captioning-large", 1880, "BSD-3-Clause"),
    _Known("blip-itm", "embedder", "Salesforce/blip-itm-base-coco", 900, "BSD-3-Clause"),
)

_AUTO_EMBEDDER = "clip"
_AUTO_CAPTIONER = "blip"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One line of the list of models."""

    name: str
    kind: str
    """"embedder", "captioner", or both."""
    source: str
    """Hub id, or where else it comes from."""
    size_bytes: int
    """On this disk where it is here, else about what would be fetched."""
    terms: str
    is_cached: bool
    path: Path | None

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "path": None if self.path is None else str(self.path)}


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Models for a library, and why these where the user did not name them."""

    models: LibraryModels
    reason: str | None
    """One line for people, or None where there is nothing to say."""


def known_models() -> tuple[ModelEntry, ...]:
    """Return all models that have a name, the built-in ones first. Uses no network."""
    folder = Path(__file__).parent / MINI
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    entries = [
        ModelEntry(
            MINI, "embedder, captioner", "built in", size, "see models/mini/MODEL_CARD.md", True, folder
        )
    ]
    for known in _KNOWN:
        here = weights.cached(known.hub_id)
        entries.append(
            ModelEntry(
                name=known.name,
                kind=known.kind,
                source=known.hub_id,
                size_bytes=known.megabytes * 10**6 if here is None else here.size_bytes,
                terms=known.terms,
                is_cached=here is not None,
                path=None if here is None else here.folder,
            )
        )
    return tuple(entries)


def resolve_models(name: str = "auto", *, embedder: str | None = None) -> ModelChoice:
    """Choose a library's models.

    `name` is "auto" or a comma list of names, hub ids and folders. With "auto", `clip` and `blip` are taken
    where their weights are cached or the hub answers for them, else `mini`. "blip" and "mini" both embed and
    caption; beside another embedder they only caption. `embedder`, a comma list, replaces the embedders.
    Raises ModelUnavailable for a name that means nothing, several captioners, or no embedder.
    """
    embedders, captioner, reason = _auto() if name == "auto" else _named(_split(name), embedder is not None)
    if embedder is not None:
        embedders = tuple(_canonical(each, "embedder") for each in _split(embedder))
    return ModelChoice(LibraryModels(embedders=embedders, captioner=captioner), reason)


def load_embedder(
    name: str, *, device: Device, batch_size: int | None = None, space: Space | None = None
) -> Embedder:
    """Load an embedder. The built-in one always runs on the CPU.

    With a `space`, a checkpoint is also found where it lay when that space was made. Raises ModelUnavailable,
    also where the weights found make another space.
    """
    if name == MINI:
        from vidsearch.models.mini import MiniEmbedder

        return MiniEmbedder()
    card = _card(name, space)
    if card.family == "blip":
        from vidsearch.models.blip import load_blip

        return load_blip(card, device=device, batch_size=batch_size)
    from vidsearch.models.clip import load_clip

    return load_clip(card, device=device, batch_size=batch_size)


def load_text_encoder(name: str, *, space: Space | None = None) -> TextEncoder:
    """Load the text half of an embedder, on ONNX Runtime.

    A `space` that has been used on this machine loads at once, whether or not the whole model is still here.
    The first use of a model exports its text half, which takes torch and some seconds; no later one does.
    Raises ModelUnavailable.
    """
    if name == MINI:
        from vidsearch.models.mini import MiniTextEncoder

        return MiniTextEncoder()
    from vidsearch.models.text_onnx import OnnxTextEncoder, has_tower, tower_folder

    if space is None or not has_tower(space):
        space = _card(name, space).space
    if not has_tower(space):
        from vidsearch.models.device import Device

        load_embedder(name, device=Device("cpu", "fp32"), batch_size=1, space=space)
    return OnnxTextEncoder(tower_folder(space))


def load_captioner(
    name: str,
    *,
    device: Device,
    batch_size: int | None = None,
    num_beams: int | None = None,
    prompt: str | None = None,
) -> Captioner:
    """Load a captioner. The built-in one always runs on the CPU, and takes no prompt.

    `num_beams` None is the model's own number, 1 is greedy. Raises ModelUnavailable.
    """
    if name == MINI:
        from vidsearch.models.mini import MiniCaptioner

        if prompt:
            raise ModelUnavailable(
                "The mini captioner takes no prompt: leave --prompt out, or use --models blip."
            )
        return MiniCaptioner() if num_beams is None else MiniCaptioner(num_beams=num_beams)
    from vidsearch.models.blip_captioner import PUBLISHED_NUM_BEAMS, load_blip_captioner

    return load_blip_captioner(
        _captioner_checkpoint(name),
        device=device,
        batch_size=batch_size,
        num_beams=num_beams or PUBLISHED_NUM_BEAMS,
        prompt=prompt,
    )


def load_matcher(name: str, *, device: Device, batch_size: int | None = None) -> Matcher:
    """Load a model that reads an image and a text together, to re-rank hits. Raises ModelUnavailable."""
    from vidsearch.models.blip import load_blip

    card = _card(name, None)
    if card.family != "blip":
        raise ModelUnavailable(f"{name} has no image-text matching head: re-rank with blip.")
    return load_blip(card, device=device, batch_size=batch_size)


def load_explainer(name: str, *, device: Device, space: Space | None = None) -> Explainer:
    """Load what explains an embedder's matches. Raises ModelUnavailable.

    It has its own copy of the model, in fp32: the gradients of small numbers are wanted.
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
    from vidsearch.models.explain_blip import BlipCaptionExplainer

    exact = replace(device, precision="fp32")
    return BlipCaptionExplainer(load_blip_captioner(_captioner_checkpoint(name), device=exact, batch_size=1))


def pull_model(name: str, *, show_progress: bool = True) -> Path:
    """Fetch a model's weights and make its query-time text half. Returns the folder of the weights.

    Goes on where an interrupted fetch stopped; two processes share one fetch. "blip" fetches both BLIP
    models. Raises ModelUnavailable.
    """
    from vidsearch.models.checkpoints import role_of

    if name == MINI:
        return where_is(MINI)
    hub.show_progress_bars(show_progress)
    if weights.is_folder_name(name):
        checkpoint = weights.from_folder(Path(name))
    else:
        checkpoint = hub.fetch(_hub_id(name, "captioner"))
    if name == "blip":
        pull_model("blip-itm", show_progress=show_progress)
    if role_of(checkpoint) == "embedder":
        load_text_encoder(name)
    return checkpoint.folder


def where_is(name: str) -> Path:
    """Return the folder of a model's weights. Raises ModelUnavailable where they are not on this machine."""
    if name == MINI:
        return Path(__file__).parent / MINI
    if weights.is_folder_name(name):
        return weights.from_folder(Path(name)).folder
    here = weights.cached(_hub_id(name, "captioner"))
    if here is None:
        raise ModelUnavailable(
            f"{name} is not on this machine. Fetch it with `vidsearch models pull {name}`."
        )
    return here.folder


def uses_torch(names: Iterable[str]) -> bool:
    """Return whether any of these models runs on torch, and so on the chosen device."""
    return any(name != MINI for name in names)


def _auto() -> tuple[tuple[str, ...], str | None, str | None]:
    wanted = [_hub_id(_AUTO_EMBEDDER, "embedder"), _hub_id(_AUTO_CAPTIONER, "captioner")]
    absent = [hub_id for hub_id in wanted if weights.cached(hub_id) is None]
    if not absent:
        return (_AUTO_EMBEDDER,), _AUTO_CAPTIONER, None
    if all(hub.can_fetch(hub_id) for hub_id in absent):
        reason = f"models: clip and blip; fetching {', '.join(absent)} once (--models mini needs no download)"
        return (_AUTO_EMBEDDER,), _AUTO_CAPTIONER, reason
    reason = (
        "models: mini, built in, as clip and blip are not on this machine and the hub does not answer "
        "(`vidsearch models pull all`, then --models clip,blip, for better ones)"
    )
    return (MINI,), MINI, reason


def _named(names: tuple[str, ...], has_embedder: bool) -> tuple[tuple[str, ...], str | None, str | None]:
    embedders = [name for name in names if _embeds_only(name)]
    others = [name for name in names if name not in embedders]
    captioners = [_canonical(name, "captioner") for name in others]
    if len(captioners) > 1:
        raise ModelUnavailable(f"A library has one captioner, and not {', '.join(captioners)}.")
    if not embedders:
        embedders = [name for name in others if name in (MINI, "blip")]
    if not embedders and not has_embedder:
        raise ModelUnavailable(
            f"{', '.join(names)} embeds nothing to search by: add an embedder (--models clip,{names[0]})."
        )
    reason = None if captioners else "no captions, as no captioner is named (--models clip,blip has one)"
    chosen = tuple(_canonical(name, "embedder") for name in embedders)
    return chosen, captioners[0] if captioners else None, reason


def _embeds_only(name: str) -> bool:
    """Return whether a model embeds and does not caption."""
    from vidsearch.models.checkpoints import role_of

    if name in (MINI, "blip"):
        return False
    known = _find(name)
    if known is not None:
        return known.kind == "embedder"
    is_folder = weights.is_folder_name(name)
    checkpoint = weights.from_folder(Path(name)) if is_folder else hub.config_only(name)
    return role_of(checkpoint) == "embedder"


def _canonical(name: str, role: Role) -> str:
    """Return a name that still means the same from another folder. Raises ModelUnavailable."""
    known = _find(name)
    if name == MINI or (known is not None and known.kind == role) or name == "blip":
        return name
    if known is not None:
        raise ModelUnavailable(f"{name} is no {role}: it is an {known.kind}.")
    if weights.is_folder_name(name):
        return str(weights.from_folder(Path(name)).folder.absolute())
    weights.check_hub_id(name)
    return name


def _card(name: str, space: Space | None) -> EmbedderCard:
    """Read an embedder's checkpoint, of one space where it is given."""
    from vidsearch.models.checkpoints import embedder_card

    if space is None:
        return embedder_card(_locate(name, "embedder"))
    remembered = _remembered(space)
    card = embedder_card(remembered or _locate(name, "embedder"))
    if card.space != space:
        raise ModelUnavailable(
            f"The vectors were made with {space.model} (weights {space.weights_digest[:12]}), but the "
            f"weights of {name} here are others ({card.space.weights_digest[:12]}): index again."
        )
    return card


def _remembered(space: Space) -> Checkpoint | None:
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
    return hub.locate(name if weights.is_folder_name(name) else _hub_id(name, role))


def _hub_id(name: str, role: Role) -> str:
    if name == "blip" and role == "embedder":
        name = "blip-itm"
    known = _find(name)
    return name if known is None else known.hub_id


def _find(name: str) -> _Known | None:
    return next((known for known in _KNOWN if known.name == name), None)


def _split(names: str) -> tuple[str, ...]:
    parts: Iterable[str] = (part.strip() for part in names.split(","))
    unique = tuple(dict.fromkeys(part for part in parts if part))
    if not unique:
        raise ModelUnavailable("No model is named: give --models auto, mini or clip,blip.")
    return unique
