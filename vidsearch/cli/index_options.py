"""The options of every command that indexes: declared once, and what they mean for `Library.index`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Literal

from vidsearch.cli import options
from vidsearch.service.index_settings import IndexSettings
from vidsearch.types import Sampling

_files_option = options.in_panel("Files")

Captions = Annotated[bool, options.model_option("--captions/--no-captions", help="Write captions.")]
CaptionEvery = Annotated[
    str,
    options.model_option(
        help="When to write a caption. novel: when the picture has changed; frame: always; shot: once "
        "a shot; N: every Nth frame."
    ),
]


def index_settings(
    fps: options.Fps = 1.0,
    max_frames: options.MaxFrames = None,
    start: options.Start = None,
    end: options.End = None,
    sampling: Annotated[
        Sampling,
        options.sampling_option(
            help="Which frames to sample. uniform: every 1/fps seconds; shots: the middle of each "
            "shot; keyframes: the file's key frames."
        ),
    ] = "uniform",
    models: options.Models = None,
    embedder: Annotated[
        str | None,
        options.model_option(help="Embedders, with commas, where they differ from --models: clip,blip."),
    ] = None,
    moving: Annotated[
        bool | None,
        options.model_option(
            "--moving/--no-moving",
            help="Also embed short windows of several frames, to find motion that no single frame shows. "
            "[default: as in the library]",
        ),
    ] = None,
    moving_model: Annotated[
        str | None,
        options.model_option(help="Model for --moving. [default: as in the library, else xclip]"),
    ] = None,
    sounds: Annotated[
        bool | None,
        options.model_option(
            "--sounds/--no-sounds",
            help="Also embed short windows of sound. [default: as in the library]",
        ),
    ] = None,
    sound_model: Annotated[
        str | None,
        options.model_option(help="Model for --sounds. [default: as in the library, else clap]"),
    ] = None,
    captions: Captions = True,
    caption_every: CaptionEvery = "novel",
    text: Annotated[
        bool, options.model_option("--text", help="Read text on the screen (extra: text).")
    ] = False,
    speech: options.Speech = None,
    speech_model: options.SpeechModel = "whisper",
    language: options.Language = "auto",
    audio_track: options.AudioTrack = None,
    num_beams: options.NumBeams = None,
    prompt: options.Prompt = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    batch_size: options.BatchSize = None,
    decode_device: Annotated[
        Literal["cpu", "cuda"],
        _files_option(
            help="Decode video on cpu or cuda; if FFmpeg lacks cuda, the CPU is used, with a warning."
        ),
    ] = "cpu",
    exclude: Annotated[
        list[str] | None,
        _files_option(
            metavar="PATTERN",
            help="Skip files in folders by .gitignore pattern: drafts/, *.mkv. Repeatable. "
            'Remembered for later runs; "" clears them.',
        ),
    ] = None,
    timeout: Annotated[
        float,
        _files_option(
            parser=options.time_above_zero,
            metavar="TIME",
            show_default="2 minutes",
            help="Give up on a video that makes no progress for this long.",
        ),
    ] = 120.0,
    isolate: Annotated[
        bool,
        _files_option(
            "--isolate", help="Decode each file in its own process, so that a crash loses that file only."
        ),
    ] = False,
) -> IndexSettings:
    """Return what the options say, as `Library.index` takes it. Its signature is their declaration."""
    return {
        "fps": fps,
        "max_frames": max_frames,
        "start_seconds": start or 0.0,
        "end_seconds": end,
        "sampling": sampling,
        "models": models,
        "embedder": embedder,
        "moving": moving,
        "moving_model": moving_model,
        "sounds": sounds,
        "sound_model": sound_model,
        "captions": captions,
        "caption_every": caption_every,
        "text": text,
        "speech": speech,
        "speech_model": speech_model,
        "language": language,
        "audio_track": audio_track,
        "num_beams": num_beams,
        "prompt": prompt,
        "device": device,
        "precision": precision,
        "batch_size": batch_size,
        "decode_device": decode_device,
        "exclude": exclude,
        "timeout_seconds": timeout,
        "isolate": isolate,
    }


def with_index_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `index_settings`; it gets what they say as its parameter `settings`."""
    declared = inspect.signature(index_settings, eval_str=True).parameters
    own = inspect.signature(command, eval_str=True)

    @wraps(command)
    def run(**values: Any) -> None:
        settings = index_settings(**{name: values.pop(name) for name in declared})
        command(**values, settings=settings)

    parameters = [
        each
        for parameter in own.parameters.values()
        for each in (declared.values() if parameter.name == "settings" else [parameter])
    ]
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run
