"""Token ids as the reference tokenizers make them, from every kind of file that repositories hold."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import BertTokenizer, CLIPTokenizer, SiglipTokenizer

from tests import tiny_models
from tests.models.texts import many_texts
from vidsearch.errors import ModelUnavailable
from vidsearch.models.checkpoints import check_readable, read_config
from vidsearch.models.text_onnx import OnnxTextEncoder, read_card, tower_folder
from vidsearch.models.tokens import TokenRules, load_tokenizer, read_tokenizer
from vidsearch.models.weights import Checkpoint
from vidsearch.types import EmbeddingSpace


def _ids(folder: Path, *, max_tokens: int, pad_to_max: bool) -> list[list[int]]:
    checkpoint = Checkpoint("test", folder)
    tokenizer = load_tokenizer(checkpoint, TokenRules(max_tokens, pad_to_max), read_config(checkpoint))
    return [tokenizer.encode(text).ids for text in many_texts()]


def _without(source: Path, target: Path, *names: str) -> Path:
    folder = Path(shutil.copytree(source, target / "copy"))
    for name in names:
        (folder / name).unlink()
    return folder


@pytest.mark.parametrize("lost", [(), ("spiece.model",), ("tokenizer.json",), ("tokenizer_config.json",)])
def test_siglip_reads_and_pads_as_published(tmp_path, tiny, lost):
    """Guards against padding with <pad>, which SigLIP never saw, and against </s> matching every letter s."""
    reference = SiglipTokenizer(str(tiny.siglip / "spiece.model"))
    expected = reference(many_texts(), padding="max_length", truncation=True, max_length=16).input_ids
    assert _ids(_without(tiny.siglip, tmp_path, *lost), max_tokens=16, pad_to_max=True) == expected


def test_a_vocabulary_of_many_languages_falls_back_to_bytes(tmp_path, tiny):
    folder = _without(tiny.siglip, tmp_path, "tokenizer.json")
    tiny_models.save_siglip_tokenizer(folder, byte_fallback=True, vocab_size=450)
    (folder / "tokenizer.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["vocab_size"] = 450
    (folder / "config.json").write_text(json.dumps(config))
    reference = SiglipTokenizer(str(folder / "spiece.model"))
    expected = reference(many_texts(), padding="max_length", truncation=True, max_length=16).input_ids
    assert _ids(folder, max_tokens=16, pad_to_max=True) == expected


@pytest.mark.parametrize("is_older", [False, True])
def test_clip_reads_as_published(tmp_path, tiny, is_older):
    """Older repositories hold vocab.json and merges.txt alone."""
    folder = Path(shutil.copytree(tiny.clip, tmp_path / "copy"))
    reference = CLIPTokenizer.from_pretrained(folder)
    if is_older:
        model = json.loads((folder / "tokenizer.json").read_text())["model"]
        (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
        merges = [" ".join(merge) for merge in model["merges"]]
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
        (folder / "tokenizer.json").unlink()
    expected = [reference(text, truncation=True, max_length=20).input_ids for text in many_texts()]
    assert _ids(folder, max_tokens=20, pad_to_max=False) == expected


def test_blip_reads_a_plain_vocabulary(tmp_path, tiny):
    """As the oldest repositories have it: one word a line, and no [DEC] or [ENC]."""
    folder = _without(tiny.blip_retrieval, tmp_path, "tokenizer.json")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *tiny_models.WORDS]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    reference = BertTokenizer(str(folder / "vocab.txt"))
    expected = [reference(text, truncation=True, max_length=35).input_ids for text in many_texts()]
    assert _ids(folder, max_tokens=35, pad_to_max=False) == expected


def _junk(name: str, content: str | bytes) -> Any:
    data = content if isinstance(content, bytes) else content.encode()
    return pytest.param(name, data, id=f"{name} {data[:20]!r}")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        _junk("tokenizer.json", ""),
        _junk("tokenizer.json", "{}"),
        _junk("tokenizer.json", "[" * 100_000),
        _junk("tokenizer.json", b"\xff\xfe\x00"),
        _junk("tokenizer.json", '{"version": "1.0", "model": {"type": "Unigram", "vocab": []}}'),
        _junk("tokenizer_config.json", "[1]"),
        _junk("tokenizer_config.json", "not json"),
        _junk("spiece.model", b"\x0a\xff\xff\xff"),
        _junk("spiece.model", b""),
    ],
)
def test_a_junk_tokenizer_is_one_line(tmp_path, tiny, name, content):
    folder = Path(shutil.copytree(tiny.siglip, tmp_path / "copy"))
    if name == "spiece.model":
        (folder / "tokenizer.json").unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(ModelUnavailable) as caught:
        check_readable(Checkpoint("test", folder))
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_another_models_tokenizer_is_refused(tmp_path, tiny):
    """Its ids would read past the end of the embeddings, or mean other words."""
    folder = Path(shutil.copytree(tiny.clip, tmp_path / "copy"))
    shutil.copy(tiny.siglip / "tokenizer.json", folder)
    with pytest.raises(ModelUnavailable, match="do not fit each other"):
        check_readable(Checkpoint("test", folder))
    config = json.loads((tiny.clip / "config.json").read_text())
    config["text_config"]["vocab_size"] = 50
    shutil.copy(tiny.clip / "tokenizer.json", folder)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelUnavailable, match="embeddings for 50"):
        check_readable(Checkpoint("test", folder))


def test_a_wrong_end_token_is_refused(tmp_path, tiny):
    """CLIP pools where the end token is: without it, at the start, where every text is the same."""
    folder = Path(shutil.copytree(tiny.clip, tmp_path / "copy"))
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["eos_token_id"] = 17
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelUnavailable, match="at the token 17"):
        check_readable(Checkpoint("test", folder))


def test_json_that_is_nested_too_deeply_is_one_line(tmp_path, monkeypatch):
    """Guards against a RecursionError out of a file that somebody made."""
    deep = "[" * 100_000 + "]" * 100_000
    (tmp_path / "vocab.json").write_text(deep)
    (tmp_path / "merges.txt").write_text("")
    with pytest.raises(ModelUnavailable, match="nested too deeply"):
        read_tokenizer(tmp_path)
    monkeypatch.setenv("VIDSEARCH_CACHE", str(tmp_path / "cache"))
    space = EmbeddingSpace("made up", "1", "none", 4)
    tower_folder(space).mkdir(parents=True)
    (tower_folder(space) / "tower.json").write_text(deep)
    assert read_card(space) is None
    with pytest.raises(ModelUnavailable, match="is damaged"):
        OnnxTextEncoder(tower_folder(space))
