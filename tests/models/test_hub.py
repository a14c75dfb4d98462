"""Fetching: the real hub client against a hub on this machine."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from tests.models.conftest import CLIP_ID, CPU
from tests.models.contract import TEXTS, pictures
from tests.models.fake_hub import FakeHub, Refusal
from vidsearch.errors import ModelUnavailable
from vidsearch.models import downloads, hub_errors, weights
from vidsearch.models import hub as hub_client
from vidsearch.models.registry import (
    known_models,
    load_embedder,
    load_text_encoder,
    pull_model,
    resolve_models,
    where_is,
)
from vidsearch.models.text_onnx import has_tower


@pytest.fixture
def pauses(monkeypatch) -> list[float]:
    """Collect how long the program would have waited between its tries."""
    taken: list[float] = []
    monkeypatch.setattr(time, "sleep", taken.append)
    return taken


def _weights_asked_for(hub: FakeHub) -> list[str]:
    return [name for name in hub.downloads if name.endswith((".safetensors", ".bin"))]


class TestFetching:
    def test_pull_fetches_exports_and_works_without_the_hub(self, hub, monkeypatch):
        told: list[str] = []
        folder = pull_model("clip", show_progress=False, tell=told.append)
        assert folder == where_is("clip") == where_is(CLIP_ID)
        assert f"in {folder}" in told[0]
        assert "exporting its text half" in told[1]
        assert "text-towers" in told[2]
        assert all(CLIP_ID in line for line in told)
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        embedder = load_embedder("clip", device=CPU)
        assert embedder.space.model == CLIP_ID
        assert has_tower(embedder.space)
        encoder = load_text_encoder("clip")
        np.testing.assert_allclose(encoder.embed_texts(TEXTS), embedder.embed_texts(TEXTS), atol=1e-5)

    def test_pull_of_what_is_there_asks_the_hub_nothing(self, hub):
        pull_model("clip", show_progress=False)
        before = hub.num_requests
        told: list[str] = []
        pull_model("clip", show_progress=False, tell=told.append)
        assert hub.num_requests == before
        assert not any("exporting" in line for line in told)

    def test_pull_of_blip_fetches_both(self, hub):
        pull_model("blip", show_progress=False)
        cached = {entry.name: entry for entry in known_models()}
        assert cached["blip"].is_cached
        assert cached["blip-itm"].is_cached
        assert not cached["clip"].is_cached
        size = sum(path.stat().st_size for path in where_is("blip").iterdir())
        assert cached["blip"].size_bytes == size
        assert cached["blip"].path == where_is("blip")

    def test_two_processes_share_one_fetch_and_one_export(self, hub, tmp_path):
        program = (
            "import sys\n"
            "from vidsearch.models.registry import pull_model\n"
            "print(pull_model('clip', show_progress=False))\n"
        )
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_HUB_CACHE": constants.HF_HUB_CACHE,
            "VIDSEARCH_CACHE": str(tmp_path / "cache"),
        }
        running = [
            subprocess.Popen(
                [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        printed = [process.communicate()[0].strip() for process in running]
        assert [process.returncode for process in running] == [0, 0]
        assert printed == [str(where_is("clip"))] * 2
        assert hub.downloads["model.safetensors"] == 1
        left = [path.name for path in (tmp_path / "cache" / "text-towers").iterdir() if path.is_dir()]
        assert left == [load_embedder("clip", device=CPU).space.key]


class TestBrokenLines:
    def test_a_line_that_breaks_again_and_again_is_enough_while_bytes_come(self, hub, tiny, pauses):
        size = (tiny.clip / "model.safetensors").stat().st_size
        hub.break_after_bytes = size // 12
        checkpoint = hub_client.fetch(CLIP_ID)
        assert (checkpoint.folder / "model.safetensors").read_bytes() == (
            tiny.clip / "model.safetensors"
        ).read_bytes()
        assert set(pauses) == {1.0}
        assert len(pauses) > hub_errors.NUM_TRIES

    def test_another_process_continues_where_one_stopped(self, hub, tiny, pauses):
        hub.break_after_bytes, hub.num_breaks = 10_000, 3
        with pytest.raises(ModelUnavailable, match="closed connection"):
            hub_client.fetch(CLIP_ID)
        assert weights.cached(CLIP_ID) is None
        hub.break_after_bytes = None
        hub.ranges.clear()
        checkpoint = hub_client.fetch(CLIP_ID)
        assert hub.ranges == ["bytes=30000-"]
        assert (checkpoint.folder / "model.safetensors").read_bytes() == (
            tiny.clip / "model.safetensors"
        ).read_bytes()

    def test_damaged_content_does_not_take_the_files_place(self, hub, tiny):
        """A proxy that answers with something else of the same length."""
        hub.damages = True
        with pytest.raises(ModelUnavailable, match="arrived damaged"):
            hub_client.fetch(CLIP_ID)
        assert weights.cached(CLIP_ID) is None
        hub.damages = False
        hub_client.fetch(CLIP_ID)


class TestRefusals:
    @pytest.mark.parametrize(
        ("refusal", "expected"),
        [
            (Refusal(401, "RepoNotFound"), "shows no model"),
            (Refusal(404, "RepoNotFound"), "shows no model"),
            (Refusal(401, "GatedRepo"), "Accept its terms at"),
            (Refusal(403, "GatedRepo"), "Accept its terms at"),
            (
                Refusal(401, message="Invalid credentials in Authorization header"),
                "does not accept the access token",
            ),
            (Refusal(403), "forbids fetching"),
            (Refusal(429, headers={"Retry-After": "3600"}), "Try again in 3600 s"),
        ],
    )
    def test_each_refusal_has_its_own_advice(self, hub, pauses, refusal, expected):
        hub.refusals = [refusal]
        with pytest.raises(ModelUnavailable, match=expected) as caught:
            hub_client.fetch(CLIP_ID)
        assert "\n" not in str(caught.value)
        assert pauses == []
        assert _weights_asked_for(hub) == []

    def test_a_busy_hub_is_asked_again_when_it_says(self, hub, pauses):
        hub.refusals = [
            Refusal(429, headers={"Retry-After": "7"}),
            Refusal(429, headers={"RateLimit": '"api";r=0;t=55'}),
            Refusal(503),
        ]
        assert hub_client.fetch(CLIP_ID).model == CLIP_ID
        assert pauses == [7.0, 55.0, 4.0]

    def test_a_date_is_a_time_to_wait_for(self, hub, pauses):
        hub.refusals = [Refusal(429, headers={"Retry-After": formatdate(usegmt=True)})]
        hub_client.fetch(CLIP_ID)
        assert len(pauses) == 1
        assert 0 <= pauses[0] < 5

    def test_a_hub_that_stays_busy_is_left_alone(self, hub, pauses):
        hub.refusals = [Refusal(429)] * 100
        with pytest.raises(ModelUnavailable, match=r"HTTP 429.*Try again later"):
            hub_client.fetch(CLIP_ID)
        assert pauses == [1.0, 2.0, 4.0, 8.0]

    def test_a_refusal_on_the_way_is_one_too(self, hub, pauses, tiny):
        """The list of files may come, and the weights be refused."""
        served = hub_client._download

        def refuse_next(*args: Any) -> Path:
            folder = served(*args)
            hub.refusals = [Refusal(403)]
            return folder

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hub_client, "_download", refuse_next)
            with pytest.raises(ModelUnavailable, match="forbids fetching"):
                hub_client.fetch(CLIP_ID)


class TestSpace:
    def test_a_disk_without_room_is_noticed_before_anything_large_comes(self, hub, tiny, monkeypatch):
        class Usage(NamedTuple):
            free: int

        monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(free=200_000))
        with pytest.raises(ModelUnavailable, match="200,000 free") as caught:
            hub_client.fetch(CLIP_ID)
        size = (tiny.clip / "model.safetensors").stat().st_size
        assert f"needs {size:,} bytes more in {constants.HF_HUB_CACHE}" in str(caught.value)
        assert _weights_asked_for(hub) == []

    def test_a_disk_that_becomes_full_is_named(self, hub, monkeypatch):
        def full(*_: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(downloads, "_append", full)
        with pytest.raises(ModelUnavailable, match="became full") as caught:
            hub_client.fetch(CLIP_ID)
        assert constants.HF_HUB_CACHE in str(caught.value)


class TestNothingInVain:
    """What cannot be used is refused before its weights are fetched, which may be gigabytes."""

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (lambda folder: (folder / "tokenizer.json").unlink(), "no a tokenizer"),
            (lambda folder: (folder / "preprocessor_config.json").unlink(), "preprocessor_config.json"),
            (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
            (lambda folder: (folder / "tokenizer.json").write_text("{"), "tokenizer"),
            (lambda folder: _edit(folder / "config.json", model_type="siglip2"), "NaFlex"),
            (lambda folder: _edit(folder / "config.json", text_config={"hidden_size": "big"}), "hidden_size"),
        ],
    )
    def test_a_model_that_cannot_be_used(self, hub, tmp_path, tiny, change, expected):
        folder = Path(shutil.copytree(tiny.clip, tmp_path / "model"))
        for name in ("vocab.json", "merges.txt"):
            (folder / name).unlink(missing_ok=True)
        change(folder)
        hub.models["some/model"] = folder
        with pytest.raises(ModelUnavailable, match=expected):
            hub_client.fetch("some/model")
        assert _weights_asked_for(hub) == []

    def test_another_architecture_of_open_clip(self, hub, tmp_path, tiny):
        """As apple/MobileCLIP-S1-OpenCLIP has it."""
        folder = tmp_path / "model"
        folder.mkdir()
        shutil.copy(tiny.clip / "tokenizer.json", folder)
        vision = {"timm_model_name": "fastvit_mci1", "image_size": 256}
        config = {"model_cfg": {"embed_dim": 512, "vision_cfg": vision, "text_cfg": {}}, "preprocess_cfg": {}}
        (folder / "open_clip_config.json").write_text(json.dumps(config))
        (folder / "open_clip_pytorch_model.bin").write_bytes(b"weights")
        hub.models["apple/MobileCLIP-S1-OpenCLIP"] = folder
        for call in (resolve_models, hub_client.fetch):
            with pytest.raises(ModelUnavailable, match="timm's fastvit_mci1") as caught:
                call("apple/MobileCLIP-S1-OpenCLIP")
            assert "\n" not in str(caught.value)
        assert _weights_asked_for(hub) == []

    def test_a_vocabulary_that_the_hub_has_as_spiece_model_alone(self, hub, tmp_path, tiny, tiny_siglip):
        """As google/siglip-so400m-patch14-224 has it."""
        folder = Path(shutil.copytree(tiny.siglip, tmp_path / "model"))
        (folder / "tokenizer.json").unlink()
        hub.models["google/siglip-so400m-patch14-224"] = folder
        embedder = load_embedder("google/siglip-so400m-patch14-224", device=CPU)
        np.testing.assert_allclose(embedder.embed_texts(TEXTS), tiny_siglip.embed_texts(TEXTS), atol=1e-6)


def _pickled(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def _half(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    save_file({name: weight.half() for name, weight in state.items()}, folder / "model.safetensors")


def _sharded(suffix: str) -> Callable[[Path], None]:
    def split(folder: Path) -> None:
        state = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        whole = "model.safetensors" if suffix == "safetensors" else "pytorch_model.bin"
        stem = whole.partition(".")[0]
        weight_map: dict[str, str] = {}
        for index, names in enumerate((sorted(state)[::2], sorted(state)[1::2]), start=1):
            shard = f"{stem}-0000{index}-of-00002.{suffix}"
            part = {name: state[name].contiguous() for name in names}
            if suffix == "safetensors":
                save_file(part, folder / shard)
            else:
                torch.save(part, folder / shard)
            weight_map |= dict.fromkeys(names, shard)
        (folder / f"{whole}.index.json").write_text(json.dumps({"weight_map": weight_map}))

    return split


@pytest.mark.parametrize(
    ("change", "least_cosine"),
    [(_pickled, 0.999999), (_half, 0.9999), (_sharded("safetensors"), 0.999999), (_sharded("bin"), 0.999999)],
    ids=["pickled", "fp16", "sharded", "sharded and pickled"],
)
@pytest.mark.parametrize("door", ["hub", "folder"])
def test_every_form_of_weights_is_the_same_model(hub, tmp_path, tiny, tiny_clip, change, least_cosine, door):
    folder = Path(shutil.copytree(tiny.clip, tmp_path / "model"))
    change(folder)
    hub.models["some/model"] = folder
    embedder = load_embedder("some/model" if door == "hub" else str(folder), device=CPU)
    images = pictures(4)
    cosines = [
        np.sum(embedder.embed_images(images) * tiny_clip.embed_images(images), axis=1),
        np.sum(embedder.embed_texts(TEXTS) * tiny_clip.embed_texts(TEXTS), axis=1),
    ]
    assert np.min(cosines) >= least_cosine


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ("not json", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "not a JSON object"),
        ("{}", "no weight_map"),
        ('{"weight_map": []}', "no weight_map"),
        ('{"weight_map": {"a": "../clip/model.safetensors"}}', "beside it"),
        ('{"weight_map": {"a": "/etc/passwd"}}', "beside it"),
        ('{"weight_map": {"a": "config.json"}}', "beside it"),
        ('{"weight_map": {"a": 7}}', "beside it"),
        ('{"weight_map": {"a": ".."}}', "beside it"),
        ('{"weight_map": {"a": "model-1.safetensors"}}', "lacks weights"),
    ],
)
@pytest.mark.parametrize("door", ["hub", "folder"])
def test_a_broken_index_of_shards_is_one_line(hub, tmp_path, tiny, index, expected, door):
    folder = Path(shutil.copytree(tiny.clip, tmp_path / "model"))
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(index)
    hub.models["some/model"] = folder
    if door == "hub":
        expected = expected.replace("lacks weights", "no weights")
    with pytest.raises(ModelUnavailable, match=expected) as caught:
        load_embedder("some/model" if door == "hub" else str(folder), device=CPU)
    assert "\n" not in str(caught.value)


def _edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
