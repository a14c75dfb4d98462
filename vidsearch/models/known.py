"""The models that have a name, and which of them are on this machine. Uses no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.models import weights

if TYPE_CHECKING:
    from vidsearch.models.checkpoints import Role

FAMILIES = "CLIP, SigLIP, MetaCLIP 2, X-CLIP, CLAP, PE-AV, BLIP, Florence-2, SmolVLM2 and Qwen3-VL"
"""Whose checkpoints work by a hub id or a folder, in the layout of transformers."""

MINI = "mini"
MINI_FOLDER = Path(__file__).parent / MINI


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model with a name, from the hub."""

    name: str
    kind: Role
    hub_id: str
    megabytes: int
    """Of the files that are fetched, about."""
    terms: str


KNOWN_MODELS = (
    KnownModel("clip", "embedder", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", 610, "MIT"),
    KnownModel("clip-openai", "embedder", "openai/clip-vit-base-patch32", 610, "MIT"),
    KnownModel("siglip", "embedder", "google/siglip-base-patch16-224", 820, "Apache-2.0"),
    KnownModel("clip-l", "embedder", "laion/CLIP-ViT-L-14-laion2B-s32B-b82K", 1710, "MIT"),
    KnownModel("clip-h", "embedder", "laion/CLIP-ViT-H-14-laion2B-s32B-b79K", 3950, "MIT"),
    KnownModel("siglip2", "embedder", "google/siglip2-base-patch16-224", 1530, "Apache-2.0"),
    KnownModel("siglip2-large", "embedder", "google/siglip2-large-patch16-384", 3560, "Apache-2.0"),
    KnownModel("metaclip2", "embedder", "facebook/metaclip-2-worldwide-b32", 2480, "CC-BY-NC-4.0"),
    KnownModel("xclip", "video embedder", "microsoft/xclip-base-patch32", 790, "MIT"),
    KnownModel("clap", "sound embedder", "laion/clap-htsat-unfused", 620, "Apache-2.0"),
    KnownModel("pe-av", "video and sound embedder", "facebook/pe-av-large-16-frame", 8940, "Apache-2.0"),
    KnownModel("blip", "captioner", "Salesforce/blip-image-captioning-base", 990, "BSD-3-Clause"),
    KnownModel("blip-large", "captioner", "Salesforce/blip-image-captioning-large", 1880, "BSD-3-Clause"),
    KnownModel("florence2", "captioner", "florence-community/Florence-2-base", 470, "MIT"),
    KnownModel("florence2-large", "captioner", "florence-community/Florence-2-large", 1560, "MIT"),
    KnownModel("smolvlm", "describer", "HuggingFaceTB/SmolVLM2-500M-Video-Instruct", 2030, "Apache-2.0"),
    KnownModel("smolvlm-large", "describer", "HuggingFaceTB/SmolVLM2-2.2B-Instruct", 8990, "Apache-2.0"),
    KnownModel("whisper", "transcriber", "Systran/faster-whisper-small", 490, "MIT"),
    KnownModel("whisper-tiny", "transcriber", "Systran/faster-whisper-tiny", 80, "MIT"),
    KnownModel("whisper-base", "transcriber", "Systran/faster-whisper-base", 150, "MIT"),
    KnownModel("whisper-turbo", "transcriber", "mobiuslabsgmbh/faster-whisper-large-v3-turbo", 1630, "MIT"),
    KnownModel("blip-itm", "embedder", "Salesforce/blip-itm-base-coco", 900, "BSD-3-Clause"),
)


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One line of the list of models."""

    name: str
    kind: str
    """One of `Role`, or "embedder, captioner"."""
    source: str
    """Hub id, or where else it comes from."""
    size_bytes: int
    """On this disk where it is here, else about what would be fetched."""
    terms: str
    is_cached: bool
    path: Path | None


def known_models() -> tuple[ModelEntry, ...]:
    """Return all models that have a name, the built-in ones first."""
    size = sum(path.stat().st_size for path in MINI_FOLDER.rglob("*") if path.is_file())
    terms = "research and education (trained on Flickr8k); see its model card"
    entries = [ModelEntry(MINI, "embedder, captioner", "built in", size, terms, True, MINI_FOLDER)]
    for known in KNOWN_MODELS:
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


def find_known(name: str) -> KnownModel | None:
    """Return the model of a name, or None."""
    return next((known for known in KNOWN_MODELS if known.name == name), None)


def hub_id_of(name: str, role: Role) -> str:
    """Return a name's hub id; a hub id stays itself. "blip" is two models, one for each role."""
    if name == "blip" and role == "embedder":
        name = "blip-itm"
    known = find_known(name)
    return name if known is None else known.hub_id


def is_folder_name(name: str) -> bool:
    """Return whether a model name means a folder: one that exists, or one that is written as a path.

    A name of the list means the model, also where a folder of that name lies in the working folder.
    """
    if name == MINI or find_known(name) is not None:
        return False
    if name.startswith((".", "/", "~")) or Path(name).is_absolute():
        return True
    try:
        return Path(name).is_dir()
    except OSError:  # longer than a path may be
        return False
