"""`mini`: a small image-text embedder and captioner that ships with the package and needs no
download.

    MiniTextEncoder   words -> vectors          text.py
    MiniEmbedder      images, words -> vectors  embedder.py
    MiniCaptioner     images -> sentences       captioner.py, beam.py, decoder.py, naming.py, scenes.py,
                                                graphics.py
    MiniMatcher       images, a text -> fit     matcher.py, decoder.py

ONNX Runtime and NumPy on a CPU. What it was trained on, how good it is and what it is bad at:
MODEL_CARD.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidsearch.models.mini.captioner import MiniCaptioner
    from vidsearch.models.mini.embedder import MiniEmbedder
    from vidsearch.models.mini.matcher import MiniMatcher
    from vidsearch.models.mini.text import MiniTextEncoder

__all__ = ["MiniCaptioner", "MiniEmbedder", "MiniMatcher", "MiniTextEncoder"]

_HOMES = {
    "MiniCaptioner": "captioner",
    "MiniEmbedder": "embedder",
    "MiniMatcher": "matcher",
    "MiniTextEncoder": "text",
}


def __getattr__(name: str) -> Any:
    """Load a model's module on first use: a search needs the smallest of them alone."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
