"""The shipped files of `mini`: found, checked against their recorded digests, and opened as ONNX
Runtime sessions, one per file however many models use it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from vidsearch.errors import ModelUnavailable
from vidsearch.models.stored_graph import open_stored
from vidsearch.types import EmbeddingSpace

if TYPE_CHECKING:
    import onnxruntime

FOLDER = Path(__file__).parent / "weights"
MANIFEST = "manifest.json"
TEXT_GRAPH = "text.onnx"
EMBEDDER_FILES = ("image.onnx", TEXT_GRAPH, "tokenizer.json")
DECODER_FILES = ("caption_encode.onnx", "caption_step.onnx")
_REINSTALL = "reinstall vidsearch (pip install --force-reinstall --no-deps vidsearch)"


@lru_cache(maxsize=8)
def manifest(folder: Path = FOLDER) -> dict[str, Any]:
    """The manifest of the weights in `folder`. Raises ModelUnavailable."""
    path = folder / MANIFEST
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelUnavailable(f"mini has no {MANIFEST} in {folder}: {_REINSTALL}") from error
    except ValueError as error:
        raise ModelUnavailable(f"mini's {path} is not JSON ({error}): {_REINSTALL}") from error
    return found


def checked(name: str, folder: Path = FOLDER) -> Path:
    """Where one file is, once its SHA-256 agrees with the manifest. Raises ModelUnavailable."""
    path = folder / name
    recorded = manifest(folder)["files"].get(name)
    if recorded is None:
        raise ModelUnavailable(f"mini's manifest in {folder} knows no {name}: {_REINSTALL}")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnavailable(f"mini's {path} cannot be read ({error.strerror}): {_REINSTALL}") from error
    if digest != recorded["sha256"]:
        raise ModelUnavailable(
            f"mini's {path} has SHA-256 {digest[:12]}, not the recorded "
            f"{recorded['sha256'][:12]}: {_REINSTALL}"
        )
    return path


def read_json(name: str, folder: Path = FOLDER) -> Any:
    """A checked JSON file's content. Raises ModelUnavailable."""
    return json.loads(checked(name, folder).read_bytes())


# The embedder and the captioner use the same towers. A session is let go with the last that uses it.
_open: WeakValueDictionary[tuple[Path, int | None], onnxruntime.InferenceSession] = WeakValueDictionary()
_opening = Lock()


def session(name: str, *, num_threads: int | None, folder: Path = FOLDER) -> onnxruntime.InferenceSession:
    """Open one ONNX file on the CPU, or share what is open already. Sessions may run in several
    threads at once.

    `num_threads` None leaves the choice to ONNX Runtime. Raises ModelUnavailable.
    """
    with _opening:
        found = _open.get((folder / name, num_threads))
        if found is None:
            found = _open[folder / name, num_threads] = _new_session(name, folder, num_threads)
    return found


def _new_session(name: str, folder: Path, num_threads: int | None) -> onnxruntime.InferenceSession:
    import onnxruntime

    path = folder / name
    with _as_unavailable(path):
        if name == TEXT_GRAPH and folder == FOLDER:  # what a search waits for
            recorded = manifest(folder)["files"][name]["sha256"]
            return open_stored(lambda: checked(name, folder), recorded, lambda: _options(num_threads))
        checked(name, folder)
        # By its path: a file's bytes would be held beside what is made of them.
        return onnxruntime.InferenceSession(path, _options(num_threads), providers=["CPUExecutionProvider"])


def _options(num_threads: int | None) -> onnxruntime.SessionOptions:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # The arena keeps its largest batch for ever; without it memory stays flat and speed is the
    # same.
    options.enable_cpu_mem_arena = False
    # Threads that wait spin by default, and take the cores from those that decode video.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if num_threads is not None:
        options.intra_op_num_threads = num_threads
    return options


@contextmanager
def _as_unavailable(path: Path) -> Iterator[None]:
    try:
        yield
    except ModelUnavailable:
        raise
    except Exception as error:  # ONNX Runtime's errors share no base class but Exception
        raise ModelUnavailable(f"ONNX Runtime cannot open mini's {path} ({error}): {_REINSTALL}") from error


def digest(names: Iterable[str], folder: Path = FOLDER) -> str:
    """One digest for several files, by those that the manifest records."""
    recorded = manifest(folder)["files"]
    together = hashlib.sha256()
    for name in names:
        together.update(recorded[name]["sha256"].encode())
    return together.hexdigest()


def all_digest(folder: Path = FOLDER) -> str:
    """One digest for all files: the captioner asks both towers, too."""
    return digest(sorted(manifest(folder)["files"]), folder)


def space(folder: Path = FOLDER) -> EmbeddingSpace:
    """What makes `mini`'s vectors."""
    recorded = manifest(folder)
    return EmbeddingSpace(
        model="mini",
        weights_digest=digest(EMBEDDER_FILES, folder),
        preprocessing=recorded["preprocessing"],
        dim=recorded["dim"],
    )
