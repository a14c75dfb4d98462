"""Qwen3-VL against transformers' network, and what its processor, which needs torchvision, made once."""

from __future__ import annotations

import json
import shutil
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Qwen3VLForConditionalGeneration

from tests.models.conftest import CPU
from tests.models.contract import clips
from tests.models.record import RECORDED, REQUEST, odd_frames
from vidsearch.errors import ModelUnavailable
from vidsearch.models.protocols import TimedImage
from vidsearch.models.qwen_vl import VideoPatches, video_request
from vidsearch.models.registry import load_captioner, load_describer, load_embedder


@pytest.fixture(scope="module")
def recorded() -> Any:
    return np.load(RECORDED / "qwen_vl.npz")


def as_released(describer: Any, recorded: Any) -> tuple[list[int], list[int]]:
    """The ids and kinds of tokens that were recorded, without the pair around the whole video.

    The chat template has one, which Qwen's own processor put the frames in the place of (transformers 4.57).
    transformers 5 puts them between.
    """
    ids, kinds = recorded["ids"].tolist(), recorded["kinds"].tolist()
    first = ids.index(describer.tokenizer.token_to_id("<|vision_start|>"))
    last = len(ids) - 1 - ids[::-1].index(describer.tokenizer.token_to_id("<|vision_end|>"))
    kept = [place for place in range(len(ids)) if place not in (first, last)]
    return [ids[place] for place in kept], [kinds[place] for place in kept]


def frames(num: int) -> list[TimedImage]:
    """Frames of 48 x 48, five seconds apart."""
    (clip,) = clips(1, num)
    return [TimedImage(5.0 * number, image) for number, image in enumerate(clip)]


@pytest.mark.parametrize("shape", sorted(odd_frames()))
def test_frames_become_the_patches_that_the_reference_makes(tiny, recorded, shape: str):
    """Three frames, so that the last one is repeated. Pillow and torchvision round differently."""
    describer: Any = load_describer(str(tiny.qwen_vl), device=CPU)
    first, second = odd_frames()[shape]
    patches, grid = describer.patches.patches([first, second, first])
    assert [list(grid)] == recorded[f"grid {shape}"].tolist()
    assert patches.shape == recorded[shape].shape
    apart = np.abs(patches.numpy() - recorded[shape]) * 255 / 2
    assert apart.max() <= 2.01
    assert apart.mean() <= 0.1


def test_a_request_has_the_ids_that_the_processor_makes(tiny, recorded):
    describer: Any = load_describer(str(tiny.qwen_vl), device=CPU)
    shown = [TimedImage(time, odd_frames()["64x64"][0]) for time in (0.0, 3.5, 71.2)]
    text, seen = describer._prepare(shown, 75.0, REQUEST)
    ids = describer.tokenizer.encode(text, add_special_tokens=False).ids
    expected, kinds = as_released(describer, recorded)
    assert ids == expected
    assert seen["mm_token_type_ids"][0].tolist() == kinds


def test_it_says_what_the_reference_says(tiny, recorded):
    """The network that is given what the processor made."""
    describer: Any = load_describer(str(tiny.qwen_vl), device=CPU)
    model: Any = Qwen3VLForConditionalGeneration.from_pretrained(tiny.qwen_vl).eval()
    expected_ids, kinds = as_released(describer, recorded)
    ids = torch.tensor([expected_ids])
    first, second = odd_frames()["64x64"]
    grid = torch.from_numpy(recorded["grid 64x64"])
    with torch.no_grad():
        written = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values_videos=torch.from_numpy(recorded["64x64"]),
            video_grid_thw=grid,
            mm_token_type_ids=torch.tensor([kinds]),
            max_new_tokens=20,
            do_sample=False,
            eos_token_id=describer._end_ids,
        )
    expected = describer.tokenizer.decode(written[0, ids.shape[1] :].tolist(), skip_special_tokens=True)
    shown = [TimedImage(t, image) for t, image in zip((0.0, 3.5, 71.2), (first, second, first), strict=True)]
    said = describer.describe(shown, duration_seconds=75.0, request=REQUEST, max_words=8)
    assert said.raw_text == expected.strip()
    assert len(said.tokens) == len(said.token_logprobs) > 0


def test_what_it_says_depends_on_the_frames_and_their_order(tiny):
    describer = load_describer(str(tiny.qwen_vl), device=CPU)

    def said(shown: list[TimedImage]) -> tuple[float, ...]:
        return describer.describe(shown, duration_seconds=20.0, request=REQUEST, max_words=2).token_logprobs

    forwards = frames(4)
    backwards = [
        TimedImage(frame.time_seconds, other.image)
        for frame, other in zip(forwards, reversed(forwards), strict=True)
    ]
    assert said(forwards) == said(forwards)
    assert said(forwards)[0] != pytest.approx(said(backwards)[0], abs=1e-4)


def test_one_frame_and_the_most_there_may_be(tiny):
    describer = load_describer(str(tiny.qwen_vl), device=CPU)
    assert describer.short_side_pixels > 0
    for num in (1, describer.max_frames):
        assert describer.describe(frames(num), duration_seconds=9, request=REQUEST, max_words=1).tokens
    for num in (0, describer.max_frames + 1):
        with pytest.raises(ValueError, match="frames are described at once"):
            describer.describe(frames(2) * num if num else [], duration_seconds=1, request="", max_words=1)


def test_times_are_those_of_the_middles():
    text = video_request([0.0, 1.0, 2.0], "Who?", num_tokens=2, together=2)
    pads = "<|vision_start|><|video_pad|><|video_pad|><|vision_end|>"
    assert text == (
        f"<|im_start|>user\n<0.5 seconds>{pads}<2.0 seconds>{pads}Who?<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(
    ("num_frames", "height", "width", "size"),
    [(16, 448, 796, (448, 800)), (2, 10, 300, (32, 960)), (16, 2160, 3840, (928, 1664))],
)
def test_published_settings_give_whole_tokens(
    num_frames: int, height: int, width: int, size: tuple[int, int]
):
    published = VideoPatches(16, 2, 2, 4096, 25_165_824, (0.5,) * 3, (0.5,) * 3)
    assert published.size(num_frames, height, width) == size
    with pytest.raises(ValueError, match="too long"):
        published.size(2, 32, 7000)


def test_it_is_no_captioner_of_single_images(tiny):
    with pytest.raises(ModelUnavailable, match="name a captioner"):
        load_captioner(str(tiny.qwen_vl), device=CPU)
    with pytest.raises(ModelUnavailable, match="embeds nothing"):
        load_embedder(str(tiny.qwen_vl), device=CPU)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("config.json", {"video_token_id": 3}, "at the token 3"),
        ("video_preprocessor_config.json", {"patch_size": 16}, "patch_size is '16'"),
        ("video_preprocessor_config.json", {"merge_size": "two"}, "merge_size is 'two'"),
        ("video_preprocessor_config.json", {"size": {"longest_edge": 0}}, "longest_edge is '0'"),
        ("tokenizer.json", {"added_tokens": []}, "no <|video_pad|>"),
    ],
)
def test_what_is_not_whole_is_said(tiny, tmp_path, name: str, change: dict[str, Any], reason: str):
    folder = shutil.copytree(tiny.qwen_vl, tmp_path / "qwen-vl")
    (folder / name).write_text(json.dumps({**json.loads((folder / name).read_text()), **change}))
    with pytest.raises(ModelUnavailable, match=reason.replace("|", r"\|")):
        load_describer(str(folder), device=CPU)
