"""Records what transformers' classes make of made-up videos, where they need timm, torchvision or num2words.

    pip install --no-deps --target FOLDER timm torchvision num2words docopt
    python -m tests.models.record --packages FOLDER [NAME ...]

The project needs none of these, and its tests compare with what this wrote into `tests/models/recorded`: run
it again for another version of transformers. The compiled half of torchvision may not fit the torch that is
installed. Processors and timm do not use it: its operators are declared here, so that the rest can be
imported.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from tests.models.contract import TEXTS, clips

RECORDED = Path(__file__).parent / "recorded"
REQUEST = "Say what happens."
PE_FILES = {"facebook/pe-av-small-16-frame": "pe_small", "facebook/pe-av-large-16-frame": "pe_large"}


def pe_clips() -> list[np.ndarray]:
    """Three clips of 16 frames; the last is the first one backwards."""
    first, second = clips(2, 16)
    return [first, second, first[::-1].copy()]


def pe_sounds() -> list[np.ndarray]:
    """Three sounds at 48 kHz, of half a second, of a second, and of no whole number of hops."""
    rng = np.random.default_rng(5)
    lengths = (24_960, 48_000, 30_001)
    notes = [np.sin(2 * np.pi * 300 * (i + 1) * np.arange(n) / 48_000) for i, n in enumerate(lengths)]
    return [(0.4 * note + rng.normal(0, 0.05, len(note))).astype(np.float32) for note in notes]


def tower_pixels(side: int) -> torch.Tensor:
    """One picture of waves, (1, 3, side, side)."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return torch.stack([torch.sin(rows / (9 + i)) * torch.cos(columns / (13 - i)) for i in range(3)])[None]


def record_pe_towers() -> dict[str, np.ndarray]:
    """What timm's image towers of Perception Encoder, one layer deep, make of a picture."""
    timm: Any = importlib.import_module("timm")

    from tests.tiny_pe import numbers
    from vidsearch.models.pe_config import TOWERS

    made = {}
    for name, config in TOWERS.items():
        tower: Any = timm.create_model(name, num_classes=16, depth=1).eval()
        tower.load_state_dict({key: numbers(key, tuple(w.shape)) for key, w in tower.state_dict().items()})
        with torch.no_grad():
            made[name] = tower(tower_pixels(config.image_size)).numpy()
    return made


def odd_frames() -> dict[str, list[np.ndarray]]:
    """Two frames each of several shapes, smooth and noisy."""
    rng = np.random.default_rng(6)
    made = {}
    for height, width in ((48, 40), (90, 160), (37, 301), (64, 64)):
        rows, columns = np.mgrid[:height, :width]
        waves = [np.sin(rows / (3 + i)) * np.cos(columns / (5 + 2 * i)) for i in range(3)]
        smooth = (127 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)
        noisy = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        made[f"{height}x{width}"] = [smooth, noisy]
    return made


def record_smolvlm() -> dict[str, np.ndarray]:
    """What `SmolVLMProcessor` makes of videos: pixels of frames, and the ids of a request about some."""
    from transformers import AutoTokenizer
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil
    from transformers.models.smolvlm.processing_smolvlm import DEFAULT_CHAT_TEMPLATE, SmolVLMProcessor
    from transformers.models.smolvlm.video_processing_smolvlm import SmolVLMVideoProcessor
    from transformers.video_utils import VideoMetadata

    from tests.tiny_models import save_tiny_smolvlm

    with tempfile.TemporaryDirectory() as name:
        folder = save_tiny_smolvlm(Path(name) / "smolvlm")
        prepare: Any = SmolVLMVideoProcessor.from_pretrained(folder)
        tokens: Any = AutoTokenizer.from_pretrained(folder)
        images: Any = SmolVLMImageProcessorPil.from_pretrained(folder)
    processor: Any = SmolVLMProcessor(
        images, tokens, prepare, image_seq_len=4, chat_template=DEFAULT_CHAT_TEMPLATE
    )
    made = {
        shape: prepare([np.stack(frames)], return_tensors="pt")["pixel_values"][0].numpy()
        for shape, frames in odd_frames().items()
    }
    asked = [{"type": "video"}, {"type": "text", "text": REQUEST}]
    text = processor.apply_chat_template([{"role": "user", "content": asked}], add_generation_prompt=True)
    # One frame a second: the first, the one at 61 seconds, and the one at 70.
    metadata = VideoMetadata(total_num_frames=75, fps=1, duration=75, frames_indices=[0, 61, 70])
    shown = [np.stack([odd_frames()["64x64"][0]] * 3)]
    options = {"video_metadata": [metadata], "do_sample_frames": False, "return_tensors": "pt"}
    whole = processor(text=text, videos=shown, **options)
    return {**made, "ids": whole["input_ids"][0].numpy()}


def record_qwen_vl() -> dict[str, np.ndarray]:
    """What `Qwen3VLProcessor` makes of videos: patches, grids, and ids of a request about three frames."""
    from transformers import AutoTokenizer
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
    from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor
    from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor
    from transformers.video_utils import VideoMetadata

    from tests.tiny_qwen_vl import CHAT_TEMPLATE, save_tiny_qwen_vl

    with tempfile.TemporaryDirectory() as name:
        folder = save_tiny_qwen_vl(Path(name) / "qwen-vl")
        prepare: Any = Qwen3VLVideoProcessor.from_pretrained(folder)
        tokens: Any = AutoTokenizer.from_pretrained(folder)
        images: Any = Qwen2VLImageProcessorPil.from_pretrained(folder)
    processor: Any = Qwen3VLProcessor(images, tokens, prepare, chat_template=CHAT_TEMPLATE)
    made = {}
    for shape, frames in odd_frames().items():
        seen = prepare([np.stack([*frames, frames[0]])], do_sample_frames=False, return_tensors="pt")
        made[shape] = seen["pixel_values_videos"].numpy()
        made[f"grid {shape}"] = seen["video_grid_thw"].numpy()
    asked = [{"type": "video"}, {"type": "text", "text": REQUEST}]
    text = processor.apply_chat_template([{"role": "user", "content": asked}], add_generation_prompt=True)
    # Ten frames a second: the first, the one at 3.5 seconds, and the one at 71.2.
    metadata = VideoMetadata(total_num_frames=750, fps=10, duration=75, frames_indices=[0, 35, 712])
    shown = [np.stack([odd_frames()["64x64"][0]] * 3)]
    options = {"video_metadata": [metadata], "do_sample_frames": False, "return_tensors": "pt"}
    whole = processor(text=text, videos=shown, **options)
    kinds = whole["mm_token_type_ids"][0].numpy()
    return {**made, "ids": whole["input_ids"][0].numpy(), "kinds": kinds}


def still_and_moving(pictures: torch.Tensor) -> torch.Tensor:
    """Of two pictures (2, 3, height, width): a clip of the first, and one in which the second follows."""
    still = pictures[:1].expand(16, -1, -1, -1)
    return torch.stack([still, torch.cat([still[:8], pictures[1:].expand(8, -1, -1, -1)])])


def record_pe() -> dict[str, np.ndarray]:
    """What `PeVideoModel`, `PeAudioModel` and their processors make of clips, sounds and texts."""
    from transformers import AutoConfig, AutoTokenizer, PeAudioModel, PeVideoModel
    from transformers.models.pe_audio.feature_extraction_pe_audio import PeAudioFeatureExtractor
    from transformers.models.pe_video.video_processing_pe_video import PeVideoVideoProcessor

    from tests.tiny_pe import save_tiny_pe

    with tempfile.TemporaryDirectory() as name:
        folder = save_tiny_pe(Path(name) / "pe")
        config: Any = AutoConfig.from_pretrained(folder)
        # transformers 5.23 passes over `num_classes` of a configuration inside another, and takes 2. Nor can
        # it load both models at once with timm 1.0.31, of which it ties a buffer as if it were a weight.
        config.audio_video_config.video_config.vision_config.num_labels = 20
        weights = load_file(folder / "model.safetensors")
        video = _loaded(PeVideoModel(config.video_config), weights, "video_model.")
        audio = _loaded(PeAudioModel(config.audio_config), weights, "audio_model.")
        prepare: Any = PeVideoVideoProcessor.from_pretrained(folder)
        listen: Any = PeAudioFeatureExtractor.from_pretrained(folder)
        tokens: Any = AutoTokenizer.from_pretrained(folder)
    shown = prepare(pe_clips(), return_tensors="pt")["pixel_values_videos"]
    written = tokens(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        seen = video(**written, pixel_values_videos=shown)
        crossed = video(**written, pixel_values_videos=still_and_moving(shown[:2, 3]))
        heard = [
            audio(**written, **listen(sound, sampling_rate=48_000, return_tensors="pt"))
            for sound in pe_sounds()
        ]
    return {
        "clips": seen.video_embeds.numpy(),
        "texts_of_clips": seen.text_video_embeds.numpy(),
        "sounds": torch.cat([each.audio_embeds for each in heard]).numpy(),
        "texts_of_sounds": heard[0].text_audio_embeds.numpy(),
        "pixels": shown[:2, 3].numpy(),
        "clips_of_pixels": crossed.video_embeds.numpy(),
    }


def record_pe_size(name: str) -> dict[str, np.ndarray]:
    """What `PeVideoModel` and `PeAudioModel` of a published size make of a clip, of sounds and of texts.

    One is in memory after the other: the largest takes 7 GB, and as much of the disk.
    """
    from transformers import AutoConfig, AutoTokenizer, PeAudioModel, PeVideoModel
    from transformers.models.pe_audio.feature_extraction_pe_audio import PeAudioFeatureExtractor
    from transformers.models.pe_video.video_processing_pe_video import PeVideoVideoProcessor

    from tests.models.published_pe import full_clip, save_pe

    with tempfile.TemporaryDirectory() as place, torch.no_grad():
        folder = save_pe(Path(place) / "pe", name)
        config: Any = AutoConfig.from_pretrained(folder)
        config.audio_video_config.video_config.vision_config.num_labels = 1024  # as in record_pe
        prepare: Any = PeVideoVideoProcessor.from_pretrained(folder)
        listen: Any = PeAudioFeatureExtractor.from_pretrained(folder)
        written = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
        text, clip, sound = (load_file(path) for path in sorted(folder.glob("*.safetensors")))
        shown = prepare([full_clip()], return_tensors="pt")["pixel_values_videos"]
        sees = _loaded(PeVideoModel(config.video_config), {**text, **clip}, "video_model.")
        seen = sees(**written, pixel_values_videos=shown)
        del sees, clip
        hears = _loaded(PeAudioModel(config.audio_config), {**text, **sound}, "audio_model.")
        heard = [
            hears(**written, **listen(each, sampling_rate=48_000, return_tensors="pt"))
            for each in pe_sounds()
        ]
    return {
        "clips": seen.video_embeds.numpy(),
        "texts_of_clips": seen.text_video_embeds.numpy(),
        "sounds": torch.cat([each.audio_embeds for each in heard]).numpy(),
        "texts_of_sounds": heard[0].text_audio_embeds.numpy(),
    }


def _loaded(model: Any, weights: dict[str, torch.Tensor], part: str) -> Any:
    """Give a model the weights of a part of the checkpoint, and the text tower's."""
    own = {name.removeprefix(part): weight for name, weight in weights.items() if name.startswith(part)}
    shared = {name: weight for name, weight in weights.items() if name.startswith("text_model.")}
    report = model.load_state_dict({**own, **shared}, strict=False, assign=True)
    assert not report.unexpected_keys, report.unexpected_keys
    # What the tiny checkpoint leaves out only turns a cosine into a logit.
    assert all(name.endswith(("logit_scale", "logit_bias")) for name in report.missing_keys), (
        report.missing_keys
    )
    return model.eval()


def main() -> None:
    """Record, and say what."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    records: dict[str, Callable[[], dict[str, np.ndarray]]] = {
        "pe": record_pe,
        "pe_towers": record_pe_towers,
        **{file: partial(record_pe_size, name) for name, file in PE_FILES.items()},
        "smolvlm": record_smolvlm,
        "qwen_vl": record_qwen_vl,
    }
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(records)}; else all")
    parser.add_argument("--packages", type=Path, help="where timm, torchvision and num2words are installed")
    options = parser.parse_args()
    if options.packages:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        sys.path.append(str(options.packages))
    RECORDED.mkdir(exist_ok=True)
    for name in options.names or records:
        made = records[name]()
        arrays: dict[str, Any] = dict(made)
        np.savez_compressed(RECORDED / f"{name}.npz", **arrays)
        print(f"{name}: {', '.join(f'{key} {value.shape}' for key, value in made.items())}")


if __name__ == "__main__":
    main()
