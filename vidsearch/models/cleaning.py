"""What a captioner wrote, made fit to read: `clean`. Callers keep the raw text beside it.

Captioners stutter ("a a dog", "with with", "blue and yellow and blue and") and break off in the middle of a
phrase ("a man standing in a"). Both are artefacts of decoding with a maximum length, not part of what the
model saw, so that they are taken out for readers and for search. Nothing is ever added but spacing.
"""

from __future__ import annotations

import re
import unicodedata

_CANNOT_END = re.compile(
    r"""a | an | the | this | these | those | another
      | and | or | but | nor | while | as | than | because | if | that | which | who | whose
      | with | without | of | at | in | on | from | into | onto | to | for | near | between | beside | behind
      | under | above | against | towards?
      | is | are | was | were | be | being | been | am | has | have | had
      | his | her | its | their | my | your | our | very""",
    re.VERBOSE,
)
"""Words after which an English caption has more to say."""

_CAN_END_AFTER_WITH = frozenset({"in", "on"})
""""A man with a hat on" is whole; "a man standing on" broke off."""

_ARTEFACTS = re.compile(r"\b(?:araf{1,2}ed?|araf{1,2}es?)\b")
""""arafed", "araffe": a non-word that BLIP writes where an article stands, learnt from noisy web captions
(https://huggingface.co/Salesforce/blip-image-captioning-large/discussions)."""

_PUNCTUATION = ".,;:!?\"'’-"
_MAX_REPEATED_WORDS = 10
_MAX_ITEM_WORDS = 3


def clean(text: str) -> str:
    """Return a caption without stutter, dangling words, stray spaces and capitals; may be empty.

    The result is one line of lower-case words, punctuation kept but at the end; and
    `clean(clean(x)) == clean(x)`.
    """
    line = unicodedata.normalize("NFC", text.lower())
    line = "".join(" " if unicodedata.category(mark).startswith(("C", "Z")) else mark for mark in line)
    line = _ARTEFACTS.sub("a", line)
    line = re.sub(r"\s*(['’])\s+(s|t|re|ll|ve|d|m)\b", r"\1\2", line)
    line = re.sub(r"\s+([,.;:!?])", r"\1", line)
    line = re.sub(r"(?<=\w) - (?=\w)", "-", line)
    words = [word for word in line.split() if word.strip(_PUNCTUATION)]
    previous: list[str] = []
    while words != previous:
        previous = words
        words = _without_dangling_end(_without_repeated_items(_without_stutter(words)))
    return " ".join(words)


def _bare(word: str) -> str:
    return word.strip(_PUNCTUATION)


def _without_stutter(words: list[str]) -> list[str]:
    """Drop each phrase that says again at once what was just said: "a dog in a dog in a" is "a dog in a"."""
    kept: list[str] = []
    for word in words:
        kept.append(word)
        for length in range(1, min(_MAX_REPEATED_WORDS, len(kept) // 2) + 1):
            first, second = kept[-2 * length : -length], kept[-length:]
            if [_bare(one) for one in first] == [_bare(one) for one in second]:
                kept[-2 * length :] = second
                break
    return kept


def _without_repeated_items(words: list[str]) -> list[str]:
    """Drop items that an enumeration has already named: "blue and yellow and blue" is "blue and yellow".

    Items of several words go only from the end: "a boy and a boy are playing" needs its second boy.
    """
    for position, word in enumerate(words):
        if word != "and":
            continue
        num_left = len(words) - position - 1
        for length in {1, num_left} if num_left <= _MAX_ITEM_WORDS else {1}:
            item = [_bare(one) for one in words[position + 1 : position + 1 + length]]
            if item and item in _items_before(words, position, length):
                return words[:position] + words[position + 1 + length :]
    return words


def _items_before(words: list[str], position: int, length: int) -> list[list[str]]:
    """Return the items of `length` words, joined by "and", that lead up to the "and" at `position`."""
    items = []
    end = position
    while end >= length and words[end] == "and":
        items.append([_bare(word) for word in words[end - length : end]])
        end -= length + 1
    return items


def _without_dangling_end(words: list[str]) -> list[str]:
    kept = list(words)
    while kept and _dangles(kept):
        kept.pop()
    if kept:
        kept[-1] = kept[-1].rstrip(_PUNCTUATION)
    return kept


def _dangles(words: list[str]) -> bool:
    last = _bare(words[-1])
    if last in _CAN_END_AFTER_WITH:
        return "with" not in words[:-1]
    return not last or _CANNOT_END.fullmatch(last) is not None
