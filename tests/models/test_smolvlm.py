"""SmolVLM2 against transformers' own network and processors, on a tiny checkpoint in the published layout."""

from __future__ import annotations

import json
import shutil
from typing import Any

import numpy as np
import pytest
import torch
from jinja2 import Template
from transformers import AutoTokenizer, SmolVLMForConditionalGeneration
from transformers.models.smolvlm import processing_smolvlm as reference
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from tests.models.conftest import CPU
from tests.models.contract import clips
from tests.models.record import RECORDED, REQUEST, odd_frames
from vidsearch.errors import ModelUnavailable
from vidsearch.models.protocols import TimedImage
from vidsearch.models.registry import load_captioner, load_describer, load_embedder
from vidsearch.models.smolvlm import video_request


def frames(num: int, *, seed: int = 0) -> list[TimedImage]:
    """Frames of 48 x 40, five seconds apart."""
    (clip,) = clips(1, num)
    return [TimedImage(5.0 * i, np.roll(image[:, :40], seed * 7, axis=1)) for i, image in enumerate(clip)]


def reference_request(times: list[float], in_words: str, length: str) -> str:
    """What transformers' processor makes of a message with a video, from its own parts."""
    message = {"role": "user", "content": [{"type": "video"}, {"type": "text", "text": REQUEST}]}
    text: str = Template(reference.DEFAULT_CHAT_TEMPLATE).render(
        messages=[message], add_generation_prompt=True
    )
    shown = reference.DEFAULT_VIDEO_INTRO.format(frame_count=in_words, video_duration=length)
    for time in times:
        stamp = f"{int(time // 60):02d}:{int(time % 60):02d}"
        shown += reference.FRAME_TIMESTAMP_MESSAGE.format(timestamp=stamp)
        shown += reference._prompt_single_image(4, "<fake_token_around_image>", "<image>", "<global-img>")
    return text.replace("<video>", shown + reference.DEFAULT_MEDIA_OUTTRO)


@pytest.mark.parametrize(
    ("num", "in_words"), [(1, "one"), (12, "twelve"), (20, "twenty"), (21, "twenty-one"), (64, "sixty-four")]
)
def test_a_request_reads_as_the_processor_writes_it(num: int, in_words: str):
    times = [7.0 * number for number in range(num)]
    expected = reference_request(times, in_words, "1:02:03")
    assert video_request(times, 3723.9, REQUEST, image_seq_len=4) == expected


@pytest.mark.parametrize("shape", sorted(odd_frames()))
def test_frames_are_prepared_as_the_reference_does(tiny, shape: str):
    """Guards against scaling at once what it scales twice. Pillow and torchvision round differently."""
    describer: Any = load_describer(str(tiny.smolvlm), device=CPU)
    recorded = np.load(RECORDED / "smolvlm.npz")[shape]
    pixels = describer.processor(odd_frames()[shape], return_tensors="pt")["pixel_values"][0].numpy()
    apart = np.abs(pixels - recorded) * 255 / 2
    assert apart.max() <= 2.01
    assert apart.mean() <= 0.05


def test_a_request_has_the_ids_that_the_processor_makes(tiny):
    describer: Any = load_describer(str(tiny.smolvlm), device=CPU)
    text = video_request([0.0, 61.0, 70.0], 75.0, REQUEST, image_seq_len=4)
    ids = describer.tokenizer.encode(text, add_special_tokens=False).ids
    assert ids == np.load(RECORDED / "smolvlm.npz")["ids"].tolist()


def test_it_says_what_the_reference_says(tiny):
    describer = load_describer(str(tiny.smolvlm), device=CPU)
    model: Any = SmolVLMForConditionalGeneration.from_pretrained(tiny.smolvlm).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny.smolvlm)
    processor = SmolVLMImageProcessorPil(
        size={"longest_edge": 128}, max_image_size={"longest_edge": 32}, do_image_splitting=False
    )
    for seed in (0, 1):
        shown = frames(4, seed=seed)
        text = reference_request([frame.time_seconds for frame in shown], "four", "0:00:20")
        seen = processor([[frame.image for frame in shown]], return_tensors="pt")
        asked = tokenizer(text, return_tensors="pt", add_special_tokens=False)
        with torch.no_grad():
            written = model.generate(
                **asked, **seen, max_new_tokens=20, do_sample=False, eos_token_id=tokenizer.eos_token_id
            )
        expected = tokenizer.decode(written[0, asked.input_ids.shape[1] :], skip_special_tokens=True)
        said = describer.describe(shown, duration_seconds=20.5, request=REQUEST, max_words=8)
        assert said.raw_text == expected.strip()
        assert len(said.tokens) == len(said.token_logprobs) > 0


def test_what_it_says_depends_on_the_frames_and_their_order(tiny):
    describer = load_describer(str(tiny.smolvlm), device=CPU)

    def said(shown: list[TimedImage]) -> tuple[float, ...]:
        return describer.describe(shown, duration_seconds=20.0, request=REQUEST, max_words=2).token_logprobs

    forwards = frames(4)
    images = [frame.image for frame in reversed(forwards)]
    backwards = [TimedImage(frame.time_seconds, image) for frame, image in zip(forwards, images, strict=True)]
    assert said(forwards) == said(forwards)
    assert said(forwards)[0] != pytest.approx(said(backwards)[0], abs=1e-4)


def test_no_frames_or_too_many_are_an_error(tiny):
    describer = load_describer(str(tiny.smolvlm), device=CPU)
    for num in (0, describer.max_frames + 1):
        with pytest.raises(ValueError, match="frames are described at once"):
            describer.describe(frames(2) * num if num else [], duration_seconds=1, request="", max_words=1)


def test_it_is_no_captioner_of_single_images(tiny):
    with pytest.raises(ModelUnavailable, match="name a captioner"):
        load_captioner(str(tiny.smolvlm), device=CPU)
    with pytest.raises(ModelUnavailable, match="embeds nothing"):
        load_embedder(str(tiny.smolvlm), device=CPU)
    for name in ("mini", str(tiny.florence)):
        with pytest.raises(ModelUnavailable, match="smolvlm"):
            load_describer(name, device=CPU)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("config.json", {"scale_factor": "two"}, "no sizes of pictures"),
        ("preprocessor_config.json", {"max_image_size": 3}, "no max_image_size"),
        ("preprocessor_config.json", {"size": {"longest_edge": 10**6}}, "no size"),
        ("tokenizer.json", {"added_tokens": []}, "no <image>"),
    ],
)
def test_what_is_not_whole_is_said(tiny, tmp_path, name: str, change: dict[str, Any], reason: str):
    folder = shutil.copytree(tiny.smolvlm, tmp_path / "smolvlm")
    (folder / name).write_text(json.dumps({**json.loads((folder / name).read_text()), **change}))
    with pytest.raises(ModelUnavailable, match=reason):
        load_describer(str(folder), device=CPU)
