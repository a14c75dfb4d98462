"""Florence-2, SmolVLM2 and Qwen3-VL at their published sizes, with random weights in the published layout,
against the reference classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, BartTokenizer, PreTrainedTokenizerFast
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from tests.models.conftest import CPU
from tests.models.contract import clips, pictures
from tests.models.published import BASE, save_weights, trained_bytes, write_json
from tests.models.texts import many_texts
from vidsearch.models import florence
from vidsearch.models.protocols import TimedImage
from vidsearch.models.registry import load_captioner, load_describer

pytestmark = pytest.mark.slow

REQUEST = "Say what happens."


def _compare_ids(name: str, ours: Tokenizer, reference: Any) -> None:
    texts = many_texts()
    expected = [reference(text, add_special_tokens=False).input_ids for text in texts]
    encoded = [ours.encode(text, add_special_tokens=False).ids for text in texts]
    num_equal = sum(first == second for first, second in zip(encoded, expected, strict=True))
    print(f"\n{name}: token ids {num_equal} of {len(texts)}", end=", ")
    assert num_equal == len(texts)


FLORENCE = {
    "florence-community/Florence-2-base": (
        {
            **{f"{part}_layers": 6 for part in ("encoder", "decoder")},
            **{f"{part}_attention_heads": 12 for part in ("encoder", "decoder")},
            **{f"{part}_ffn_dim": 3072 for part in ("encoder", "decoder")},
            "d_model": 768,
        },
        {"embed_dim": [128, 256, 512, 1024], "num_heads": [4, 8, 16, 32], "num_groups": [4, 8, 16, 32]},
    ),
    "florence-community/Florence-2-large": (
        {
            **{f"{part}_layers": 12 for part in ("encoder", "decoder")},
            **{f"{part}_attention_heads": 16 for part in ("encoder", "decoder")},
            **{f"{part}_ffn_dim": 4096 for part in ("encoder", "decoder")},
            "d_model": 1024,
        },
        {"embed_dim": [256, 512, 1024, 2048], "num_heads": [8, 16, 32, 64], "num_groups": [8, 16, 32, 64]},
    ),
}


@pytest.mark.parametrize("name", FLORENCE)
def test_florence(tmp_path, monkeypatch, name):
    """Saved in fp16, as published. Random weights end no caption, so that it is cut short.

    They also leave words nearly tied, so that a difference of 5e-7 in a pixel decides between them. Pixels
    are therefore compared by themselves, and both models caption the same ones.
    """
    monkeypatch.setattr(florence, "_MAX_NEW_TOKENS", 24)
    text, vision = FLORENCE[name]
    vocab, merges = trained_bytes(50_264, ["<s>", "<pad>", "</s>", "<unk>"])
    added = ["<mask>", *(f"<loc_{number}>" for number in range(1000)), *(f"<task_{i}>" for i in range(24))]
    vocab |= {token: 50_264 + number for number, token in enumerate(added)}
    tokenizer = BartTokenizer(vocab=vocab, merges=merges, extra_special_tokens={"image_token": "<image>"})
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in added[1:]])
    assert tokenizer.convert_tokens_to_ids("<image>") == 51_289
    tokenizer.save_pretrained(tmp_path)
    config = transformers.Florence2Config(
        text_config={
            **text,
            "model_type": "bart",
            "vocab_size": 51_328,
            "max_position_embeddings": 1024,
            "tie_word_embeddings": True,
        },
        vision_config={
            **vision,
            "depths": [1, 1, 9, 1],
            "window_size": 12,
            "projection_dim": text["d_model"],
            "max_position_embeddings": 50,
            "max_temporal_embeddings": 100,
        },
        image_token_id=51_289,
    )
    torch.manual_seed(0)
    reference: Any = transformers.Florence2ForConditionalGeneration(config).eval()
    with torch.no_grad():
        for weight in reference.parameters():
            if weight.ndim > 1:
                weight.normal_(std=1.5 / np.prod(weight.shape[1:]) ** 0.5)  # so that captions differ
    reference.generation_config.update(
        num_beams=3, early_stopping=True, no_repeat_ngram_size=3, forced_bos_token_id=0, forced_eos_token_id=2
    )
    save_weights(reference, tmp_path, "fp16")
    side = {"height": 768, "width": 768}
    settings = {
        "crop_size": side,
        "do_center_crop": False,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "resample": 3,
        "size": side,
    }
    kind = {"image_processor_type": "CLIPImageProcessor", "image_seq_length": 577}
    write_json(tmp_path / "preprocessor_config.json", {**settings, **kind})
    del reference
    some = pictures(2)
    captioner: Any = load_captioner(str(tmp_path), device=CPU, batch_size=1)
    _compare_ids(name, captioner.tokenizer, tokenizer)
    captions = captioner.captions(some)
    read = captioner._runner.pixels(some)
    del captioner
    reference = transformers.Florence2ForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float32)
    pixels = CLIPImageProcessorPil(**settings)(
        some, return_tensors="pt", input_data_format="channels_last"
    ).pixel_values
    assert torch.allclose(read, pixels, rtol=0, atol=1e-5)
    asked = tokenizer(
        "<image>" * 577 + tokenizer.bos_token + "What does the image describe?" + tokenizer.eos_token,
        return_tensors="pt",
        add_special_tokens=False,
    ).input_ids
    with torch.no_grad():
        ids = [
            reference.generate(
                input_ids=asked,
                attention_mask=torch.ones_like(asked),
                pixel_values=read[place : place + 1],
                max_new_tokens=24,
                do_sample=False,
            )[0]
            for place in range(len(some))
        ]
    expected = [tokenizer.decode(row, skip_special_tokens=True).strip() for row in ids]
    print(f"captions of {[len(caption.tokens) for caption in captions]} tokens")
    assert [caption.raw_text for caption in captions] == expected
    assert len(set(expected)) == len(expected)


def _in_chat(vocab: dict[str, int], merges: list[tuple[str, str]], *, digits: bool) -> Tokenizer:
    """A byte-level tokenizer of chats: SmolLM2's parts off each digit, Qwen's composes letters first."""
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    if digits:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    else:
        pattern = (
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
            r"|\s*[\r\n]+|\s+(?!\S)|\s+"
        )
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _add(tokenizer: Tokenizer, tokens: list[str]) -> None:
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in tokens])


def _liven(model: Any, factor: float) -> None:
    """Give a model weights by which what it says depends on the frames."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(std=factor / np.prod(weight.shape[1:]) ** 0.5)


def _smolvlm_tokenizer(folder: Path) -> Any:
    first = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *(f"<reserved_{i}>" for i in range(14))]
    vocab, merges = trained_bytes(49_152, first)
    tokenizer = _in_chat(vocab, merges, digits=True)
    rows = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    reserved = [f"<|reserved_special_token_{number}|>" for number in range(88)]
    _add(tokenizer, [*first, "<global-img>", *rows, "<fake_token_around_image>", "<image>"])
    _add(tokenizer, [*reserved, "<end_of_utterance>"])
    assert tokenizer.token_to_id("<image>") == 49_190
    assert tokenizer.token_to_id("<end_of_utterance>") == 49_279
    named = {"bos_token": "<|im_start|>", "eos_token": "<end_of_utterance>", "pad_token": "<|im_end|>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def test_smolvlm(tmp_path):
    """HuggingFaceTB/SmolVLM2-500M-Video-Instruct."""
    tokenizer = _smolvlm_tokenizer(tmp_path)
    text = {
        "model_type": "llama",
        "hidden_size": 960,
        "intermediate_size": 2560,
        "num_hidden_layers": 32,
        "num_attention_heads": 15,
        "num_key_value_heads": 5,
        "head_dim": 64,
        "vocab_size": 49_280,
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5,
        "pad_token_id": 2,
    }
    vision = {**BASE, "image_size": 512, "patch_size": 16}
    own = {"scale_factor": 4, "image_token_id": 49_190, "pad_token_id": 2, "tie_word_embeddings": False}
    config = transformers.SmolVLMConfig(
        text_config={**text, "rope_parameters": {"rope_theta": 100_000, "rope_type": "default"}},
        vision_config=vision,
        **own,
    )
    reference: Any = transformers.SmolVLMForConditionalGeneration(config).eval()
    _liven(reference, 1.2)
    save_weights(reference, tmp_path)
    # As published, before transformers 5.
    old = {
        "architectures": ["SmolVLMForConditionalGeneration"],
        "model_type": "smolvlm",
        "text_config": {**text, "rope_theta": 100_000, "rope_scaling": None, "torch_dtype": "bfloat16"},
        "vision_config": {**vision, "model_type": "smolvlm_vision", "max_image_size": {"longest_edge": 512}},
        "torch_dtype": "float32",
        **own,
    }
    write_json(tmp_path / "config.json", old)
    settings = {
        "do_image_splitting": True,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "max_image_size": {"longest_edge": 512},
        "size": {"longest_edge": 2048},
        "resample": 1,
    }
    sampling = {"fps": 1, "max_frames": 64, "video_size": {"longest_edge": 2048}}
    write_json(tmp_path / "preprocessor_config.json", {**settings, "video_sampling": sampling})
    (clip,) = clips(1, 2)
    shown = [TimedImage(5.0 * number, frame[:, :40]) for number, frame in enumerate(clip)]
    place = f"<fake_token_around_image><global-img>{'<image>' * 64}<fake_token_around_image>"
    asked = tokenizer(
        "<|im_start|>User: You are provided the following series of two frames from a 0:00:10 [H:MM:SS] "
        f"video.\n\nFrame from 00:00:{place}\nFrame from 00:05:{place}\n\n{REQUEST}<end_of_utterance>\n"
        "Assistant:",
        return_tensors="pt",
        add_special_tokens=False,
    )
    prepare = SmolVLMImageProcessorPil(**{**settings, "do_image_splitting": False})
    seen = prepare([[frame.image for frame in shown]], return_tensors="pt")
    assert seen["pixel_values"].shape == (1, 2, 3, 512, 512)
    with torch.no_grad():
        written = reference.generate(
            **asked, **seen, max_new_tokens=10, do_sample=False, eos_token_id=tokenizer.eos_token_id
        )
    new = written[0, asked.input_ids.shape[1] :].tolist()
    del reference
    describer: Any = load_describer(str(tmp_path), device=CPU)
    _compare_ids("HuggingFaceTB/SmolVLM2-500M-Video-Instruct", describer.tokenizer, tokenizer)
    said = describer.describe(shown, duration_seconds=10.0, request=REQUEST, max_words=4)
    print(f"{len(said.tokens)} tokens of a description")
    assert list(said.tokens) == tokenizer.convert_ids_to_tokens(new)
    assert said.raw_text == tokenizer.decode(new, skip_special_tokens=True).strip()


QWEN_TEXT = {
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151_936,
    "max_position_embeddings": 262_144,
}
QWEN_VISION = {
    "depth": 24,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "out_hidden_size": 2048,
    "deepstack_visual_indexes": [5, 11, 17],
}


def _qwen_tokenizer(folder: Path) -> Any:
    vocab, merges = trained_bytes(151_643)
    tokenizer = _in_chat(vocab, merges, digits=False)
    begun = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    spans = [f"<|{part}_{end}|>" for part in ("object_ref", "box", "quad") for end in ("start", "end")]
    vision = ["<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
    _add(tokenizer, [*begun, *spans, *vision, *(f"<reserved_{number}>" for number in range(12))])
    assert tokenizer.token_to_id("<|video_pad|>") == 151_656
    named = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def test_qwen_vl(tmp_path):
    """Qwen/Qwen3-VL-2B-Instruct, with frames of whole tokens, which nothing scales."""
    tokenizer = _qwen_tokenizer(tmp_path)
    rope = {"mrope_interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default"}
    own = {
        "image_token_id": 151_655,
        "video_token_id": 151_656,
        "vision_start_token_id": 151_652,
        "vision_end_token_id": 151_653,
        "tie_word_embeddings": True,
    }
    config = transformers.Qwen3VLConfig(
        text_config={**QWEN_TEXT, "rope_parameters": {**rope, "rope_theta": 5_000_000}},
        vision_config=QWEN_VISION,
        **own,
    )
    reference: Any = transformers.Qwen3VLForConditionalGeneration(config).eval()
    _liven(reference, 1.2)
    reference.bfloat16()
    save_weights(reference, tmp_path)
    reference.float()
    # As published, before transformers 5.
    old = {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "model_type": "qwen3_vl",
        "text_config": {
            **QWEN_TEXT,
            "model_type": "qwen3_vl_text",
            "dtype": "bfloat16",
            "rope_scaling": rope,
            "rope_theta": 5_000_000,
            "tie_word_embeddings": True,
        },
        "vision_config": {**QWEN_VISION, "model_type": "qwen3_vl"},
        **own,
    }
    write_json(tmp_path / "config.json", old)
    patches = {"patch_size": 16, "temporal_patch_size": 2, "merge_size": 2}
    rest = {**patches, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    for kind, size in (("preprocessor", 16_777_216), ("video_preprocessor", 25_165_824)):
        edges = {"longest_edge": size, "shortest_edge": 4096 if "video" in kind else 65_536}
        write_json(tmp_path / f"{kind}_config.json", {**rest, "size": edges})
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (96, 160, 3), dtype=np.uint8) for _ in range(3)]
    shown = [TimedImage(5.0 * number, image) for number, image in enumerate(images)]
    frames = f"<|vision_start|>{'<|video_pad|>' * 15}<|vision_end|>"
    asked = tokenizer(
        f"<|im_start|>user\n<2.5 seconds>{frames}<10.0 seconds>{frames}{REQUEST}<|im_end|>\n"
        "<|im_start|>assistant\n",
        return_tensors="pt",
        add_special_tokens=False,
    )
    stacked = torch.from_numpy(np.stack([*images, images[-1]])).permute(0, 3, 1, 2).float() / 127.5 - 1
    # Two frames; three by five tokens of two by two patches; and the numbers of each patch.
    cut = stacked.reshape(2, 2, 3, 3, 2, 16, 5, 2, 16).permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(120, -1)
    with torch.no_grad():
        written = reference.generate(
            **asked,
            pixel_values_videos=cut,
            video_grid_thw=torch.tensor([[2, 6, 10]]),
            mm_token_type_ids=(asked.input_ids == 151_656) * 2,
            max_new_tokens=10,
            do_sample=False,
            eos_token_id=tokenizer.eos_token_id,
        )
    new = written[0, asked.input_ids.shape[1] :].tolist()
    del reference
    describer: Any = load_describer(str(tmp_path), device=CPU)
    _compare_ids("Qwen/Qwen3-VL-2B-Instruct", describer.tokenizer, tokenizer)
    said = describer.describe(shown, duration_seconds=15.0, request=REQUEST, max_words=4)
    print(f"{len(said.tokens)} tokens of a description")
    assert list(said.tokens) == tokenizer.convert_ids_to_tokens(new)
    assert said.raw_text == tokenizer.decode(new, skip_special_tokens=True).strip()
