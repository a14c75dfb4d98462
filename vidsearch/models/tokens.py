"""Text as a checkpoint's text tower wants it, by the `tokenizers` library alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Regex, Tokenizer, normalizers
from tokenizers.processors import TemplateProcessing

from vidsearch.errors import ModelUnavailable
from vidsearch.models import vocabularies
from vidsearch.models.cleaning import clean
from vidsearch.types import GeneratedCaption

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.models.configs import DualConfig, Family
    from vidsearch.models.weights import Checkpoint
    from vidsearch.types import Int64


@dataclass(frozen=True, slots=True)
class TokenRules:
    """How a model family was trained to see text."""

    max_tokens: int
    """Special tokens included; what is longer is cut."""
    pad_to_max: bool
    """SigLIP pools the last position and sees its padding; the others only pad a batch to its longest
    text."""


def load_tokenizer(checkpoint: Checkpoint, rules: TokenRules, config: DualConfig) -> Tokenizer:
    """Load a checkpoint's tokenizer, set to cut and pad by `rules`.

    SigLIP's training text is lower case and, for its own vocabularies, without punctuation; it has no start
    token, and always an end token (google-research/big_vision,
    `evaluators/proj/image_text/prompt_engineering.py` and the `tok` preprocessing op). Published tokenizer
    files do not always say so, so it is set here.

    Args:
        checkpoint: whose tokenizer.json is read, or the older vocabulary files.
        rules: lengths.
        config: of the model.

    Raises:
        ModelUnavailable: where the files are missing, broken, or not this model's.
    """
    tokenizer = read_tokenizer(checkpoint.folder)
    if config.family == "siglip":
        tokenizer = _follow_siglip_training(tokenizer)
    _check_fits(tokenizer, checkpoint, config)
    pad_names = (*_named_pad_token(checkpoint), *_PAD_TOKENS[config.family])
    pad, pad_id = _first_token(tokenizer, pad_names, "padding")
    tokenizer.enable_truncation(rules.max_tokens)
    tokenizer.enable_padding(
        pad_id=pad_id, pad_token=pad, length=rules.max_tokens if rules.pad_to_max else None
    )
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[Int64, Int64]:
    """Tokenise texts. Returns token ids and mask (1 text, 0 padding), both int64 (n, tokens)."""
    encodings = tokenizer.encode_batch(list(texts))
    ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
    mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
    return ids, mask


def written_caption(
    tokenizer: Tokenizer, raw: str, ids: Sequence[int], logprobs: Sequence[float]
) -> GeneratedCaption:
    """What a captioner wrote, as text and as tokens.

    Args:
        tokenizer: what the ids are of.
        raw: the text, before it is made fit to read.
        ids: of the tokens written.
        logprobs: of each.
    """
    return GeneratedCaption(
        text=clean(raw),
        raw_text=raw,
        tokens=tuple(tokenizer.id_to_token(token) or "" for token in ids),
        token_logprobs=tuple(logprobs),
    )


_PAD_TOKENS: dict[Family, tuple[str, ...]] = {
    # CLIP pools the first end token and is causal, so any padding does; the end token is always there.
    "clip": ("<|endoftext|>", "</s>", "<pad>"),
    "xclip": ("<|endoftext|>",),
    # SigLIP was trained with its end token as padding; SigLIP 2, whose vocabulary has no </s>, with <pad>.
    "siglip": ("</s>", "<pad>"),
    "blip": ("[PAD]",),
}
_END_TOKENS: dict[Family, tuple[str, ...]] = {
    "clip": ("<|endoftext|>", "</s>"),
    "xclip": ("<|endoftext|>",),
    "siglip": ("<eos>", "</s>"),
    "blip": ("[SEP]",),
}


def _check_fits(tokenizer: Tokenizer, checkpoint: Checkpoint, config: DualConfig) -> None:
    """Raise ModelUnavailable for a tokenizer that is not this model's."""
    end, end_id = _first_token(tokenizer, _END_TOKENS[config.family], "end")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    ids = tokenizer.encode("a").ids
    if ids[-1:] != [end_id]:
        raise ModelUnavailable(f"The tokenizer in {checkpoint.folder} does not end texts with {end}.")
    if config.family in ("clip", "xclip"):
        pooled = max(ids) if config.text.pools_highest_id else config.text.end_token_id
        if pooled != end_id:
            raise ModelUnavailable(
                f"The parts of {checkpoint.model} do not fit each other: it pools texts at the token "
                f"{pooled}, and its tokenizer ends them with {end_id}."
            )
    highest = max(tokenizer.get_vocab(with_added_tokens=True).values())
    if highest >= config.text.vocab_size:
        raise ModelUnavailable(
            f"The tokenizer in {checkpoint.folder} is another model's: it has a token {highest}, and "
            f"{checkpoint.model} has embeddings for {config.text.vocab_size}."
        )


def _named_pad_token(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Return the padding token that the files beside a tokenizer name, or nothing."""
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (checkpoint.folder / name).is_file():
            pad: Any = checkpoint.read_json(name).get("pad_token")
            pad = pad.get("content") if isinstance(pad, dict) else pad
            if isinstance(pad, str):
                return (pad,)
    return ()


def _first_token(tokenizer: Tokenizer, names: Sequence[str], kind: str) -> tuple[str, int]:
    for name in names:
        token_id = tokenizer.token_to_id(name)
        if token_id is not None:
            return name, token_id
    raise ModelUnavailable(f"The tokenizer has no {kind} token: none of {', '.join(names)}.")


def _follow_siglip_training(tokenizer: Tokenizer) -> Tokenizer:
    content = json.loads(tokenizer.to_str())
    is_unigram = content["model"]["type"] == "Unigram"
    if is_unigram:
        # A "normalized" </s> would itself lose its punctuation, and then match every letter s.
        for token in content["added_tokens"]:
            token["normalized"] = False
        tokenizer = Tokenizer.from_str(json.dumps(content))
    steps: list[normalizers.Normalizer] = [normalizers.Lowercase()]
    if is_unigram:
        steps = [
            _lowercase_final_sigma(),
            *steps,
            normalizers.Replace(Regex(r"[!-/:-@\[-`{-~]"), ""),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    if tokenizer.normalizer is not None:
        steps.append(tokenizer.normalizer)
    if is_unigram:  # SentencePiece does this after its own normalising, which turns some signs into spaces
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    tokenizer.normalizer = normalizers.Sequence(steps)
    end, end_id = _first_token(tokenizer, _END_TOKENS["siglip"], "end")
    tokenizer.post_processor = TemplateProcessing(single=f"$A {end}", special_tokens=[(end, end_id)])
    return tokenizer


def _lowercase_final_sigma() -> normalizers.Normalizer:
    """Return the one case in which a letter's lower form depends on its neighbours, as `str.lower` has it."""
    return normalizers.Replace(Regex(r"(?<=\p{L})Σ(?!\p{L})"), "ς")


def _read(folder: Path) -> Tokenizer:
    for name, read in _READERS.items():
        if (folder / name).is_file():
            return read(folder / name)
    raise ModelUnavailable(f"{folder} has no tokenizer: none of {', '.join(_READERS)}.")


_READERS: dict[str, Callable[[Path], Tokenizer]] = {
    "tokenizer.json": lambda path: Tokenizer.from_file(str(path)),
    "spiece.model": vocabularies.from_sentencepiece,
    "vocab.json": vocabularies.from_clip_vocabulary,
    "vocab.txt": vocabularies.from_bert_vocabulary,
}


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read a folder's tokenizer as it is. Raises ModelUnavailable, whatever the libraries make of a broken
    file."""
    try:
        tokenizer = _read(folder)
        tokenizer.encode("a dog")  # some mistakes only show here
    except ModelUnavailable:
        raise
    # They raise bare Exceptions, and panics of Rust, which are BaseExceptions.
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelUnavailable(f"The tokenizer in {folder} cannot be read: {reason[:300]}") from error
    return tokenizer
