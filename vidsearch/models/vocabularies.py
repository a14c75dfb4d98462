"""Tokenizers from the vocabulary files of checkpoints that have no tokenizer.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.processors import TemplateProcessing

from vidsearch.errors import ModelUnavailable

if TYPE_CHECKING:
    from pathlib import Path

_UNIGRAM = 1
_UNKNOWN, _USER_DEFINED, _BYTE = 2, 4, 6
"""Kinds of pieces in a SentencePiece model (google/sentencepiece, `src/sentencepiece_model.proto`)."""
_END = "</s>"


def from_sentencepiece(path: Path) -> Tokenizer:
    """Build a tokenizer from a SentencePiece unigram model, such as SigLIP's spiece.model.

    Raises ModelUnavailable for a model of another kind, and protobuf's DecodeError for a broken file.
    """
    from sentencepiece import sentencepiece_model_pb2

    messages: Any = sentencepiece_model_pb2  # generated code, without types
    proto = messages.ModelProto.FromString(path.read_bytes())
    if proto.trainer_spec.model_type != _UNIGRAM:
        raise ModelUnavailable(
            f"{path} is not a SentencePiece unigram model, the only kind that can be read."
        )
    unknown = next(index for index, piece in enumerate(proto.pieces) if piece.type == _UNKNOWN)
    tokenizer = Tokenizer(
        models.Unigram(
            [(piece.piece, piece.score) for piece in proto.pieces],
            unk_id=unknown,
            byte_fallback=any(piece.type == _BYTE for piece in proto.pieces),
        )
    )
    steps: list[normalizers.Normalizer] = []
    charsmap = proto.normalizer_spec.precompiled_charsmap
    if charsmap:
        steps.append(normalizers.Precompiled(charsmap))
    if proto.normalizer_spec.remove_extra_whitespaces:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
        prepend_scheme="always" if proto.normalizer_spec.add_dummy_prefix else "never", split=False
    )
    tokenizer.decoder = decoders.Metaspace()
    special = [piece.piece for piece in proto.pieces if piece.type == _UNKNOWN or piece.piece == _END]
    tokenizer.add_special_tokens(
        [AddedToken(name, lstrip=True, rstrip=True, normalized=False) for name in special]
    )
    symbols = [piece.piece for piece in proto.pieces if piece.type == _USER_DEFINED]
    tokenizer.add_tokens([AddedToken(name, normalized=False) for name in symbols])
    return tokenizer


def from_clip_vocabulary(path: Path) -> Tokenizer:
    """Build CLIP's byte-level tokenizer from vocab.json and the merges.txt beside it.

    As `CLIPTokenizer` of transformers does it (openai/CLIP, `simple_tokenizer.py`).
    """
    try:
        vocab = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ModelUnavailable(f"{path} is no vocabulary: it is nested too deeply.") from error
    lines = path.with_name("merges.txt").read_text(encoding="utf-8").splitlines()
    pairs = [tuple(line.split()) for line in lines if line and not line.startswith("#version")]
    start, end = "<|startoftext|>", "<|endoftext|>"
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocab,
            merges=[(pair[0], pair[1]) for pair in pairs],
            continuing_subword_prefix="",
            end_of_word_suffix="</w>",
            unk_token=end,
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in (start, end)])
    tokenizer.post_processor = TemplateProcessing(
        single=f"{start} $A {end}",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in (start, end)],
    )
    return tokenizer


def from_bert_vocabulary(path: Path) -> Tokenizer:
    """Build BERT's WordPiece tokenizer, lower case, from vocab.txt (BLIP)."""
    words = path.read_text(encoding="utf-8").splitlines()
    tokenizer = Tokenizer(
        models.WordPiece({word: index for index, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    return tokenizer
