"""Which model listens to what is said, and loading it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from vidsearch.errors import QueryError

if TYPE_CHECKING:
    from vidsearch.ingest.speech import SpeechAnalyzer


def has_speech_model(name: str) -> bool:
    """Return whether a model that listens can run without anything being fetched or installed."""
    from vidsearch.models import weights
    from vidsearch.models.known import find_known, is_folder_name

    known = find_known(name)
    is_here = is_folder_name(name) or weights.cached(name if known is None else known.hub_id) is not None
    return is_here and find_spec("faster_whisper") is not None


def speech_analyzer(
    name: str, *, language: str = "auto", audio_track: int | None = None, device: str = "auto"
) -> SpeechAnalyzer:
    """Load what writes down what is said.

    Args:
        name: "whisper", another registered name, a hub id or a folder.
        language: As BCP 47, such as "en"; "auto" hears which.
        audio_track: 1 is a file's first; None for the one that a player takes.
        device: "auto", "cpu" or "cuda".

    Raises:
        ModelUnavailable: Weights are missing, or faster-whisper is.
        QueryError: A language that the model does not know, or a track that there cannot be.
    """
    from vidsearch.ingest.speech import AUTO, SpeechAnalyzer
    from vidsearch.models.whisper import load_transcriber, whisper_device

    if audio_track is not None and audio_track < 1:
        raise QueryError(f"There is no sound track {audio_track}: 1 is a file's first.")
    transcriber = load_transcriber(name, device=whisper_device(device))
    known = transcriber.languages
    spoken = language if language == AUTO else language.split("-")[0].lower()
    if spoken != AUTO and spoken not in known:
        raise QueryError(
            f"{name} does not know the language {language!r}. It knows {', '.join(sorted(known))}."
        )
    return SpeechAnalyzer(transcriber, language=spoken, audio_track=audio_track)
