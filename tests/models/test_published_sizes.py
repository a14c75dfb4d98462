"""Embedders and captioners of images at their published sizes, with random weights in the published layout,
against the reference classes.

These and those of the other `test_published_*.py` take minutes and gigabytes: with `-m slow -s`, pytest
prints the figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from tests import tiny_models
from tests.models.conftest import CPU
from tests.models.contract import pictures
from tests.models.published import BASE, LARGE, SMALL, SO400M, SOME, least_cosine, save_weights, write_json
from tests.models.texts import many_texts
from vidsearch.models.registry import load_captioner, load_embedder, load_matcher, load_text_encoder

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Published:
    """A published model's configuration."""

    vision: dict[str, Any]
    text: dict[str, Any]
    dim: int = 512
    form: str = "model.safetensors"
    """model.safetensors, pytorch_model.bin, sharded, or fp16."""


CLIP = {
    "laion/CLIP-ViT-B-32-laion2B-s34B-b79K": Published(
        {**BASE, "hidden_act": "gelu", "image_size": 224, "patch_size": 32}, {**SMALL, "hidden_act": "gelu"}
    ),
    "openai/clip-vit-base-patch32": Published(
        {**BASE, "hidden_act": "quick_gelu", "image_size": 224, "patch_size": 32},
        {**SMALL, "hidden_act": "quick_gelu", "eos_token_id": 2},
        form="pytorch_model.bin",
    ),
    "laion/CLIP-ViT-L-14-laion2B-s32B-b82K": Published(
        {**LARGE, "hidden_act": "gelu", "image_size": 224, "patch_size": 14},
        {**BASE, "hidden_act": "gelu"},
        dim=768,
    ),
    "laion/CLIP-ViT-H-14-laion2B-s32B-b79K": Published(
        {
            "hidden_size": 1280,
            "intermediate_size": 5120,
            "num_attention_heads": 16,
            "num_hidden_layers": 32,
            "hidden_act": "gelu",
            "image_size": 224,
            "patch_size": 14,
        },
        {**LARGE, "hidden_act": "gelu"},
        dim=1024,
        form="sharded",
    ),
}
SIGLIP = {
    "google/siglip-base-patch16-224": Published(BASE, {**BASE, "vocab_size": 32000}, form="fp16"),
    "google/siglip-so400m-patch14-224": Published(
        {**SO400M, "image_size": 224, "patch_size": 14},
        {**SO400M, "vocab_size": 32000, "max_position_embeddings": 16},
    ),
    "google/siglip2-base-patch16-256": Published(
        {**BASE, "image_size": 256, "patch_size": 16}, {**BASE, "vocab_size": 256000}
    ),
    "google/siglip2-large-patch16-384": Published(
        {**LARGE, "image_size": 384, "patch_size": 16}, {**LARGE, "vocab_size": 256000}
    ),
}
BLIP = {
    "Salesforce/blip-image-captioning-base": Published(BASE, {**BASE, "encoder_hidden_size": 768}),
    "Salesforce/blip-image-captioning-large": Published(
        LARGE, {**BASE, "encoder_hidden_size": 1024}, form="pytorch_model.bin"
    ),
}


def _outputs(reference: Any, pixels: Any, ids: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """What the reference makes of all pictures and of some texts. It goes before ours is loaded."""
    with torch.no_grad():
        images = reference.get_image_features(pixel_values=pixels).pooler_output
        some = ids[SOME]
        rows = [reference.get_text_features(input_ids=torch.tensor([row])).pooler_output for row in some]
    return images, torch.cat(rows)


def _compare_embedder(
    name: str, folder: Path, outputs: tuple[torch.Tensor, torch.Tensor], ids: list[list[int]]
) -> None:
    images, rows = outputs
    embedder: Any = load_embedder(str(folder), device=CPU)
    encoder: Any = load_text_encoder(str(folder))
    texts = many_texts()
    encoded = [embedder.tokenizer.encode(text).ids for text in texts]
    num_equal = sum(first == second for first, second in zip(encoded, ids, strict=True))
    image_cosine = least_cosine(embedder.embed_images(pictures(6)), images)
    text_cosine = least_cosine(embedder.embed_texts(texts[SOME]), rows)
    onnx_cosine = least_cosine(encoder.embed_texts(texts[SOME]), rows)
    print(
        f"\n{name}: image cosine {image_cosine:.7f}, text {text_cosine:.7f}, text by ONNX {onnx_cosine:.7f}, "
        f"token ids {num_equal} of {len(texts)}"
    )
    assert min(image_cosine, text_cosine, onnx_cosine) >= 0.9999
    assert num_equal == len(texts)


@pytest.mark.parametrize("name", CLIP)
def test_clip(tmp_path, name):
    published = CLIP[name]
    config = transformers.CLIPConfig(
        text_config={"bos_token_id": 49406, "eos_token_id": 49407, **published.text},
        vision_config=published.vision,
        projection_dim=published.dim,
    )
    torch.manual_seed(0)
    reference = transformers.CLIPModel(config).eval()
    save_weights(reference, tmp_path, published.form)
    tokenizer = tiny_models.clip_tokenizer(size=49408)
    tokenizer.save_pretrained(tmp_path)
    side = published.vision["image_size"]
    settings = {
        "size": side,
        "crop_size": side,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "resample": 3,
    }
    write_json(tmp_path / "preprocessor_config.json", settings)
    if published.form == "fp16":
        reference = transformers.CLIPModel.from_pretrained(tmp_path, dtype=torch.float32).eval()
    pixels = CLIPImageProcessorPil(**settings)(
        pictures(6), return_tensors="pt", input_data_format="channels_last"
    ).pixel_values
    ids = [tokenizer(text, truncation=True, max_length=77).input_ids for text in many_texts()]
    outputs = _outputs(reference, pixels, ids)
    del reference
    _compare_embedder(name, tmp_path, outputs, ids)


def test_metaclip_2(tmp_path):
    """facebook/metaclip-2-worldwide-b32, with as many tokens as XLM-V has."""
    tokenizer = tiny_models.many_language_tokenizer(size=901_629)
    tokenizer.save_pretrained(tmp_path)
    own = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "vocab_size": len(tokenizer)}
    config = transformers.MetaClip2Config(
        text_config={**SMALL, **own, "hidden_act": "gelu"},
        vision_config={**BASE, "patch_size": 32, "image_size": 224, "hidden_act": "gelu"},
        projection_dim=512,
    )
    torch.manual_seed(0)
    reference = transformers.MetaClip2Model(config).eval()
    save_weights(reference, tmp_path)
    side = {"height": 224, "width": 224}
    settings = {"size": side, "crop_size": side, "resample": 3, "image_processor_type": "CLIPImageProcessor"}
    write_json(tmp_path / "preprocessor_config.json", settings)
    pixels = CLIPImageProcessorPil(**settings)(
        pictures(6), return_tensors="pt", input_data_format="channels_last"
    ).pixel_values
    ids = [tokenizer(text, truncation=True, max_length=77).input_ids for text in many_texts()]
    outputs = _outputs(reference, pixels, ids)
    del reference
    _compare_embedder("facebook/metaclip-2-worldwide-b32", tmp_path, outputs, ids)


@pytest.mark.parametrize("name", SIGLIP)
def test_siglip(tmp_path, name):
    published = SIGLIP[name]
    torch.manual_seed(0)
    config = transformers.SiglipConfig(text_config=published.text, vision_config=published.vision)
    reference = transformers.SiglipModel(config).eval()
    save_weights(reference, tmp_path, published.form)
    if published.form == "fp16":
        reference = transformers.SiglipModel.from_pretrained(tmp_path, dtype=torch.float32).eval()
    side = published.vision.get("image_size", 224)
    half = [0.5, 0.5, 0.5]
    settings = {"size": {"height": side, "width": side}, "image_mean": half, "image_std": half, "resample": 3}
    write_json(tmp_path / "preprocessor_config.json", settings)
    length = published.text.get("max_position_embeddings", 64)
    tokenizer: Any
    if "siglip2" in name:
        tokenizer = tiny_models.save_siglip2_tokenizer(tmp_path)
    else:
        tiny_models.save_siglip_tokenizer(tmp_path)
        if "so400m" in name:
            (tmp_path / "tokenizer.json").unlink()
        tokenizer = transformers.SiglipTokenizer(str(tmp_path / "spiece.model"))
    ids = tokenizer(many_texts(), padding="max_length", truncation=True, max_length=length).input_ids
    pixels = SiglipImageProcessorPil(**settings)(
        pictures(6), return_tensors="pt", input_data_format="channels_last"
    ).pixel_values
    outputs = _outputs(reference, pixels, ids)
    del reference
    _compare_embedder(name, tmp_path, outputs, ids)


def _blip_files(folder: Path) -> tuple[Any, torch.Tensor]:
    """Write BLIP's tokenizer and preprocessor. Returns the tokenizer, and the pixels of six pictures."""
    specials = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103}
    vocab = {f"[unused{index}]": index for index in range(30522) if index not in specials.values()}
    for index, word in enumerate([*tiny_models.WORDS, *"abcdefghijklmnopqrstuvwxyz.,!?'"]):
        del vocab[f"[unused{1000 + index}]"]
        vocab[word] = 1000 + index
    words = sorted({**vocab, **specials}.items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("\n".join(word for word, _ in words))
    settings = {"size": {"height": 384, "width": 384}, "resample": 3}
    write_json(folder / "preprocessor_config.json", settings)
    pixels = BlipImageProcessorPil(**settings)(
        pictures(6), return_tensors="pt", input_data_format="channels_last"
    ).pixel_values
    return transformers.BertTokenizer(str(folder / "vocab.txt")), pixels


def _blip_config(published: Published) -> Any:
    return transformers.BlipConfig(
        text_config={**published.text, "initializer_range": 0.05},
        vision_config={**published.vision, "initializer_range": 0.02},
    )


def test_blip_for_retrieval(tmp_path):
    torch.manual_seed(0)
    reference = transformers.BlipForImageTextRetrieval(_blip_config(next(iter(BLIP.values())))).eval()
    save_weights(reference, tmp_path, "pytorch_model.bin")
    tokenizer, pixels = _blip_files(tmp_path)
    texts = many_texts()
    embedder: Any = load_embedder(str(tmp_path), device=CPU)
    matcher = load_matcher(str(tmp_path), device=CPU)
    ids = [tokenizer(text, truncation=True, max_length=35).input_ids for text in texts]
    assert [embedder.tokenizer.encode(text).ids for text in texts] == ids
    with torch.no_grad():
        images = reference.vision_model(pixels).last_hidden_state
        image_cosine = least_cosine(embedder.embed_images(pictures(6)), reference.vision_proj(images[:, 0]))
        rows = [reference.text_encoder(torch.tensor([row])).last_hidden_state[:, 0] for row in ids[SOME]]
        text_cosine = least_cosine(embedder.embed_texts(texts[SOME]), reference.text_proj(torch.cat(rows)))
        differences = []
        for row, text in list(zip(ids, texts, strict=True))[::40]:
            pair = torch.tensor([[30523, *row[1:]]]).expand(6, -1)
            logits = reference(
                input_ids=pair, pixel_values=pixels, attention_mask=torch.ones_like(pair)
            ).itm_score
            expected = torch.softmax(logits, dim=-1)[:, 1].numpy()
            differences.append(np.abs(matcher.match_scores(pictures(6), text) - expected).max())
    print(
        f"\nSalesforce/blip-itm-base-coco: image cosine {image_cosine:.7f}, text {text_cosine:.7f}, matching "
        f"probability within {max(differences):.1e}, token ids {len(ids)} of {len(ids)}"
    )
    assert min(image_cosine, text_cosine) >= 0.9999
    assert max(differences) <= 1e-4


@pytest.mark.parametrize("name", BLIP)
def test_blip_for_captions(tmp_path, name):
    torch.manual_seed(0)
    reference = transformers.BlipForConditionalGeneration(_blip_config(BLIP[name])).eval()
    with torch.no_grad():
        reference.text_decoder.cls.predictions.bias[102] = 2.5  # so that captions end
    save_weights(reference, tmp_path, BLIP[name].form)
    tokenizer, pixels = _blip_files(tmp_path)
    captions = load_captioner(str(tmp_path), device=CPU).captions(pictures(6))
    prompt = "a picture of "
    ids = torch.tensor([tokenizer(prompt).input_ids]).expand(6, -1).clone()
    with torch.no_grad():
        written = reference.generate(pixels, ids, num_beams=3, max_length=20, min_length=5)
    expected = [text[len(prompt) :] for text in tokenizer.batch_decode(written, skip_special_tokens=True)]
    num_equal = sum(ours.raw_text == text for ours, text in zip(captions, expected, strict=True))
    print(f"\n{name}: captions {num_equal} of {len(expected)}, lengths {[len(c.tokens) for c in captions]}")
    assert num_equal == len(expected)
