"""Which models a library is made with: from what the user asked for, and what can be had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.errors import ModelUnavailable
from vidsearch.models import hub, weights
from vidsearch.models.known import MINI, find_known, hub_id_of, is_folder_name
from vidsearch.types import LibraryModels

if TYPE_CHECKING:
    from vidsearch.models.checkpoints import Role

_AUTO_EMBEDDER = "clip"
_AUTO_CAPTIONER = "blip"
_OF_WINDOWS: tuple[Role, ...] = ("video embedder", "sound embedder")
_OF_BOTH: Role = "video and sound embedder"
_FOR_EXAMPLE = {"video embedder": "xclip", "sound embedder": "clap"}


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Models for a library, and why these where the user did not name them."""

    models: LibraryModels
    reason: str | None
    """One line for people, or None where there is nothing to say."""


def resolve_models(name: str = "auto", *, embedder: str | None = None) -> ModelChoice:
    """Choose a library's models.

    `name` is "auto" or a comma list of names, hub ids and folders. With "auto", `clip` and `blip` are taken
    where their weights are cached or the hub answers for them, else `mini`. "blip" and "mini" both embed and
    caption; beside another embedder they only caption. Models of several frames ("xclip"), of sound
    ("clap") and of both ("pe-av") come beside these. `embedder`, a comma list, replaces the embedders.
    Raises ModelUnavailable for a name that means nothing, several captioners, or no embedder.
    """
    if name == "auto":
        embedders, captioner, reason = _auto()
        return ModelChoice(LibraryModels(_embedders(embedder) or embedders, captioner), reason)
    names = _split(name)
    roles = {each: _role(each) for each in names}
    moving, sounds = (
        tuple(_canonical(each, role) for each in names if _is(roles[each], role)) for role in _OF_WINDOWS
    )
    rest = {each: role for each, role in roles.items() if role not in (*_OF_WINDOWS, _OF_BOTH)}
    embedders, captioner, reason = _named(rest, names, embedder is not None)
    return ModelChoice(LibraryModels(_embedders(embedder) or embedders, captioner, moving, sounds), reason)


def window_model(name: str, role: Role) -> str:
    """Return the name of a model of windows, a "video embedder" or a "sound embedder".

    Raises ModelUnavailable where it is none.
    """
    if not _is(_role(name), role):
        raise ModelUnavailable(f"{name} is no {role}: name one, such as {_FOR_EXAMPLE[role]}.")
    return _canonical(name, role)


def _embedders(names: str | None) -> tuple[str, ...]:
    return () if names is None else tuple(_canonical(each, "embedder") for each in _split(names))


def uses_torch(names: Iterable[str]) -> bool:
    """Return whether any of these models runs on torch, and so on the chosen device."""
    return any(name != MINI for name in names)


def _auto() -> tuple[tuple[str, ...], str | None, str | None]:
    wanted = [hub_id_of(_AUTO_EMBEDDER, "embedder"), hub_id_of(_AUTO_CAPTIONER, "captioner")]
    absent = [hub_id for hub_id in wanted if weights.cached(hub_id) is None]
    if not absent:
        return (_AUTO_EMBEDDER,), _AUTO_CAPTIONER, None
    if all(hub.can_fetch(hub_id) for hub_id in absent):
        reason = f"models: clip and blip; fetching {', '.join(absent)} once (--models mini needs no download)"
        return (_AUTO_EMBEDDER,), _AUTO_CAPTIONER, reason
    reason = (
        "models: mini (built in), because clip and blip are not on this machine and the Hugging Face hub "
        "cannot be reached. For better results: `vidsearch models pull clip blip`, then --models clip,blip"
    )
    return (MINI,), MINI, reason


def _named(
    roles: Mapping[str, Role | None], names: tuple[str, ...], has_embedder: bool
) -> tuple[tuple[str, ...], str | None, str | None]:
    """The embedders and the captioner among the models that are not of windows, and what to say of them."""
    for name, role in roles.items():
        if role == "describer":
            raise ModelUnavailable(
                f"{name} reads several frames at once, for chapters and whole videos: `vidsearch recaption "
                f"VIDEO --captioner {name} --caption-level chapter`, after indexing with other models."
            )
    embedders = [name for name, role in roles.items() if role == "embedder"]
    others = [name for name in roles if name not in embedders]
    captioners = [_canonical(name, "captioner") for name in others]
    if len(captioners) > 1:
        raise ModelUnavailable(f"A library has one captioner, and not {', '.join(captioners)}.")
    if not embedders:
        embedders = [name for name in others if name in (MINI, "blip")]
    if not embedders and not has_embedder:
        raise ModelUnavailable(
            f"{', '.join(names)} embeds no single frames to search by: add an embedder (--models "
            f"clip,{names[0]})."
        )
    reason = None if captioners else "no captions, as no captioner is named (--models clip,blip has one)"
    chosen = tuple(_canonical(name, "embedder") for name in embedders)
    return chosen, captioners[0] if captioners else None, reason


def _role(name: str) -> Role | None:
    """Return what a model is for; None for those that both embed and caption."""
    from vidsearch.models.checkpoints import role_of

    if name in (MINI, "blip"):
        return None
    known = find_known(name)
    if known is not None:
        return known.kind
    is_folder = is_folder_name(name)
    return role_of(weights.from_folder(Path(name)) if is_folder else hub.config_only(name))


def _is(role: Role | None, wanted: Role) -> bool:
    """Return whether a model of one role can be used as another."""
    return role == wanted or (role == _OF_BOTH and wanted in _OF_WINDOWS)


def _canonical(name: str, role: Role) -> str:
    """Return a name that still means the same from another folder. Raises ModelUnavailable."""
    known = find_known(name)
    if name == MINI or (known is not None and _is(known.kind, role)) or name == "blip":
        return name
    if known is not None:
        raise ModelUnavailable(f"{name} is no {role}: it is a {known.kind}.")
    if is_folder_name(name):
        return str(weights.from_folder(Path(name)).folder.absolute())
    weights.check_hub_id(name)
    return name


def _split(names: str) -> tuple[str, ...]:
    parts: Iterable[str] = (part.strip() for part in names.split(","))
    unique = tuple(dict.fromkeys(part for part in parts if part))
    if not unique:
        raise ModelUnavailable("No model is named: give --models auto, mini or clip,blip.")
    return unique
