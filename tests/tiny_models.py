"""Tiny checkpoints in the layout of published ones: real tokenizers, random weights.

They are saved as transformers saves them, with configuration files as the hub has them, and loaded through
the same door as a hub id or a folder. What they say means nothing; that it is computed right can be tested.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.normalizers import BertNormalizer
from tokenizers.processors import TemplateProcessing
from transformers import (
    BartTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    ClapConfig,
    ClapModel,
    CLIPConfig,
    CLIPModel,
    CLIPTokenizer,
    Florence2Config,
    Florence2ForConditionalGeneration,
    MetaClip2Config,
    MetaClip2Model,
    PreTrainedTokenizerFast,
    RobertaTokenizer,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipModel,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    XCLIPConfig,
    XCLIPModel,
    XLMRobertaTokenizer,
)

TEXT = """a an the red green blue yellow dog cat man woman child car boat house tree ball picture photo
of on in with and is runs sits stands plays small big old young grass water street sky"""
WORDS = TEXT.split()
CORPUS = [" ".join(WORDS), "a red dog runs on the grass", "a woman with a child in the street"]

CLIP_PIXELS = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}

_TOWER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}


def save_tiny_clip(folder: Path, *, activation: str = "gelu", eos_token_id: int = 2, dim: int = 24) -> Path:
    """Save a CLIP: 32 pixels, patches of 8, `dim` dimensions.

    `eos_token_id` 2 is what the first published configurations say, though the tokenizer's is another.
    """
    torch.manual_seed(1)
    tokenizer = clip_tokenizer()
    end = tokenizer.eos_token_id
    # Published vocabularies end with the end token: the old way of pooling takes the highest id.
    assert end == len(tokenizer) - 1
    text = {
        **_TOWER,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 20,
        "hidden_act": activation,
        "eos_token_id": 2 if eos_token_id == 2 else end,
        "bos_token_id": 0,
        "pad_token_id": 1,
    }
    vision = {**_TOWER, "image_size": 32, "patch_size": 8, "hidden_act": activation}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=dim))
    _save(model, folder)
    tokenizer.save_pretrained(folder)
    _write_json(
        folder / "preprocessor_config.json",
        {
            "crop_size": 32,
            "do_center_crop": True,
            "do_normalize": True,
            "do_resize": True,
            "feature_extractor_type": "CLIPFeatureExtractor",
            "image_mean": CLIP_PIXELS["mean"],
            "image_std": CLIP_PIXELS["std"],
            "resample": 3,
            "size": 32,
        },
    )
    return folder


def save_tiny_metaclip2(folder: Path) -> Path:
    """Save a MetaCLIP 2: CLIP with a SentencePiece vocabulary of many languages, whose end token really is
    2."""
    torch.manual_seed(5)
    tokenizer = many_language_tokenizer()
    text = {
        **_TOWER,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 20,
        "hidden_act": "quick_gelu",
        "eos_token_id": 2,
        "bos_token_id": 0,
        "pad_token_id": 1,
    }
    vision = {**_TOWER, "image_size": 32, "patch_size": 8, "hidden_act": "quick_gelu"}
    _save(MetaClip2Model(MetaClip2Config(text_config=text, vision_config=vision, projection_dim=24)), folder)
    tokenizer.save_pretrained(folder)
    _write_json(folder / "preprocessor_config.json", {"size": 32, "crop_size": 32, "resample": 3})
    return folder


def save_tiny_xclip(folder: Path, *, num_frames: int = 4) -> Path:
    """Save an X-CLIP: clips of 4 frames, 32 pixels, 24 dimensions."""
    torch.manual_seed(6)
    tokenizer = clip_tokenizer()
    text = {**_TOWER, "vocab_size": len(tokenizer), "max_position_embeddings": 20, "eos_token_id": 2}
    vision = {
        **_TOWER,
        "image_size": 32,
        "patch_size": 8,
        "num_frames": num_frames,
        "mit_hidden_size": 24,
        "mit_intermediate_size": 48,
        "mit_num_hidden_layers": 1,
        "mit_num_attention_heads": 3,
    }
    config = XCLIPConfig(
        text_config=text, vision_config=vision, projection_dim=24, prompt_num_attention_heads=3
    )
    model = XCLIPModel(config)
    with torch.no_grad():
        model.mit.position_embedding.normal_(std=1)
        # So that frames differ, and with them their order.
        matrices = [*model.mit.encoder.parameters(), *model.vision_model.parameters()]
        for weight in (model.visual_projection.weight, *matrices):
            if weight.ndim > 1:
                weight.normal_(std=0.3)
    _save(model, folder)
    tokenizer.save_pretrained(folder)
    _write_json(
        folder / "preprocessor_config.json",
        {
            "do_center_crop": True,
            "crop_size": {"height": 32, "width": 32},
            "image_mean": [0.485, 0.456, 0.406],
            "image_processor_type": "VideoMAEImageProcessor",
            "image_std": [0.229, 0.224, 0.225],
            "resample": 2,
            "size": {"shortest_edge": 32},
        },
    )
    return folder


def save_tiny_smolvlm(folder: Path) -> Path:
    """Save a SmolVLM2: frames of 32 pixels that become 4 tokens each, a vocabulary of bytes."""
    torch.manual_seed(10)
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<end_of_utterance>", "<image>"]
    names += ["<fake_token_around_image>", "<global-img>", "<row_1_col_1>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    trained = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trained.add_special_tokens([AddedToken(name, normalized=False) for name in names])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=trained,
        bos_token="<|im_start|>",
        eos_token="<end_of_utterance>",
        pad_token="<|im_end|>",
    )
    text = {
        "model_type": "llama",
        **_TOWER,
        "num_key_value_heads": 2,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 1024,
        "pad_token_id": trained.token_to_id("<|im_end|>"),
    }
    vision = {**_TOWER, "image_size": 32, "patch_size": 8}
    config = SmolVLMConfig(
        text_config=text, vision_config=vision, scale_factor=2, image_token_id=trained.token_to_id("<image>")
    )
    model = SmolVLMForConditionalGeneration(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(std=0.2)  # so that what is said depends on the frames
    _save(model, folder)
    tokenizer.save_pretrained(folder)
    _write_json(
        folder / "preprocessor_config.json",
        {
            "do_convert_rgb": True,
            "do_image_splitting": True,
            "do_normalize": True,
            "do_pad": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": [0.5, 0.5, 0.5],
            "image_processor_type": "SmolVLMImageProcessor",
            "image_std": [0.5, 0.5, 0.5],
            "max_image_size": {"longest_edge": 32},
            "processor_class": "SmolVLMProcessor",
            "resample": 1,
            "rescale_factor": 0.00392156862745098,
            "size": {"longest_edge": 128},
            "video_sampling": {"fps": 1, "max_frames": 64, "video_size": {"longest_edge": 32}},
        },
    )
    return folder


def save_tiny_clap(folder: Path) -> Path:
    """Save a CLAP: windows of 10 s at 48 kHz as published, 16 dimensions, RoBERTa's kind of tokenizer."""
    torch.manual_seed(9)
    vocab = {token: index for index, token in enumerate(["<s>", "<pad>", "</s>", "<unk>"])}
    for letter in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocab[letter] = len(vocab)
    vocab["<mask>"] = len(vocab)
    tokenizer = RobertaTokenizer(vocab=vocab, merges=[])
    text = {
        **_TOWER,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 82,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-12,
    }
    audio = {
        "spec_size": 256,
        "depths": [1] * 4,
        "num_attention_heads": [1, 2, 2, 4],
        "patch_embeds_hidden_size": 8,
        "hidden_size": 64,
    }
    model = ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=16))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "embeddings" not in name:
                weight.normal_(std=0.25)  # so that texts differ, and sounds
    _save(model, folder)
    tokenizer.save_pretrained(folder)
    _write_json(
        folder / "preprocessor_config.json",
        {
            "chunk_length_s": 10,
            "feature_extractor_type": "ClapFeatureExtractor",
            "feature_size": 64,
            "fft_window_size": 1024,
            "frequency_max": 14000,
            "frequency_min": 50,
            "hop_length": 480,
            "max_length_s": 10,
            "n_fft": 1024,
            "nb_frequency_bins": 513,
            "nb_max_frames": 1000,
            "nb_max_samples": 480000,
            "padding": "repeatpad",
            "padding_side": "right",
            "padding_value": 0.0,
            "processor_class": "ClapProcessor",
            "return_attention_mask": False,
            "sampling_rate": 48000,
            "top_db": None,
            "truncation": "rand_trunc",
        },
    )
    return folder


def save_tiny_siglip2(folder: Path) -> Path:
    """Save a SigLIP 2 of fixed resolution: SigLIP with Gemma's kind of tokenizer, padded with <pad>."""
    torch.manual_seed(7)
    folder.mkdir(parents=True, exist_ok=True)
    vocab_size = len(save_siglip2_tokenizer(folder))
    _save_siglip(folder, vocab_size)
    return folder


def save_tiny_siglip(folder: Path) -> Path:
    """Save a SigLIP: 32 pixels, patches of 8, 32 dimensions, always 16 tokens of a SentencePiece
    vocabulary."""
    torch.manual_seed(2)
    folder.mkdir(parents=True, exist_ok=True)
    _save_siglip(folder, save_siglip_tokenizer(folder))
    return folder


def _save_siglip(folder: Path, vocab_size: int) -> None:
    text = {
        **_TOWER,
        "vocab_size": vocab_size,
        "max_position_embeddings": 16,
        "hidden_act": "gelu_pytorch_tanh",
    }
    vision = {**_TOWER, "image_size": 32, "patch_size": 8, "hidden_act": "gelu_pytorch_tanh"}
    model = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
    with torch.no_grad():
        model.logit_scale.fill_(2.0)
        model.logit_bias.fill_(-3.0)
    _save(model, folder)
    _write_json(
        folder / "preprocessor_config.json",
        {
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": [0.5, 0.5, 0.5],
            "image_processor_type": "SiglipImageProcessor",
            "image_std": [0.5, 0.5, 0.5],
            "resample": 2,
            "rescale_factor": 0.00392156862745098,
            "size": {"height": 32, "width": 32},
        },
    )


def save_tiny_florence(folder: Path) -> Path:
    """Save a Florence-2: 64 pixels, an image of 5 tokens, a vocabulary of bytes."""
    torch.manual_seed(8)
    vocab = {token: index for index, token in enumerate(["<s>", "<pad>", "</s>", "<unk>"])}
    for letter in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocab[letter] = len(vocab)
    vocab["<mask>"] = len(vocab)
    tokenizer = BartTokenizer(vocab=vocab, merges=[], extra_special_tokens={"image_token": "<image>"})
    text = {
        "model_type": "bart",
        "vocab_size": len(tokenizer),
        "d_model": 32,
        **{f"{part}_layers": 2 for part in ("encoder", "decoder")},
        **{f"{part}_attention_heads": 4 for part in ("encoder", "decoder")},
        **{f"{part}_ffn_dim": 64 for part in ("encoder", "decoder")},
        "max_position_embeddings": 512,
        "init_std": 0.3,
    }
    vision = {
        "depths": [1] * 4,
        "embed_dim": [16] * 4,
        "num_heads": [2] * 4,
        "num_groups": [2] * 4,
        "window_size": 4,
        "patch_size": [7, 3, 3, 3],
        "projection_dim": 32,
        "max_position_embeddings": 10,
        "max_temporal_embeddings": 10,
        "initializer_range": 0.3,
    }
    config = Florence2Config(
        text_config=text, vision_config=vision, image_token_id=tokenizer.convert_tokens_to_ids("<image>")
    )
    model = Florence2ForConditionalGeneration(config)
    model.generation_config.update(
        num_beams=3, early_stopping=True, no_repeat_ngram_size=3, decoder_start_token_id=2, eos_token_id=2
    )
    with torch.no_grad():
        model.model.language_model.shared.weight[2] += 0.3  # so that captions end
    _save(model, folder)
    tokenizer.save_pretrained(folder)
    size = {"height": 64, "width": 64}
    _write_json(
        folder / "preprocessor_config.json",
        {
            "crop_size": size,
            "do_center_crop": False,
            "image_mean": [0.485, 0.456, 0.406],
            "image_processor_type": "CLIPImageProcessor",
            "image_seq_length": 5,
            "image_std": [0.229, 0.224, 0.225],
            "resample": 3,
            "size": size,
        },
    )
    return folder


def save_tiny_blip_captioner(folder: Path, *, end_bias: float = 0.0) -> Path:
    """Save a BLIP captioner: 48 pixels, patches of 8, over a WordPiece vocabulary of whole words.

    `end_bias` is added to the logit of the end token, so that captions end.
    """
    torch.manual_seed(3)
    return _save_blip(BlipForConditionalGeneration, folder, end_bias=end_bias)


def save_tiny_blip_retrieval(folder: Path) -> Path:
    """Save a BLIP for retrieval: 48 pixels, patches of 8, 16 dimensions, with a matching head."""
    torch.manual_seed(4)
    return _save_blip(BlipForImageTextRetrieval, folder)


def _save_blip(model_class: Any, folder: Path, *, end_bias: float = 0.0) -> Path:
    tokenizer = _wordpiece_tokenizer()
    text = {
        **_TOWER,
        "encoder_hidden_size": 32,
        "vocab_size": tokenizer.get_vocab_size(),
        "max_position_embeddings": 64,
        "initializer_range": 0.1,
        "bos_token_id": tokenizer.token_to_id("[DEC]"),
        "eos_token_id": 2,
        "pad_token_id": 0,
        "sep_token_id": tokenizer.token_to_id("[SEP]"),
    }
    vision = {**_TOWER, "image_size": 48, "patch_size": 8, "initializer_range": 0.2}
    config = BlipConfig(
        text_config=text, vision_config=vision, image_text_hidden_size=16, initializer_range=0.3
    )
    model = model_class(config)
    if end_bias:
        with torch.no_grad():
            model.text_decoder.cls.predictions.bias[tokenizer.token_to_id("[SEP]")] += end_bias
    _save(model, folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(
        folder / "preprocessor_config.json",
        {
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": CLIP_PIXELS["mean"],
            "image_processor_type": "BlipImageProcessor",
            "image_std": CLIP_PIXELS["std"],
            "resample": 3,
            "rescale_factor": 0.00392156862745098,
            "size": {"height": 48, "width": 48},
        },
    )
    return folder


def _save(model: Any, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def many_language_tokenizer(*, size: int | None = None) -> Any:
    """Train XLM-RoBERTa's kind of vocabulary of pieces.

    `size` makes it as large as a published one, with pieces that no text has.
    """
    trained = Tokenizer(models.Unigram())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=150, special_tokens=specials, unk_token="<unk>", show_progress=False
    )
    trained.train_from_iterator([*CORPUS, "ein roter Hund läuft", "un perro rojo corre"] * 5, trainer)
    pieces = [tuple(piece) for piece in json.loads(trained.to_str())["model"]["vocab"]]
    if size is not None:
        lowest = min(score for _, score in pieces)
        pieces += [(f"\u2603{number}", lowest) for number in range(size - len(pieces) - 1)]  # and <mask>
    return XLMRobertaTokenizer(vocab=pieces)


def clip_tokenizer(*, size: int | None = None) -> Any:
    """Train CLIP's kind of byte-level BPE, with the special tokens at the vocabulary's end as published.

    `size` makes it as large as a published one, with words that no text has.
    """
    trained = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    trained.train_from_iterator([word for line in CORPUS for word in line.split()], trainer)
    model = json.loads(trained.to_str())["model"]
    vocab: dict[str, int] = model["vocab"]
    for letter in pre_tokenizers.ByteLevel.alphabet():
        for piece in (letter, f"{letter}</w>"):
            vocab.setdefault(piece, len(vocab))
    for index in range(0 if size is None else size - 2 - len(vocab)):
        vocab[f"\u2603{index}"] = len(vocab)
    for special in ("<|startoftext|>", "<|endoftext|>"):
        vocab[special] = len(vocab)
    return CLIPTokenizer(vocab=vocab, merges=[tuple(merge) for merge in model["merges"]])


def save_siglip_tokenizer(folder: Path, **training: Any) -> int:
    """Save a tokenizer as SigLIP's repositories have it. Returns the number of its tokens.

    `training` goes to SentencePiece's trainer. As published, the vocabulary begins with <pad>, </s>, <unk>;
    the padding token is </s> all the same; and tokenizer.json lets </s> be normalised, which takes its
    punctuation.
    """
    written = io.BytesIO()
    options = {"vocab_size": 200, "character_coverage": 0.98, "hard_vocab_limit": False, **training}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*CORPUS * 20, *WORDS * 3]),
        model_writer=written,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
        **options,
    )
    (folder / "spiece.model").write_bytes(written.getvalue())
    messages: Any = sentencepiece_model_pb2
    proto = messages.ModelProto.FromString(written.getvalue())
    pieces = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    vocab = [(pieces.id_to_piece(index), pieces.get_score(index)) for index in range(len(pieces))]
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=2))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]"), ""),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
            normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    tokenizer.add_special_tokens(
        [
            AddedToken("</s>", lstrip=True, rstrip=True, normalized=True),
            AddedToken("<unk>", lstrip=True, rstrip=True, normalized=True),
        ]
    )
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(
        folder / "tokenizer_config.json",
        {
            "do_lower_case": True,
            "eos_token": "</s>",
            "model_max_length": 16,
            "pad_token": "</s>",
            "tokenizer_class": "SiglipTokenizer",
            "unk_token": "<unk>",
        },
    )
    return len(pieces)


def save_siglip2_tokenizer(folder: Path) -> Any:
    """Save a tokenizer as SigLIP 2's repositories have it: Gemma's byte-level BPE. Returns transformers'
    own."""
    trained = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    trained.normalizer = normalizers.Replace(" ", "▁")
    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=[*specials, *bytes_], show_progress=False)
    trained.train_from_iterator(CORPUS * 5, trainer)
    model = json.loads(trained.to_str())["model"]
    tokenizer = Siglip2Tokenizer(vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]])
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", model["vocab"]["<eos>"])]
    )
    tokenizer.padding_side = "right"
    tokenizer.save_pretrained(folder)
    return tokenizer


def _wordpiece_tokenizer() -> Tokenizer:
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocab = {token: index for index, token in enumerate([*specials, *WORDS, "[DEC]", "[ENC]"])}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocab, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens([*specials, "[DEC]", "[ENC]"])
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocab["[CLS]"]), ("[SEP]", vocab["[SEP]"])]
    )
    return tokenizer
