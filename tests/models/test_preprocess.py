"""Pixels as the reference image processors make them, from configurations as they are published."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil

from vidsearch.errors import ModelUnavailable
from vidsearch.models.preprocess import CLIP_MEAN, CLIP_STD, Preprocessing

# As on the hub: sizes are plain numbers in older files, and mappings in newer ones.
LAION_CLIP = {
    "crop_size": 224,
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor",
    "image_mean": list(CLIP_MEAN),
    "image_std": list(CLIP_STD),
    "resample": 3,
    "size": 224,
}
BLIP = {
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": list(CLIP_MEAN),
    "image_processor_type": "BlipImageProcessor",
    "image_std": list(CLIP_STD),
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 384, "width": 384},
    "size_divisor": 32,
}
SIGLIP_2 = {
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "SiglipImageProcessor",
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 256, "width": 256},
}
XCLIP = {
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "VideoMAEFeatureExtractor",
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 2,
    "size": 224,
}
SIZES = [(224, 224), (225, 224), (480, 640), (641, 359), (101, 100), (7, 5), (1, 1), (1080, 607), (30, 239)]


def _image(height: int, width: int) -> np.ndarray:
    """Make a picture with edges, so that filters and half pixels show."""
    rng = np.random.default_rng(height * 10_000 + width)
    blocks = rng.integers(0, 256, size=(height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    picture = np.repeat(np.repeat(blocks, 8, axis=0), 8, axis=1)[:height, :width]
    return np.ascontiguousarray(picture)


def _pixels(preprocessing: Preprocessing, image: np.ndarray) -> np.ndarray:
    batch = torch.from_numpy(preprocessing.batch([image]))
    assert batch.dtype == torch.uint8
    return preprocessing.normalise(batch, torch.float32).numpy()


@pytest.mark.parametrize(
    ("config", "family", "processor"),
    [
        (LAION_CLIP, "clip", CLIPImageProcessorPil(**LAION_CLIP)),
        (BLIP, "blip", BlipImageProcessorPil(**BLIP)),
        (SIGLIP_2, "siglip", SiglipImageProcessorPil(**SIGLIP_2)),
        (XCLIP, "xclip", VideoMAEImageProcessorPil(**XCLIP)),
        ({}, "clip", CLIPImageProcessorPil()),
        ({}, "blip", BlipImageProcessorPil()),
        ({}, "siglip", SiglipImageProcessorPil()),
        ({}, "xclip", VideoMAEImageProcessorPil()),
    ],
    ids=[f"{family}{form}" for form in ("", " by default") for family in ("clip", "blip", "siglip", "xclip")],
)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_pixels_match_the_reference(config: Any, family: str, processor: Any, size: tuple[int, int]):
    image = _image(*size)
    ours = _pixels(Preprocessing.from_config(config, family=family), image)
    reference = processor([image], return_tensors="np", input_data_format="channels_last").pixel_values
    reference = reference[0] if family == "xclip" else reference  # clips of one frame
    assert ours.shape == reference.shape
    np.testing.assert_allclose(ours, reference, atol=1e-3)


@pytest.mark.parametrize("size", [(10, 4000), (4001, 13), (3, 900)])
def test_a_ribbon_is_cropped_while_it_is_resized(size: tuple[int, int]):
    """Guards against a picture of 10 x 10,000 pixels becoming one of 224 x 224,000 on its way."""
    image = _image(*size)
    ours = _pixels(Preprocessing.from_config(LAION_CLIP, family="clip"), image)
    reference = CLIPImageProcessorPil(**LAION_CLIP)(
        images=[image], return_tensors="np", input_data_format="channels_last"
    ).pixel_values
    # Pillow keeps the cut's place in single precision: on few pixels at edges it falls a little aside.
    np.testing.assert_allclose(ours, reference, atol=0.2)
    assert np.isclose(ours, reference, atol=1e-3).mean() > 0.98


@pytest.mark.parametrize(
    ("config", "family", "expected"),
    [
        (LAION_CLIP, "clip", (224, 224, 224, 3)),
        ({**LAION_CLIP, "size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}, "clip",
         (336, 336, 336, 3)),
        ({}, "clip", (224, 224, 224, 3)),
        ({}, "blip", (None, 384, 384, 3)),
        ({"size": 224}, "siglip", (None, 224, 224, 3)),
        (BLIP, "blip", (None, 384, 384, 3)),
        ({"image_processor": SIGLIP_2, "processor_class": "SiglipProcessor"}, "siglip", (None, 256, 256, 2)),
    ],
)  # fmt: skip
def test_published_spellings_are_read(config: Any, family: str, expected: tuple[int | None, int, int, int]):
    read = Preprocessing.from_config(config, family=family)
    assert (read.shortest_edge_pixels, read.height, read.width, read.resample) == expected


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"size": {"longest_edge": 512}}, "'height'"),
        ({"size": "large"}, "large"),
        ({"do_normalize": False}, "do_normalize"),
        ({"size": {"shortest_edge": 224}, "do_center_crop": False}, "shortest edge"),
    ],
)
def test_a_configuration_without_a_meaning_is_an_error(config: Any, reason: str):
    with pytest.raises(ModelUnavailable, match=reason):
        Preprocessing.from_config(config, family="clip")


def test_description_names_all_that_bears_on_pixels():
    """Guards against two preprocessings sharing one vector space."""
    base = Preprocessing.from_config(LAION_CLIP, family="clip")
    changes: list[dict[str, Any]] = [
        {"resample": 2},
        {"size": 256},
        {"crop_size": 192},
        {"image_mean": [0.5, 0.5, 0.5]},
        {"image_std": [0.5, 0.5, 0.5]},
        {"rescale_factor": 1 / 127.5},
    ]
    others = [Preprocessing.from_config({**LAION_CLIP, **change}, family="clip") for change in changes]
    assert len({each.describe() for each in [base, *others]}) == 7
