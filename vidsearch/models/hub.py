"""Checkpoints from the Hugging Face hub, into its client's cache.

A repository's small files come first and are checked; weights are fetched only where the model can be used
and the disk has room for it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vidsearch.errors import ModelUnavailable
from vidsearch.models import open_clip
from vidsearch.models.downloads import RemoteFile, download, missing_bytes
from vidsearch.models.hub_errors import hub_errors, too_little_space, unavailable, with_retries
from vidsearch.models.known import is_folder_name
from vidsearch.models.weights import (
    WHISPER_WEIGHTS,
    Checkpoint,
    cached,
    check_hub_id,
    from_folder,
    is_open_clip,
    is_whisper,
    missing_files,
    missing_parts,
    read_shard_names,
)

_CONFIG_FILES = ("config.json", open_clip.CONFIG_FILE)
_SMALL_SUFFIXES = (".json", ".txt", ".model", ".jinja")
_WHOLE_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_TIMEOUT_SECONDS = 30.0


def locate(name: str) -> Checkpoint:
    """Return a checkpoint by folder or hub id: from the folder, else the hub's cache, else the hub.

    Raises ModelUnavailable, saying what was tried and how to go on.
    """
    if is_folder_name(name):
        return from_folder(Path(name))
    return cached(name) or fetch(name)


def fetch(hub_id: str) -> Checkpoint:
    """Download a hub model into the hub's cache, or complete an interrupted download.

    Two processes take turns at each file. Progress bars go to stderr. Raises ModelUnavailable.
    """
    from vidsearch.models.checkpoints import check_readable

    check_hub_id(hub_id)
    try:
        files = _list_files(hub_id)
        missing = missing_files(files.keys())
        if missing:
            raise ModelUnavailable(
                f"{hub_id} on the hub is not a model of a known layout: it has no {', '.join(missing)}."
            )
        small = [name for name in files if name.endswith(_SMALL_SUFFIXES)]
        checkpoint = Checkpoint(hub_id, _download(hub_id, small))
        check_readable(checkpoint)
        weights = [files[name] for name in _weight_names(checkpoint, files)]
        _check_space(hub_id, weights)
        for file in weights:
            download(hub_id, file)
        _download(hub_id, [*small, *(file.name for file in weights)])
    except hub_errors() as error:
        raise unavailable(hub_id, error) from error
    missing = missing_parts(checkpoint.folder)
    if missing:
        raise ModelUnavailable(
            f"{hub_id} was not fetched whole: {', '.join(missing)} is missing. Fetch it again."
        )
    return checkpoint


def config_only(hub_id: str) -> Checkpoint:
    """Return a hub model with at least its configuration here: what it is. Raises ModelUnavailable."""
    from huggingface_hub import try_to_load_from_cache

    check_hub_id(hub_id)
    for name in _CONFIG_FILES:
        found = try_to_load_from_cache(hub_id, name)
        if isinstance(found, str):
            return Checkpoint(model=hub_id, folder=Path(found).parent)
    try:
        files = _list_files(hub_id)
        names = [name for name in _CONFIG_FILES if name in files]
        if not names:
            raise ModelUnavailable(
                f"{hub_id} on the hub is not a model of a known layout: it has no config.json."
            )
        return Checkpoint(model=hub_id, folder=_download(hub_id, names))
    except hub_errors() as error:
        raise unavailable(hub_id, error) from error


def can_fetch(hub_id: str, *, timeout_seconds: float = 3.0) -> bool:
    """Return whether the hub answers for a model within a time."""
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(hub_id, timeout=timeout_seconds)
    except hub_errors():
        return False
    return True


def show_progress_bars(is_shown: bool) -> None:
    """Switch the progress bars on stderr on or off."""
    from huggingface_hub import utils

    switches: Any = utils
    (switches.enable_progress_bars if is_shown else switches.disable_progress_bars)()


def _list_files(hub_id: str) -> dict[str, RemoteFile]:
    """Ask the hub for a repository's files, those in folders apart. Raises what its client raises."""
    from huggingface_hub import HfApi

    info = with_retries(lambda: HfApi().model_info(hub_id, files_metadata=True, timeout=_TIMEOUT_SECONDS))
    return {
        file.rfilename: RemoteFile(
            file.rfilename, file.size or 0, None if file.lfs is None else file.lfs.sha256
        )
        for file in info.siblings or ()
        if "/" not in file.rfilename
    }


def _weight_names(checkpoint: Checkpoint, files: dict[str, RemoteFile]) -> list[str]:
    """Choose a repository's weights: safetensors before pickled ones. Raises ModelUnavailable."""
    if is_whisper(files):
        chosen = [name for name in (WHISPER_WEIGHTS,) if name in files]
    elif is_open_clip(files):
        chosen = [name for name in open_clip.WEIGHT_FILES if name in files][:1]
    else:
        chosen = next(
            (names for whole in _WHOLE_WEIGHTS if (names := _one_or_shards(checkpoint, files, whole))), []
        )
    if not chosen:
        raise ModelUnavailable(
            f"{checkpoint.model} on the hub has no weights in safetensors or PyTorch files."
        )
    return chosen


def _one_or_shards(checkpoint: Checkpoint, files: dict[str, RemoteFile], whole: str) -> list[str]:
    if whole in files:
        return [whole]
    index = f"{whole}.index.json"
    if index not in files:
        return []
    shards = read_shard_names(checkpoint.folder / index)
    return shards if all(name in files for name in shards) else []


def _check_space(hub_id: str, weights: Sequence[RemoteFile]) -> None:
    """Raise ModelUnavailable where the cache's disk has no room for what is still to come."""
    from huggingface_hub import constants

    needed_bytes = sum(missing_bytes(hub_id, file) for file in weights)
    cache = Path(constants.HF_HUB_CACHE)
    there = next(folder for folder in (cache, *cache.absolute().parents) if folder.is_dir())
    free_bytes = shutil.disk_usage(there).free
    if needed_bytes > free_bytes:
        raise too_little_space(hub_id, cache, needed_bytes=needed_bytes, free_bytes=free_bytes)


def _download(hub_id: str, names: Sequence[str]) -> Path:
    """Bring files into the hub's cache; large ones must be there. Raises what the hub's client raises."""
    from huggingface_hub import snapshot_download

    return Path(with_retries(lambda: snapshot_download(hub_id, allow_patterns=list(names))))
