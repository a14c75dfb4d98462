"""Checkpoints from the Hugging Face hub, into its client's cache. Knows nothing of what is inside them.

Fetching goes on where it stopped, also in another process: finished files are kept by the hub client, and the
part of a large file that has come is kept here (the client, since its version 2, begins an interrupted file
anew).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from vidsearch.errors import ModelUnavailable
from vidsearch.models.weights import (
    Checkpoint,
    cached,
    check_hub_id,
    find_weight_files,
    from_folder,
    is_folder_name,
    is_sha256,
    missing_parts,
)

_SMALL_FILES = ("*.json", "*.txt", "*.model")
_SAFETENSORS = ("model.safetensors", "model-*.safetensors")
_PICKLED = ("pytorch_model.bin", "pytorch_model-*.bin")

_LARGE_BYTES = 8 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_NUM_TRIES = 5
_TIMEOUT_SECONDS = 30.0


def locate(name: str) -> Checkpoint:
    """Return a checkpoint by folder or hub id: from the folder, else the hub's cache, else the hub.

    Raises ModelUnavailable, saying what was tried and how to go on.
    """
    if is_folder_name(name):
        return from_folder(Path(name))
    return cached(name) or fetch(name)


def fetch(hub_id: str) -> Checkpoint:
    """Download a hub model into the hub's cache, or bring a broken-off download to its end.

    Two processes take turns at each file. ProgressState bars go to stderr. Raises ModelUnavailable.
    """
    check_hub_id(hub_id)
    folder = _download(hub_id, _SMALL_FILES)
    _download(hub_id, _SAFETENSORS)
    if not find_weight_files(folder):
        _download(hub_id, _PICKLED)
    missing = missing_parts(folder)
    if missing:
        raise ModelUnavailable(
            f"{hub_id} on the hub is not a model of a known layout: no {', '.join(missing)}."
        )
    return Checkpoint(model=hub_id, folder=folder)


def config_only(hub_id: str) -> Checkpoint:
    """Return a hub model with at least its config.json here: what it is. Raises ModelUnavailable."""
    from huggingface_hub import try_to_load_from_cache

    check_hub_id(hub_id)
    found = try_to_load_from_cache(hub_id, "config.json")
    folder = Path(found).parent if isinstance(found, str) else _download(hub_id, ("config.json",))
    return Checkpoint(model=hub_id, folder=folder)


def can_fetch(hub_id: str, *, timeout_seconds: float = 3.0) -> bool:
    """Return whether the hub answers for a model within a time."""
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(hub_id, timeout=timeout_seconds)
    except _hub_errors():
        return False
    return True


def show_progress_bars(is_shown: bool) -> None:
    """Switch the progress bars on stderr on or off."""
    from huggingface_hub import utils

    switches: Any = utils
    (switches.enable_progress_bars if is_shown else switches.disable_progress_bars)()


def _download(hub_id: str, patterns: tuple[str, ...]) -> Path:
    """Bring a hub model's files of these names into the hub's cache. Raises ModelUnavailable.

    The hub client asks for the list of files first, once: an unreachable hub is noticed at once, and not file
    by file with growing waits.
    """
    from huggingface_hub import snapshot_download

    try:
        for file in snapshot_download(hub_id, allow_patterns=list(patterns), dry_run=True):
            if file.will_download and (file.file_size or 0) >= _LARGE_BYTES:
                _fetch_large_file(hub_id, file.filename)
        return Path(snapshot_download(hub_id, allow_patterns=list(patterns)))
    except _hub_errors() as error:
        raise _unavailable(hub_id, error) from error


def _fetch_large_file(hub_id: str, filename: str) -> None:
    """Bring one file's content into the hub's cache, from where an earlier try stopped.

    The cache names large files by their SHA-256, which is checked before the file takes its place; the client
    then finds it there and only links it. Raises what the HTTP client raises, or OSError.
    """
    from filelock import FileLock
    from huggingface_hub import constants, file_download, get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(hub_id, filename)
    facts = get_hf_file_metadata(url, timeout=_TIMEOUT_SECONDS)
    if facts.etag is None or facts.size is None or not is_sha256(facts.etag):
        return  # not a large file to the hub: its client fetches it
    repository = file_download.repo_folder_name(repo_id=hub_id, repo_type="model")
    whole = Path(constants.HF_HUB_CACHE) / repository / "blobs" / facts.etag
    part = whole.with_name(f"{facts.etag}.part")
    whole.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{part}.lock"):
        if whole.exists():
            return
        for tries_left in reversed(range(_NUM_TRIES)):
            try:
                _append(url, part, size_bytes=facts.size, label=filename)
                break
            except _hub_errors():
                if not tries_left:
                    raise
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != facts.etag:
            part.unlink()
            raise OSError(f"{filename} came damaged, and was thrown away: fetch it again")
        part.replace(whole)


def _append(url: str, part: Path, *, size_bytes: int, label: str) -> None:
    """Fetch what a part of a file still lacks."""
    from huggingface_hub import get_session, utils

    client: Any = utils
    have = part.stat().st_size if part.exists() else 0
    if have >= size_bytes:
        return
    headers = {**client.build_hf_headers(), "Range": f"bytes={have}-"}
    with get_session().stream("GET", url, headers=headers, timeout=_TIMEOUT_SECONDS) as response:
        response.raise_for_status()
        goes_on = response.status_code == 206
        with (
            part.open("ab" if goes_on else "wb") as file,
            client.tqdm(
                desc=label, total=size_bytes, initial=have if goes_on else 0, unit="B", unit_scale=True
            ) as bar,
        ):
            for chunk in response.iter_bytes(_CHUNK_BYTES):
                file.write(chunk)
                bar.update(len(chunk))


def _hub_errors() -> tuple[type[Exception], ...]:
    """Return what the hub client raises: its own errors, and those of the HTTP client beneath it."""
    from huggingface_hub import errors, utils

    client: Any = utils  # it offers its HTTP client here, whichever its version uses
    return (OSError, ValueError, errors.HfHubHTTPError, errors.DryRunError, client.httpx.HTTPError)


def _unavailable(hub_id: str, error: Exception) -> ModelUnavailable:
    from huggingface_hub import constants

    reason = error.__cause__ or error
    first_line = (str(reason).strip() or type(reason).__name__).splitlines()[0]
    if constants.is_offline_mode():
        first_line = "HF_HUB_OFFLINE is set"
    return ModelUnavailable(
        f"{hub_id} is not on this machine and could not be fetched.\n"
        f"Tried the cache {constants.HF_HUB_CACHE} and the hub {constants.ENDPOINT} ({first_line}).\n"
        f"Go on in one of three ways:\n"
        f"  - on a connected machine run `vidsearch models pull {hub_id}`, then copy the folder that "
        f"`vidsearch models where {hub_id}` shows\n"
        f"  - use such a folder: --models FOLDER\n"
        f"  - use the built-in models, which need no download: --models mini"
    )
