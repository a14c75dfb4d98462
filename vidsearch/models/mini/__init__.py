"""`mini`: a small image-text embedder and captioner that ships with the package and needs no
download.

    MiniTextEncoder   words -> vectors          text.py
    MiniEmbedder      images, words -> vectors  embedder.py
    MiniCaptioner     images -> sentences       captioner.py, beam.py, decoder.py, naming.py, scenes.py
    MiniMatcher       images, a text -> fit     matcher.py, decoder.py

ONNX Runtime and NumPy on a CPU. What it was trained on, how good it is and what it is bad at:
MODEL_CARD.md.
"""

from vidsearch.models.mini.captioner import MiniCaptioner
from vidsearch.models.mini.embedder import MiniEmbedder
from vidsearch.models.mini.matcher import MiniMatcher
from vidsearch.models.mini.text import MiniTextEncoder

__all__ = ["MiniCaptioner", "MiniEmbedder", "MiniMatcher", "MiniTextEncoder"]
