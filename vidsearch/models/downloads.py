"""One large file from a hub into its client's cache, from where an earlier try stopped.

The client (huggingface_hub 2) goes on after a broken connection, but throws away what has come when its
process ends, and does not compare the content with the hub's digest. `benchmarks/model_download.py` measures
both.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidsearch.models.hub_errors import NUM_TRIES, hub_errors, pause_seconds
from vidsearch.models.weights import is_sha256

_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository on a hub."""

    name: str
    size_bytes: int
    sha256: str | None
    """Of large files; the hub's client fetches the others."""


def missing_bytes(hub_id: str, file: RemoteFile) -> int:
    """Return how much of a file the cache still lacks."""
    if file.sha256 is None or not is_sha256(file.sha256):
        return file.size_bytes
    whole, part = _places(hub_id, file.sha256)
    if whole.exists():
        return 0
    return file.size_bytes - (part.stat().st_size if part.exists() else 0)


def download(hub_id: str, file: RemoteFile) -> None:
    """Bring a large file's content into the cache. Does nothing for a small one, or one that is there.

    The cache names large files by their SHA-256, which is checked before the file takes its place; the client
    then finds it there and only links it. Two processes take turns. Raises what the HTTP client raises, or
    OSError.
    """
    from filelock import FileLock
    from huggingface_hub import hf_hub_url

    if file.sha256 is None or not is_sha256(file.sha256):
        return
    whole, part = _places(hub_id, file.sha256)
    whole.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{part}.lock"):
        if whole.exists():
            return
        _append_with_retries(hf_hub_url(hub_id, file.name), part, file)
        with part.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != file.sha256:
            part.unlink()
            raise OSError(f"{file.name} arrived damaged and was deleted: fetch it again")
        part.replace(whole)


def _places(hub_id: str, sha256: str) -> tuple[Path, Path]:
    """Return where a file's content is kept, and where it is collected."""
    from huggingface_hub import constants, file_download

    repository = file_download.repo_folder_name(repo_id=hub_id, repo_type="model")
    whole = Path(constants.HF_HUB_CACHE) / repository / "blobs" / sha256
    return whole, whole.with_name(f"{sha256}.part")


def _append_with_retries(url: str, part: Path, file: RemoteFile) -> None:
    """Fetch what a part still lacks, trying again after a pause while anything comes."""
    from huggingface_hub import utils

    client: Any = utils
    attempt, have = 0, -1
    while True:
        try:
            _append(url, part, file)
            return
        except hub_errors() as error:
            came = part.stat().st_size if part.exists() else 0
            attempt = attempt + 1 if came == have else 0
            have = came
            is_broken_line = isinstance(error, client.httpx.TransportError)
            seconds = 2.0**attempt if is_broken_line else pause_seconds(error, attempt)
            if seconds is None or attempt >= NUM_TRIES - 1:
                raise
            time.sleep(seconds)


def _append(url: str, part: Path, file: RemoteFile) -> None:
    from huggingface_hub import get_session, utils

    client: Any = utils
    have = part.stat().st_size if part.exists() else 0
    if have >= file.size_bytes:
        return
    headers = {**client.build_hf_headers(), "Range": f"bytes={have}-", "Accept-Encoding": "identity"}
    with get_session().stream("GET", url, headers=headers, timeout=_TIMEOUT_SECONDS) as response:
        response.raise_for_status()
        is_continued = response.status_code == 206
        bar = client.tqdm(
            desc=file.name,
            total=file.size_bytes,
            initial=have if is_continued else 0,
            unit="B",
            unit_scale=True,
        )
        with part.open("ab" if is_continued else "wb") as out, bar:
            for chunk in response.iter_bytes():  # as they come: what breaks off is kept
                out.write(chunk)
                bar.update(len(chunk))
