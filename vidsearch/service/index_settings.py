"""What `Library.index` takes beside the paths. Plain types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from vidsearch.ingest.ray_cluster import RayOptions
    from vidsearch.media.container import DecodeDevice
    from vidsearch.types import Sampling


class IndexSettings(TypedDict, total=False):
    """What `Library.index` takes beside the paths; `vidsearch index` has the same settings as options."""

    models: str | None
    """"auto", "mini", "clip,blip", a hub id or a folder. Default: the library's own, else "auto"."""
    embedder: str | None
    """Embedders alone, separated by commas."""
    captions: bool
    """Whether to write captions. Default: True."""
    text: bool
    """Whether to read the text on the screen. Default: False. Needs the extra "text"."""
    moving: bool | None
    """Whether each few seconds of moving pictures get a vector, for what no single frame shows. Default: what
    the library has."""
    moving_model: str
    """What looks at several frames at once. Default: "xclip"."""
    sounds: bool | None
    """Whether each few seconds of sound get a vector. Default: what the library has."""
    sound_model: str
    """What hears them. Default: "clap"."""
    speech: bool | None
    """Whether to write down what is said. Default: only in a new library, or with `models="auto"`, and only
    where Whisper is on this machine. Needs the extra "speech"."""
    speech_model: str
    """"whisper" (the default), "whisper-tiny", "whisper-base", "whisper-turbo", a hub id or a folder."""
    language: str
    """The language that is spoken, such as "en"; "auto" (the default) hears which."""
    audio_track: int | None
    """Which sound track to listen to: 1 is the first. Default: the one that a player takes."""
    caption_every: str | int
    """"novel" (when the picture has changed, the default), "frame", "shot", or N for every Nth frame."""
    fps: float
    """Frames looked at per second of video. Default: 1."""
    max_frames: int | None
    """At most so many frames of each video, spread evenly."""
    start_seconds: float
    """Begin at this time of each video."""
    end_seconds: float | None
    """End before this time."""
    sampling: Sampling
    """"uniform" (the default), "shots" or "keyframes"; see `SamplingPlan`."""
    device: str
    """"auto", "cpu", "cuda" or "mps"."""
    precision: str
    """"auto", "fp32", "bf16" or "fp16"."""
    batch_size: int | None
    """Images per model call. Default: fitted to the device."""
    num_beams: int | None
    """Beams for captions; 1 is greedy. Default: the model's own number."""
    prompt: str | None
    """Words that every caption starts with."""
    decode_device: DecodeDevice
    """"cpu", or "cuda" where FFmpeg can."""
    retry_failed: bool
    """Try files again that failed before."""
    timeout_seconds: float
    """A video that makes no progress for so long is given up. Default: 120."""
    isolate: bool
    """Decode each file in a process of its own."""
    exclude: Sequence[str] | None
    """Patterns, as in a .gitignore, of files in folders to pass over. Kept for later runs, whose default they
    are; an empty list forgets them."""
    reindex: bool
    """Index again what is here with other settings."""
    workers: RayOptions | None
    """Workers on a Ray cluster. Default: this machine alone."""
