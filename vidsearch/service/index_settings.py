"""The settings of `Library.index`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from vidsearch.ingest.ray_cluster import RayOptions
    from vidsearch.media.container import DecodeDevice
    from vidsearch.types import Sampling


class IndexSettings(TypedDict, total=False):
    """The settings of `Library.index`. `vidsearch index` has the same as options."""

    models: str | None
    """"auto", "mini", "clip,blip", a hub id or a folder. Default: the library's own, else "auto"."""
    embedder: str | None
    """Embedders without a captioner, separated by commas."""
    captions: bool
    """Whether to write captions. Default: True."""
    text: bool
    """Whether to read the text on the screen. Default: False. Needs the extra "text"."""
    moving: bool | None
    """Whether to embed windows of a few seconds of moving pictures, for what no single frame shows. Default:
    as before in this library, or True if `moving_model` is given."""
    moving_model: str | None
    """The model for moving pictures. Default: the library's, or "xclip"."""
    sounds: bool | None
    """Whether to embed windows of a few seconds of sound. Default: as before in this library, or True if
    `sound_model` is given."""
    sound_model: str | None
    """The model for sounds. Default: the library's, or "clap"."""
    speech: bool | None
    """Whether to transcribe speech. Default: in a new library, or with `models="auto"`, if Whisper is
    installed on this machine. Needs the extra "speech"."""
    speech_model: str
    """"whisper" (the default), "whisper-tiny", "whisper-base", "whisper-turbo", a hub id or a folder."""
    language: str
    """The spoken language, such as "en"; "auto" (the default) detects it."""
    audio_track: int | None
    """The number of the audio track to use, from 1. Default: the one that a player selects."""
    caption_every: str | int
    """Which frames to caption: "novel" (the default: when the picture has changed), "frame", "shot", or N for
    every Nth frame."""
    fps: float
    """Frames sampled per second of video. Default: 1."""
    max_frames: int | None
    """The maximum number of frames of each video, spread evenly."""
    start_seconds: float
    """Start at this time of each video."""
    end_seconds: float | None
    """End before this time of each video."""
    sampling: Sampling
    """"uniform" (the default), "shots" or "keyframes"; see `SamplingPlan`."""
    device: str
    """"auto", "cpu", "cuda" or "mps"."""
    precision: str
    """"auto", "fp32", "bf16" or "fp16"."""
    batch_size: int | None
    """Images per model call. Default: chosen for the device."""
    num_beams: int | None
    """Beams of the captioner's beam search; 1 is greedy. Default: the model's."""
    prompt: str | None
    """Words that every caption starts with."""
    decode_device: DecodeDevice
    """"cpu" (the default), or "cuda" if FFmpeg supports it."""
    retry_failed: bool
    """Whether to retry files that failed in earlier runs. Default: False."""
    timeout_seconds: float
    """Give up a video that makes no progress for this long. Default: 120."""
    isolate: bool
    """Whether to decode each file in a process of its own. Default: False."""
    exclude: Sequence[str] | None
    """Patterns, as in a .gitignore, of files in folders to skip. They also apply to later runs; an empty list
    removes them."""
    reindex: bool
    """Whether to re-index videos that were indexed with other settings. Default: False."""
    workers: RayOptions | None
    """Workers on a Ray cluster. Default: only this machine."""
