"""Tiny checkpoints and loaded models, made once for all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.models.fake_hub import FakeHub, serve
from vidsearch.models.device import Device
from vidsearch.models.protocols import Captioner, Embedder, Matcher, TextEncoder
from vidsearch.models.registry import load_captioner, load_embedder, load_matcher, load_text_encoder

CPU = Device("cpu", "fp32")
CLIP_ID = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
CAPTIONER_ID = "Salesforce/blip-image-captioning-base"
RETRIEVAL_ID = "Salesforce/blip-itm-base-coco"


@dataclass(frozen=True, slots=True)
class TinyFolders:
    """Where the tiny checkpoints lie."""

    clip: Path
    siglip: Path
    siglip2: Path
    metaclip2: Path
    xclip: Path
    clap: Path
    pe: Path
    florence: Path
    smolvlm: Path
    qwen_vl: Path
    blip_retrieval: Path
    blip_captioner: Path
    blip_ending: Path
    """A captioner whose captions end at different lengths, where the other's take all the tokens there
    are."""


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep exports and digests out of the user's cache, and the hub out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDSEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyFolders:
    import torch

    from tests import tiny_models
    from tests.tiny_pe import save_tiny_pe
    from tests.tiny_qwen_vl import save_tiny_qwen_vl

    torch.set_num_threads(1)  # more only wait for each other on models this small
    root = tmp_path_factory.mktemp("tiny")
    return TinyFolders(
        clip=tiny_models.save_tiny_clip(root / "clip"),
        siglip=tiny_models.save_tiny_siglip(root / "siglip"),
        siglip2=tiny_models.save_tiny_siglip2(root / "siglip2"),
        metaclip2=tiny_models.save_tiny_metaclip2(root / "metaclip2"),
        xclip=tiny_models.save_tiny_xclip(root / "xclip"),
        clap=tiny_models.save_tiny_clap(root / "clap"),
        pe=save_tiny_pe(root / "pe"),
        smolvlm=tiny_models.save_tiny_smolvlm(root / "smolvlm"),
        qwen_vl=save_tiny_qwen_vl(root / "qwen-vl"),
        florence=tiny_models.save_tiny_florence(root / "florence"),
        blip_retrieval=tiny_models.save_tiny_blip_retrieval(root / "blip-itm"),
        blip_captioner=tiny_models.save_tiny_blip_captioner(root / "blip-captioner"),
        blip_ending=tiny_models.save_tiny_blip_captioner(root / "blip-ending", end_bias=1.5),
    )


@pytest.fixture(scope="session")
def tiny_clip(tiny: TinyFolders) -> Embedder:
    return load_embedder(str(tiny.clip), device=CPU, batch_size=4)


@pytest.fixture(scope="session")
def tiny_siglip(tiny: TinyFolders) -> Embedder:
    return load_embedder(str(tiny.siglip), device=CPU)


@pytest.fixture(scope="session")
def tiny_blip(tiny: TinyFolders) -> Embedder:
    return load_embedder(str(tiny.blip_retrieval), device=CPU)


@pytest.fixture(scope="session")
def mini_embedder() -> Embedder:
    return load_embedder("mini", device=CPU)


@pytest.fixture(scope="session")
def mini_text() -> TextEncoder:
    return load_text_encoder("mini")


@pytest.fixture(scope="session")
def mini_captioner() -> Captioner:
    return load_captioner("mini", device=CPU)


@pytest.fixture(scope="session")
def mini_matcher() -> Matcher:
    return load_matcher("mini", device=CPU)


@pytest.fixture(scope="session")
def gpu() -> None:
    """Ask for CUDA: without it skip, or fail where VIDSEARCH_EXPECT_GPU says that it must be there."""
    import torch

    if torch.cuda.is_available():
        return
    if os.environ.get("VIDSEARCH_EXPECT_GPU") == "1":
        pytest.fail("VIDSEARCH_EXPECT_GPU is set, and there is no CUDA")
    pytest.skip("needs CUDA")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the hub client an empty cache, and the exports another."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("VIDSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "hub"


@pytest.fixture
def no_hub(empty_cache, monkeypatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture
def hub(empty_cache, tiny, monkeypatch) -> Iterator[FakeHub]:
    models = {CLIP_ID: tiny.clip, CAPTIONER_ID: tiny.blip_captioner, RETRIEVAL_ID: tiny.blip_retrieval}
    with serve(models) as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        template = f"{running.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield running
