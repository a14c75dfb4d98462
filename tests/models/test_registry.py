"""Names, choices and fetching: the real hub client against a hub on this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants

from tests.models.conftest import CLIP_ID, CPU
from tests.models.contract import TEXTS
from vidsearch.errors import ModelUnavailable
from vidsearch.models import hub as hub_client
from vidsearch.models import weights
from vidsearch.models.registry import (
    known_models,
    load_captioner,
    load_embedder,
    load_text_encoder,
    pull_model,
    resolve_models,
    uses_torch,
    where_is,
)
from vidsearch.models.text_onnx import tower_folder
from vidsearch.types import LibraryModels


class TestChoosing:
    @pytest.mark.parametrize(
        ("name", "embedder", "expected"),
        [
            ("mini", None, LibraryModels(("mini",), "mini")),
            ("clip,blip", None, LibraryModels(("clip",), "blip")),
            ("blip,clip", None, LibraryModels(("clip",), "blip")),
            (" clip , blip ", None, LibraryModels(("clip",), "blip")),
            ("blip", None, LibraryModels(("blip",), "blip")),
            ("clip", None, LibraryModels(("clip",), None)),
            ("clip-openai,mini", None, LibraryModels(("clip-openai",), "mini")),
            ("clip,siglip,blip-large", None, LibraryModels(("clip", "siglip"), "blip-large")),
            ("blip", "clip,blip", LibraryModels(("clip", "blip"), "blip")),
            ("blip-large", "siglip2", LibraryModels(("siglip2",), "blip-large")),
            ("clip,blip,xclip,clap", None, LibraryModels(("clip",), "blip", ("xclip",), ("clap",))),
            ("xclip,mini", None, LibraryModels(("mini",), "mini", ("xclip",))),
            ("clap", "clip", LibraryModels(("clip",), None, (), ("clap",))),
        ],
    )
    def test_names_mean_models(self, no_hub, name, embedder, expected):
        assert resolve_models(name, embedder=embedder).models == expected

    @pytest.mark.parametrize(
        ("name", "embedder", "reason"),
        [
            ("no-such-model", None, "no model 'no-such-model'"),
            ("blip-large", None, "embeds no single frames"),
            ("blip,mini", None, "one captioner"),
            ("", None, "No model is named"),
            ("mini", ",", "No model is named"),
            ("mini", "blip-large", "blip-large is no embedder"),
            ("xclip", None, "embeds no single frames to search by"),
            ("clip,smolvlm", None, "recaption VIDEO --captioner smolvlm"),
            ("./no/such/folder", None, "is not a folder"),
            ("../../etc/passwd", None, "is not a folder"),
        ],
    )
    def test_names_without_a_meaning_are_errors(self, no_hub, name, embedder, reason):
        with pytest.raises(ModelUnavailable, match=reason):
            resolve_models(name, embedder=embedder)

    def test_folders_are_read_and_made_absolute(self, no_hub, tiny, monkeypatch):
        """Guards against a library that remembers a path which means nothing from another folder."""
        monkeypatch.chdir(tiny.clip.parent)
        chosen = resolve_models("./clip,./blip-captioner").models
        assert chosen == LibraryModels((str(tiny.clip),), str(tiny.blip_captioner))

    def test_a_folder_does_not_take_a_models_name(self, no_hub, tiny, tmp_path, monkeypatch):
        """`--models clip,mini` means the same in every working folder."""
        shutil.copytree(tiny.siglip, tmp_path / "clip")
        shutil.copytree(tiny.siglip, tmp_path / "mini")
        monkeypatch.chdir(tmp_path)
        assert resolve_models("clip,mini").models == LibraryModels(("clip",), "mini")
        with pytest.raises(ModelUnavailable, match=CLIP_ID):
            load_embedder("clip", device=CPU)
        assert resolve_models("./clip").models == LibraryModels((str(tmp_path / "clip"),), None)

    @pytest.mark.parametrize(
        "name", ["x" * 5000, "a/" + "y" * 5000, "~nobody-of-this-name/model", "nul\0", "."]
    )
    def test_names_that_no_file_system_takes_are_one_line(self, no_hub, name):
        with pytest.raises(ModelUnavailable):
            resolve_models(name)

    def test_a_model_without_captions_says_so(self, no_hub):
        assert "no captions" in str(resolve_models("clip").reason)
        assert resolve_models("clip,blip").reason is None

    def test_auto_without_a_hub_is_mini_and_says_why(self, no_hub):
        choice = resolve_models("auto")
        assert choice.models == LibraryModels(("mini",), "mini")
        assert "not on this machine" in str(choice.reason)
        assert "\n" not in str(choice.reason)

    def test_auto_with_a_hub_is_clip_and_blip(self, hub):
        choice = resolve_models("auto")
        assert choice.models == LibraryModels(("clip",), "blip")
        assert CLIP_ID in str(choice.reason)

    def test_auto_with_a_full_cache_needs_no_hub(self, hub, monkeypatch):
        for name in ("clip", "blip"):
            pull_model(name, show_progress=False)
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        choice = resolve_models("auto")
        assert choice.models == LibraryModels(("clip",), "blip")
        assert choice.reason is None

    def test_only_mini_needs_no_torch(self):
        assert not uses_torch(["mini", "mini"])
        assert uses_torch(["mini", "blip"])
        assert uses_torch(["clip"])


class TestUnavailable:
    def test_one_error_says_what_was_tried_and_how_to_go_on(self, no_hub):
        started = time.monotonic()
        with pytest.raises(ModelUnavailable) as caught:
            load_embedder("clip", device=CPU)
        text = str(caught.value)
        for part in (
            CLIP_ID,
            constants.HF_HUB_CACHE,
            "http://127.0.0.1:9",
            "vidsearch models pull",
            "name such a folder",
            "--models mini",
        ):
            assert part in text
        assert time.monotonic() - started < 30  # not the minutes that retries with growing waits would take

    def test_offline_mode_is_named(self, no_hub, monkeypatch):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(ModelUnavailable, match="HF_HUB_OFFLINE is set"):
            load_captioner("blip", device=CPU)

    def test_a_model_that_the_hub_does_not_have(self, hub):
        with pytest.raises(ModelUnavailable, match="nobody/nothing"):
            resolve_models("nobody/nothing")

    def test_where_of_a_model_that_is_not_here(self, no_hub):
        with pytest.raises(ModelUnavailable, match="vidsearch models pull clip"):
            where_is("clip")

    @pytest.mark.parametrize(
        ("lost", "named"),
        [
            ("config.json", "config.json"),
            ("preprocessor_config.json", "preprocessor_config.json"),
            ("tokenizer.json", "tokenizer"),
            ("model.safetensors", "weights"),
        ],
    )
    def test_a_folder_that_is_not_whole_says_what_it_lacks(self, tmp_path, tiny, lost, named):
        folder = Path(shutil.copytree(tiny.clip, tmp_path / "part"))
        (folder / lost).unlink()
        with pytest.raises(ModelUnavailable, match=named):
            load_embedder(str(folder), device=CPU)

    def test_a_folder_of_links_that_lead_nowhere_says_how_to_copy(self, tmp_path, tiny):
        """As `cp -r` makes of a folder of the hub's cache."""
        folder = tmp_path / "copied"
        folder.mkdir()
        for path in tiny.clip.iterdir():
            (folder / path.name).symlink_to(f"../../blobs/{path.name}")
        with pytest.raises(ModelUnavailable, match=r"cp -rL"):
            load_embedder(str(folder), device=CPU)

    @pytest.mark.parametrize(
        ("config", "reason"),
        [
            ({"model_type": "bert"}, "'bert' model. Supported are CLIP, .* PE-AV, .* Qwen3-VL in the"),
            ({"model_type": "siglip2"}, "NaFlex"),
            (
                {"model_type": "blip", "architectures": ["BlipForQuestionAnswering"]},
                "neither captions nor embeds",
            ),
        ],
    )
    def test_models_of_other_kinds_are_refused(self, tmp_path, tiny, config, reason):
        folder = Path(shutil.copytree(tiny.clip, tmp_path / "other"))
        (folder / "config.json").write_text(json.dumps(config))
        with pytest.raises(ModelUnavailable, match=reason):
            load_embedder(str(folder), device=CPU)


class TestSpaces:
    def test_the_hubs_cache_and_a_copy_have_one_digest(self, hub, tmp_path):
        """In the cache the digest is read off a file name; a copy is hashed. Both must say the same."""
        cached = hub_client.fetch(CLIP_ID)
        copy = Path(shutil.copytree(cached.folder, tmp_path / "copy"))
        assert weights.from_folder(copy).digest() == cached.digest()
        assert weights.from_folder(cached.folder).model == CLIP_ID

    def test_other_weights_or_another_meaning_are_another_space(self, tmp_path, tiny):
        copy = Path(shutil.copytree(tiny.clip, tmp_path / "clip"))
        before = weights.from_folder(copy).digest()
        assert before == weights.from_folder(tiny.clip).digest()
        config = json.loads((copy / "config.json").read_text())
        config["text_config"]["hidden_act"] = "quick_gelu"
        (copy / "config.json").write_text(json.dumps(config))
        changed = weights.from_folder(copy).digest()
        content = bytearray((copy / "model.safetensors").read_bytes())
        content[-1] ^= 1
        (copy / "model.safetensors").write_bytes(content)
        assert len({before, changed, weights.from_folder(copy).digest()}) == 3

    def test_a_known_space_is_searched_without_its_weights(self, tmp_path, tiny, monkeypatch):
        """A library made from a folder stays searchable when the folder is gone."""
        folder = Path(shutil.copytree(tiny.siglip, tmp_path / "model"))
        space = load_embedder(str(folder), device=CPU).space
        expected = load_text_encoder(str(folder)).embed_texts(TEXTS)
        shutil.rmtree(folder)
        encoder = load_text_encoder("model", space=space)
        np.testing.assert_array_equal(encoder.embed_texts(TEXTS), expected)

    def test_a_space_finds_its_folder_again(self, tmp_path, tiny):
        """A space names a folder's last part only; the export remembers where the folder was."""
        folder = Path(shutil.copytree(tiny.clip, tmp_path / "mine"))
        first = load_embedder(str(folder), device=CPU)
        assert first.space.model == "mine"
        assert load_embedder("mine", device=CPU, space=first.space).space == first.space

    def test_other_weights_than_the_spaces_are_refused(self, tmp_path, tiny, tiny_clip):
        folder = Path(shutil.copytree(tiny.siglip, tmp_path / "other"))
        asked = type(tiny_clip.space)("other", "0" * 64, "none", 24)
        with pytest.raises(ModelUnavailable, match=r"0000.*others"):
            load_text_encoder(str(folder), space=asked)

    def test_a_damaged_tower_says_what_to_do(self, tmp_path, tiny, monkeypatch):
        monkeypatch.setenv("VIDSEARCH_CACHE", str(tmp_path / "cache"))
        space = load_embedder(str(tiny.clip), device=CPU).space
        (tower_folder(space) / "tower.onnx").write_bytes(b"torn")
        with pytest.raises(ModelUnavailable, match="Delete that folder"):
            load_text_encoder(str(tiny.clip), space=space)


def test_names_are_unique_and_every_model_has_terms():
    entries = known_models()
    assert entries[0].name == "mini"
    assert len({entry.name for entry in entries}) == len(entries)
    assert all(entry.terms and entry.source and entry.size_bytes > 0 for entry in entries)


def test_query_time_imports_no_torch(tiny, tiny_clip):
    """Guards the time of every search: the text tower runs without torch and transformers."""
    program = (
        "import sys\n"
        "import vidsearch.models.registry as registry\n"
        "heavy = {'torch', 'transformers', 'onnxruntime', 'onnx'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        f"encoder = registry.load_text_encoder({str(tiny.clip)!r})\n"
        "encoder.embed_texts(['a dog'])\n"
        "registry.known_models()\n"
        "assert not {'torch', 'transformers', 'onnx'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
