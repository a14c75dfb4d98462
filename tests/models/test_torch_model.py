"""Batches that fit a GPU's free memory, and models of published size."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from tests.models.conftest import CPU
from tests.models.contract import pictures
from vidsearch.errors import ModelUnavailable
from vidsearch.models.device import Device
from vidsearch.models.random_weights import random_captioner, random_embedder
from vidsearch.models.registry import load_embedder
from vidsearch.models.torch_model import fitting_batch_size

GIB = 1 << 30


@pytest.mark.parametrize(
    ("gib_per_image", "free_gib", "expected"),
    [
        (0.1, 80, 256),  # more would fit, and would not be faster
        (0.1, 8, 32),
        (1.0, 8, 4),
        (4.0, 8, 1),
        (100.0, 8, 1),  # one image is tried in any case, and its failure is an error of its own
        (0.0, 8, 256),
    ],
)
def test_a_batch_takes_a_share_of_the_free_memory(gib_per_image, free_gib, expected):
    def peak_bytes(num_images: int) -> int:
        weights = 2 * GIB
        return weights + int(num_images * gib_per_image * GIB)

    assert fitting_batch_size(peak_bytes, free_gib * GIB) == expected


def test_random_weights_are_of_known_models():
    with pytest.raises(ModelUnavailable, match="choose clip or blip"):
        random_embedder("mini", device=CPU)
    with pytest.raises(ModelUnavailable, match="choose blip or blip-large"):
        random_captioner("clip", device=CPU)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dim", "num_million"), [("clip", 512, 151), ("blip", 256, 224)])
def test_random_embedders_have_the_published_size(name, dim, num_million):
    embedder = random_embedder(name, device=CPU)
    count = sum(weight.numel() for weight in embedder.model.parameters())  # type: ignore[attr-defined]
    assert round(count / 1e6) == num_million
    rows = embedder.embed_images(pictures(1))
    assert rows.shape == (1, dim)
    assert np.isfinite(embedder.embed_texts(["a dog"])).all()


def test_a_model_that_is_loaded_imports_no_compiler(tiny):
    """Guards the start of each run: torch draws an embedding's first weights with what compiles models, which
    takes as long to import as torch itself."""
    program = (
        "import sys\n"
        "from vidsearch.models.device import Device\n"
        "from vidsearch.models.registry import load_captioner, load_embedder\n"
        f"load_embedder({str(tiny.clip)!r}, device=Device('cpu', 'fp32'))\n"
        f"load_embedder({str(tiny.siglip)!r}, device=Device('cpu', 'fp32'))\n"
        f"load_captioner({str(tiny.blip_captioner)!r}, device=Device('cpu', 'fp32'))\n"
        "print(sorted({'torch._dynamo', 'sympy', 'transformers', 'scipy'} & set(sys.modules)))\n"
    )
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert found.stdout == "[]\n"


def test_what_texts_need_is_left_as_it_lies_until_there_is_one(tiny):
    """Guards the start of an ingest: half of CLIP was read and turned into bf16 for nothing."""
    embedder: Any = load_embedder(str(tiny.clip), device=Device("cpu", "bf16"))
    whole: Any = load_embedder(str(tiny.clip), device=Device("cpu", "bf16"))
    assert whole.model.text_projection.weight.dtype == torch.bfloat16

    assert np.array_equal(embedder.embed_images(pictures(3)), whole.embed_images(pictures(3)))
    types = {name: weight.dtype for name, weight in embedder._model.named_parameters()}
    assert types["vision_model.pre_layrnorm.weight"] == torch.bfloat16
    assert types["text_model.final_layer_norm.weight"] == torch.float32

    assert np.array_equal(embedder.embed_texts(["a red dog"]), whole.embed_texts(["a red dog"]))
    assert {weight.dtype for weight in embedder._model.parameters()} == {torch.bfloat16}
