"""Loads the model for speech."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from vidsearch.errors import QueryError

if TYPE_CHECKING:
    from vidsearch.ingest.speech import SpeechAnalyzer


def has_speech_model(name: str) -> bool:
    """Return whether a speech model can run without downloading or installing anything."""
    from vidsearch.models import weights
    from vidsearch.models.known import find_known, is_folder_name

    known = find_known(name)
    is_here = is_folder_name(name) or weights.cached(name if known is None else known.hub_id) is not None
    return is_here and find_spec("faster_whisper") is not None


def speech_analyzer(
    name: str, *, language: str = "auto", audio_track: int | None = None, device: str = "auto"
) -> SpeechAnalyzer:
    """Load the analyzer that transcribes speech.

    Args:
        name: "whisper", another registered name, a hub id or a folder.
        language: A BCP 47 tag such as "en"; "auto" detects it.
        audio_track: The number of the audio track, from 1; None for the one that a player selects.
        device: "auto", "cpu" or "cuda".

    Raises:
        ModelUnavailable: Weights, or faster-whisper, are missing.
        QueryError: The model does not support the language, or the track's number is invalid.
    """
    from vidsearch.ingest.speech import AUTO, SpeechAnalyzer
    from vidsearch.models.whisper import load_transcriber, whisper_device

    if audio_track is not None and audio_track < 1:
        raise QueryError(f"There is no audio track {audio_track}: a file's first track is 1.")
    transcriber = load_transcriber(name, device=whisper_device(device))
    known = transcriber.languages
    spoken = language if language == AUTO else language.split("-")[0].lower()
    if spoken != AUTO and spoken not in known:
        raise QueryError(
            f"{name} does not support the language {language!r}. It supports {', '.join(sorted(known))}."
        )
    return SpeechAnalyzer(transcriber, language=spoken, audio_track=audio_track)
