"""Converts users' words to FTS5 expressions."""

from __future__ import annotations

import re

_TERM = re.compile(r'"([^"]*)"(\*?)|([^\s"]+)')
_WORD = re.compile(r"[^\W_]+")
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
"""Characters that SQLite does not accept in text: NUL, and surrogates for bytes that are not UTF-8."""
_STOP_WORDS = frozenset(
    (
        "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "he", "her", "his", "in", "is",
        "it", "its", "of", "on", "or", "she", "some", "that", "the", "their", "there", "they", "this", "to",
        "was", "were", "which", "who", "with",
    )
)  # fmt: skip
"""Words in nearly every caption: they do not affect the ranking, and scoring their matches is slow."""
_COMMON_WORDS = _STOP_WORDS.union(
    (
        "about", "after", "again", "ain", "all", "also", "am", "any", "aren", "because", "been", "before",
        "being", "both", "but", "can", "cannot", "could", "couldn", "d", "did", "didn", "do", "does",
        "doesn", "doing", "don", "done", "down", "during", "each", "else", "ever", "every", "few", "get",
        "got", "had", "hadn", "hasn", "have", "haven", "having", "here", "hers", "herself", "him",
        "himself", "how", "i", "if", "into", "isn", "itself", "just", "let", "ll", "m", "many", "may", "me",
        "might", "mine", "more", "most", "much", "must", "my", "myself", "never", "no", "nor", "not", "now",
        "off", "once", "one", "ones", "only", "other", "others", "ought", "our", "ours", "ourselves", "out",
        "over", "own", "re", "s", "same", "shall", "should", "shouldn", "so", "such", "t", "than", "theirs",
        "them", "themselves", "then", "these", "those", "though", "through", "thus", "too", "under",
        "until", "up", "upon", "us", "ve", "very", "wasn", "we", "well", "were", "weren", "what",
        "whatever", "when", "where", "whether", "while", "whom", "whose", "why", "will", "within",
        "without", "won", "would", "wouldn", "yes", "yet", "you", "your", "yours", "yourself", "yourselves",
    )
)  # fmt: skip
"""Function words, which occur in sentences on any subject; contractions in parts."""


def telling_terms(words: str) -> list[str]:
    """Return FTS5 terms for the distinct significant words.

    Words are stemmed; `sun*` is a prefix; "red car" in quotes is one term. A query of function words only
    ("to be or not to be") is one term, too, as any long text contains each of them somewhere. Any text is
    valid.
    """
    tokens = words_of(words)
    if len(tokens) > 1 and _COMMON_WORDS.issuperset(tokens) and '"' not in words and "*" not in words:
        return ['"{}"'.format(" ".join(tokens))]
    terms = _terms(words)
    telling = [quoted for term, quoted in terms if term.lower() not in _STOP_WORDS]
    return list(dict.fromkeys(telling or [quoted for _, quoted in terms]))


def is_telling(words: str) -> bool:
    """Whether any of the words is significant: not a stop word."""
    return any(term.lower() not in _STOP_WORDS for term, _ in _terms(words))


def any_word_expression(words: str) -> str | None:
    """An FTS5 expression for texts with any of the significant words; None if there are no words."""
    return " OR ".join(telling_terms(words)) or None


def all_words_expression(words: str) -> str:
    """An FTS5 expression for texts with all of the words. Without words, it matches nothing."""
    return " AND ".join(quoted for _, quoted in _terms(words)) or '""'


def exact_phrases(words: str) -> list[tuple[str, ...]]:
    """The phrases in quotes, each as lower-case words. A phrase followed by a star ends in "*"."""
    found = []
    for phrase, star, _ in _TERM.findall(words):
        tokens = words_of(phrase)
        if tokens:
            found.append((*tokens, "*") if star else tokens)
    return found


def has_phrase(text: str, phrase: tuple[str, ...]) -> bool:
    """Whether a text contains the words of a phrase literally, in sequence."""
    tokens = words_of(text)
    whole, begins = (phrase[:-1], True) if phrase[-1] == "*" else (phrase, False)
    for start in range(len(tokens) - len(whole) + 1):
        found = tokens[start : start + len(whole)]
        if found == whole or (begins and found[:-1] == whole[:-1] and found[-1].startswith(whole[-1])):
            return True
    return False


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, in lower case."""
    return tuple(_WORD.findall(text.casefold()))


def _terms(words: str) -> list[tuple[str, str]]:
    terms = []
    for phrase, star, word in _TERM.findall(_NOT_TEXT.sub(" ", words)):
        is_prefix = bool(star) or word.endswith("*")
        term = phrase or word.rstrip("*")
        if any(character.isalnum() for character in term):
            terms.append((term, f'"{term}"' + ("*" if is_prefix else "")))
    return terms
