"""Whisper through faster-whisper: sound to words with times, on CTranslate2 and without torch.

Two things go before it. Silero's voice detection (its model is in faster-whisper's wheel) says where somebody
speaks: in silence Whisper writes "you", and in music "BAH!". And times are those of its words, from the
cross-attention: those of its segments are up to 20 s early.

Whisper: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from vidsearch.errors import ModelOutOfMemory, ModelUnavailable
from vidsearch.models import hub
from vidsearch.models.checkpoints import is_whisper
from vidsearch.models.device import Device
from vidsearch.models.known import MINI, hub_id_of, is_folder_name
from vidsearch.types import SpokenWord

if TYPE_CHECKING:
    from vidsearch.models.protocols import Transcriber
    from vidsearch.models.weights import Checkpoint
    from vidsearch.types import Float32

SAMPLE_RATE = 16_000
_LONGEST_SPEECH_SECONDS = 28.0
"""Whisper hears 30 s at once."""
_MIN_SPEECH_MS = 250
_MIN_PAUSE_MS = 250
_PAD_MS = 100
_MAX_NO_SPEECH = 0.6
_MIN_LOGPROB = -1.0
"""What is less probable than this, and likely no speech, is left out, as in Whisper's own program."""
_MIN_SURE_LOGPROB = -1.5
"""What is less probable than this is left out in any case."""
_TEMPERATURES = (0.0, 0.2, 0.4, 0.6)


def whisper_device(name: str = "auto") -> Device:
    """Choose where CTranslate2 runs: on a CUDA GPU where it finds one, else on the CPU.

    Asked of CTranslate2, as importing torch for it would take seconds. An Apple GPU it has no use for. Raises
    ModelUnavailable where "cuda" is not there.
    """
    index = int(name.removeprefix("cuda:")) if re.fullmatch(r"cuda:\d{1,3}", name) else None
    try:
        import ctranslate2

        num_gpus = ctranslate2.get_cuda_device_count()
    except (ImportError, RuntimeError):
        num_gpus = 0
    if name.startswith("cuda") and num_gpus <= (index or 0):
        raise ModelUnavailable(f"There is no device {name!r} for Whisper: choose --device cpu.")
    is_gpu = num_gpus > 0 and name not in ("cpu", "mps")
    return Device("cuda", "fp16", index=index) if is_gpu else Device("cpu", "fp32")


def load_transcriber(name: str, *, device: Device, num_threads: int | None = None) -> Transcriber:
    """Load a Whisper by name, hub id or folder, on all cores where `num_threads` does not say otherwise.

    Raises ModelUnavailable.
    """
    if name == MINI:
        raise ModelUnavailable(f"{MINI} hears nothing: choose a Whisper, such as whisper.")
    if find_spec("faster_whisper") is None:
        raise ModelUnavailable(f'{name} needs faster-whisper: pip install "vidsearch[speech]"')
    checkpoint = hub.locate(hub_id_of(name, "transcriber"))
    if not is_whisper(checkpoint):
        raise ModelUnavailable(
            f"{name} writes down no speech: choose a Whisper in CTranslate2's layout, such as whisper."
        )
    return load_whisper(
        checkpoint,
        name=str(checkpoint.folder.absolute()) if is_folder_name(name) else name,
        device=device,
        num_threads=num_threads,
    )


def load_whisper(
    checkpoint: Checkpoint, *, name: str, device: Device, num_threads: int | None = None
) -> Whisper:
    """Load a checkpoint in CTranslate2's layout. Raises ModelUnavailable."""
    from faster_whisper import WhisperModel

    is_gpu = device.kind == "cuda"
    try:
        model = WhisperModel(
            str(checkpoint.folder),
            device="cuda" if is_gpu else "cpu",
            device_index=device.index or 0,
            compute_type="float16" if is_gpu else "int8",
            cpu_threads=num_threads or 0,
            local_files_only=True,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelUnavailable(f"{checkpoint.folder} cannot be loaded as a Whisper: {error}") from error
    return Whisper(name, model, weights_digest=checkpoint.digest())


class Whisper:
    """A loaded Whisper."""

    sample_rate = SAMPLE_RATE

    def __init__(self, name: str, model: Any, *, weights_digest: str) -> None:
        self.model = name
        self.weights_digest = weights_digest
        self._whisper = model

    @property
    def languages(self) -> Sequence[str]:
        return tuple(self._whisper.supported_languages)

    def speech(self, sound: Float32) -> list[tuple[float, float]]:
        """See `Transcriber.speech`."""
        from faster_whisper.vad import VadOptions, get_speech_timestamps

        options = VadOptions(
            min_speech_duration_ms=_MIN_SPEECH_MS,
            min_silence_duration_ms=_MIN_PAUSE_MS,
            speech_pad_ms=_PAD_MS,
            max_speech_duration_s=_LONGEST_SPEECH_SECONDS,
        )
        spans = get_speech_timestamps(sound, options)
        return [(span["start"] / SAMPLE_RATE, span["end"] / SAMPLE_RATE) for span in spans]

    def language(self, sound: Float32) -> tuple[str, float]:
        """See `Transcriber.language`."""
        language, probability, _ = self._whisper.detect_language(sound)
        return str(language), float(probability)

    def words(self, sound: Float32, *, language: str) -> list[SpokenWord]:
        """See `Transcriber.words`."""
        try:
            segments, _ = self._whisper.transcribe(
                sound,
                language=language,
                word_timestamps=True,
                condition_on_previous_text=False,
                temperature=list(_TEMPERATURES),
            )
            return [word for segment in segments if _is_speech(segment) for word in _words(segment)]
        except RuntimeError as error:
            if "out of memory" in str(error).lower():
                raise ModelOutOfMemory(f"{self.model}: {error}") from error
            raise


def _is_speech(segment: Any) -> bool:
    return not (
        segment.avg_logprob < _MIN_SURE_LOGPROB
        or (segment.no_speech_prob > _MAX_NO_SPEECH and segment.avg_logprob < _MIN_LOGPROB)
    )


def _words(segment: Any) -> list[SpokenWord]:
    # Its times are np.float64, which JSON and SQLite do not take for numbers.
    return [
        SpokenWord(float(word.start), float(word.end), str(word.word), float(word.probability))
        for word in segment.words or ()
    ]
