"""Checkpoints on this disk: found in a folder or in the hub's cache, checked for missing files, and
identified.

A checkpoint is a folder with a configuration, an image preprocessor's configuration, a tokenizer and weights,
in the layout of transformers or of open_clip. Nothing here reads weights, or needs torch."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidsearch.errors import ModelUnavailable
from vidsearch.models import open_clip

TOKENIZER_FILES = ("tokenizer.json", "spiece.model", "vocab.json", "vocab.txt")
"""A checkpoint has one of these; the first that is there counts."""

WHISPER_WEIGHTS = "model.bin"

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FILE_NAME = re.compile(r"[\w-][\w.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SAYS_NOTHING_OF_THE_MODEL = ("_commit_hash", "_name_or_path", "dtype", "torch_dtype", "transformers_version")


def user_cache() -> Path:
    """Return the folder for files that can be made again (environment: VIDSEARCH_CACHE)."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("VIDSEARCH_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("vidsearch")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A published model on this disk."""

    model: str
    """Hub id where it is known, else the folder's name."""
    folder: Path

    @property
    def is_open_clip(self) -> bool:
        """Whether the folder has open_clip's layout alone."""
        return is_open_clip(path.name for path in self.folder.iterdir())

    @property
    def config(self) -> Mapping[str, Any]:
        """The content of config.json, or what it would say of an open_clip model. Raises ModelUnavailable."""
        if self.is_open_clip:
            return open_clip.clip_config(self.read_json(open_clip.CONFIG_FILE), model=self.model)
        return self.read_json("config.json")

    @property
    def preprocessor(self) -> Mapping[str, Any]:
        """The image preprocessor's configuration. Raises ModelUnavailable."""
        if self.is_open_clip:
            return open_clip.preprocessor_config(self.read_json(open_clip.CONFIG_FILE))
        for name in ("preprocessor_config.json", "processor_config.json"):
            if (self.folder / name).is_file():
                return self.read_json(name)
        raise ModelUnavailable(f"{self.folder} has no preprocessor_config.json, which {self.model} needs.")

    def read_json(self, name: str) -> Mapping[str, Any]:
        """Read one of the checkpoint's JSON files. Raises ModelUnavailable where it is missing or broken."""
        return _read_json(self.folder / name)

    @property
    def weight_files(self) -> tuple[Path, ...]:
        """The weights: safetensors where there are any, else pickled ones; empty where one is missing.

        Raises ModelUnavailable for a broken index of shards.
        """
        return find_weight_files(self.folder)

    @property
    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())

    def digest(self) -> str:
        """Return a hex digest of the weights' content and of the configuration that gives them a meaning.

        Equal for equal checkpoints, wherever they lie: the same weights under another activation are another
        model. The hub's cache names large files by their SHA-256, so nothing is read there. Elsewhere each
        file is read once; its digest is kept in the user cache under its path, size and modification time.
        """
        digest = hashlib.sha256()
        for path in self.weight_files:
            digest.update(f"{path.name}\0{_file_digest(path)}\n".encode())
        meaning = {key: value for key, value in self.config.items() if key not in _SAYS_NOTHING_OF_THE_MODEL}
        digest.update(json.dumps(meaning, sort_keys=True).encode())
        return digest.hexdigest()


def is_sha256(name: str) -> bool:
    """Return whether a name is the hex form of a SHA-256, as the hub's cache names large files."""
    return _SHA256.fullmatch(name) is not None


def from_folder(folder: Path) -> Checkpoint:
    """Return the checkpoint in a folder. Raises ModelUnavailable naming what it lacks."""
    try:
        folder = folder.expanduser()
        if not folder.is_dir():
            raise ModelUnavailable(
                f"{folder} is not a folder. Give a folder with a checkpoint's files in it."
            )
        missing = missing_parts(folder)
    except (OSError, RuntimeError) as error:  # RuntimeError: ~name of a user that there is not
        raise ModelUnavailable(f"{folder} cannot be read: {error}.") from error
    if missing:
        how = (
            "Copy every file of the folder that `vidsearch models where NAME` shows on a machine that has it"
        )
        if any(path.is_symlink() and not path.exists() for path in folder.iterdir()):
            how += ", and what its links lead to (cp -rL): here are links to files that were not copied"
        raise ModelUnavailable(f"{folder} is not a whole checkpoint: it lacks {', '.join(missing)}. {how}.")
    hub_name = next((part for part in folder.absolute().parts if part.startswith("models--")), None)
    model = hub_name.removeprefix("models--").replace("--", "/", 1) if hub_name else folder.absolute().name
    return Checkpoint(model=model, folder=folder)


def cached(hub_id: str) -> Checkpoint | None:
    """Return a hub model's checkpoint where the hub's cache holds it whole, else None. Uses no network."""
    from huggingface_hub import try_to_load_from_cache

    check_hub_id(hub_id)
    for name in ("config.json", open_clip.CONFIG_FILE):
        found = try_to_load_from_cache(hub_id, name)
        if isinstance(found, str) and not missing_parts(Path(found).parent):
            return Checkpoint(model=hub_id, folder=Path(found).parent)
    return None


def check_hub_id(name: str) -> None:
    """Raise ModelUnavailable where a name is not a hub id."""
    if not _is_hub_id(name):
        raise ModelUnavailable(
            f"There is no model {name[:100]!r}. Give a name that `vidsearch models list` shows, a hub id "
            "such as openai/clip-vit-base-patch32, or a folder."
        )


def _is_hub_id(name: str) -> bool:
    from huggingface_hub import utils
    from huggingface_hub.errors import HFValidationError

    client: Any = utils
    try:
        client.validate_repo_id(name)
    except HFValidationError:
        return False
    return _HUB_ID.fullmatch(name) is not None  # the client also takes names without an owner


def is_open_clip(names: Iterable[str]) -> bool:
    """Return whether these files are a checkpoint in open_clip's layout alone."""
    names = set(names)
    return open_clip.CONFIG_FILE in names and "config.json" not in names


def is_whisper(names: Iterable[str]) -> bool:
    """Return whether these files are a Whisper in CTranslate2's layout, as faster-whisper runs it."""
    return not {"vocabulary.txt", "vocabulary.json"}.isdisjoint(names)


def missing_files(names: Collection[str]) -> list[str]:
    """Return what files of these names lack, weights apart, to be a checkpoint; in words."""
    parts: dict[str, tuple[str, ...]] = {"a tokenizer (tokenizer.json)": TOKENIZER_FILES}
    if is_whisper(names):
        parts = {"config.json": ("config.json",), **parts}
    elif not is_open_clip(names):
        parts = {
            "config.json": ("config.json",),
            "preprocessor_config.json": ("preprocessor_config.json", "processor_config.json"),
            **parts,
        }
    return [label for label, choices in parts.items() if not any(name in names for name in choices)]


def missing_parts(folder: Path) -> list[str]:
    """Return what a folder lacks to be a whole checkpoint, in words; empty where it is one.

    Raises ModelUnavailable for a broken index of shards.
    """
    names = {path.name for path in folder.iterdir() if path.is_file()}
    missing = missing_files(names)
    if not find_weight_files(folder):
        usual = "model.safetensors or pytorch_model.bin"
        missing.append(f"weights ({WHISPER_WEIGHTS if is_whisper(names) else usual})")
    return missing


def find_weight_files(folder: Path) -> tuple[Path, ...]:
    """Return a folder's weights, safetensors before pickled ones; empty where one file is missing.

    Raises ModelUnavailable for an index of shards that is broken, or names files outside the folder.
    """
    if is_open_clip(path.name for path in folder.iterdir()):
        return next(((folder / name,) for name in open_clip.WEIGHT_FILES if (folder / name).is_file()), ())
    if is_whisper(path.name for path in folder.iterdir()):
        return (folder / WHISPER_WEIGHTS,) if (folder / WHISPER_WEIGHTS).is_file() else ()
    for whole in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{whole}.index.json"
        if (folder / whole).is_file():
            return (folder / whole,)
        if index.is_file():
            shards = tuple(folder / name for name in read_shard_names(index))
            if all(path.is_file() for path in shards):
                return shards
    return ()


def read_shard_names(index: Path) -> list[str]:
    """Return the names of the files that an index of shards lists. Raises ModelUnavailable."""
    weight_map = _read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelUnavailable(f"{index} has no weight_map: copy the file again.")
    names = {str(name) for name in weight_map.values()}
    suffix = Path(index.name.removesuffix(".index.json")).suffix
    for name in names:
        if not _FILE_NAME.fullmatch(name) or Path(name).suffix != suffix:
            raise ModelUnavailable(
                f"{index} names {name[:80]!r}, which is no {suffix} file beside it: the file is broken, or "
                f"not to be trusted."
            )
    return sorted(names)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelUnavailable(f"{path} cannot be read: {error}.") from error
    if not isinstance(content, dict):
        raise ModelUnavailable(f"{path} is not a JSON object.")
    return content


def _file_digest(path: Path) -> str:
    real = path.resolve()
    if real.parent.name == "blobs" and is_sha256(real.name):
        return real.name
    status = real.stat()
    key = hashlib.sha256(f"{real}\0{status.st_size}\0{status.st_mtime_ns}".encode()).hexdigest()
    note = user_cache() / "digests" / key
    try:
        known = note.read_text(encoding="ascii")
        if is_sha256(known):
            return known
    except (OSError, ValueError):
        pass
    digest = _hash_file(real, status.st_size, status.st_mtime_ns)
    write_atomically(note, digest.encode("ascii"))
    return digest


@functools.lru_cache(maxsize=16)
def _hash_file(path: Path, size_bytes: int, mtime_ns: int) -> str:
    """Hash a file. Its size and time are part of the key, so that a changed file is read again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a small cache file beside its place, then rename it. Does nothing where the cache is
    read-only."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
