"""ONNX graphs as ONNX Runtime has prepared them, kept in the user cache.

Preparing a small graph takes ONNX Runtime far longer than mapping what comes of it: constants stored in few
bits are unpacked, layers are fused, and weights are laid out as this processor's kernels read them. Results
are the same to the bit. Another version of ONNX Runtime, or another kind of processor, prepares its own.

    graph.onnx       the optimised graph
    graph.weights    its weights, plain and laid out, mapped into memory
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from vidsearch.models.device import cpu_abilities
from vidsearch.models.weights import user_cache

if TYPE_CHECKING:
    from pathlib import Path

    import onnxruntime

_GRAPH, _WEIGHTS = "graph.onnx", "graph.weights"
_CPU = ["CPUExecutionProvider"]


def open_stored(
    graph: Callable[[], Path], key: str, new_options: Callable[[], onnxruntime.SessionOptions]
) -> onnxruntime.InferenceSession:
    """Open a graph as it was prepared before; else prepare it, and keep that if the cache can be written.

    Args:
        graph: Finds the graph's file, and checks it.
        key: Names the graph's content.
        new_options: Makes the session's options.

    Raises:
        Exception: whatever ONNX Runtime raises for a graph that it cannot open.
    """
    import onnxruntime

    processor = hashlib.sha256(cpu_abilities().encode()).hexdigest()[:8]
    folder = user_cache() / "graphs" / f"{key[:16]}-{onnxruntime.__version__}-{processor}"
    if (folder / _GRAPH).is_file():
        options = new_options()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        with suppress(Exception):  # damaged: made again below. ONNX Runtime's errors share no other base
            return onnxruntime.InferenceSession(folder / _GRAPH, options, providers=_CPU)
    with suppress(Exception):  # a cache that cannot be written, or is full, is done without
        _store(graph(), folder, new_options())
    return onnxruntime.InferenceSession(graph(), new_options(), providers=_CPU)


def _store(graph: Path, folder: Path, options: onnxruntime.SessionOptions) -> None:
    """Write a graph prepared, whole or not at all. Raises OSError, and ONNX Runtime's errors."""
    import onnxruntime

    draft = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    draft.mkdir(parents=True, exist_ok=True)
    try:
        # What holds for any processor: the level above fits the graph to this one.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(draft / _GRAPH)
        key = "session.optimized_model_external_initializers"
        options.add_session_config_entry(f"{key}_file_name", _WEIGHTS)
        options.add_session_config_entry(f"{key}_min_size_in_bytes", "1024")
        options.add_session_config_entry("session.save_external_prepacked_constant_initializers", "1")
        onnxruntime.InferenceSession(graph, options, providers=_CPU)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
