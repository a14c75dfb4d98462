"""Decodes text files of unknown encoding, such as old subtitles."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from vidsearch.errors import SubtitleError

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is a prefix of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE_ENCODINGS = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_WIDE_SIGNS = ("-->", "Dialogue:", "WEBVTT", "[Script Info]")
"""Every subtitle file contains one of these; none appears when decoding with the wrong character width."""

_LEGACY_ENCODINGS = [
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp874", "gb18030", "big5", "cp932",
    "euc_jp", "cp949", "koi8_r", "iso8859_2",
]  # fmt: skip
_FALLBACK = "cp1252"
_SAMPLE_BYTES = 64 * 1024

_ALPHABETS = {
    "cp1252": (
        "àâæçéèêëîïôœùûü", "äöüß", "áéíñóúü¿¡", "áâãàçéêíóôõú", "àèéìòù", "åäö", "æøå", "áðéíóúýþæö", "éëïóü",
    ),
    "cp1250": (
        "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž", "čšž", "çë",
    ),
    "iso8859_2": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "čćđšž"),
    "cp1254": ("çğıöşüâî",),
}  # fmt: skip
"""The letters beyond ASCII of the languages that are written in each encoding of Latin script."""


@dataclass(frozen=True, slots=True)
class DecodedText:
    """A file's text and the encoding it was decoded with."""

    text: str
    encoding: str
    is_guess: bool
    """Whether nothing in the file determines its encoding."""


def decode(data: bytes, encoding: str | None = None) -> DecodedText:
    """Decode a text file: by its byte order mark, else as UTF-8, else by the guess of `charset-normalizer`.

    Undecodable bytes become U+FFFD.

    Args:
        data: The file's content.
        encoding: Python's name of the encoding to use; None to detect it.

    Raises:
        SubtitleError: There is no such encoding.
    """
    if encoding is not None:
        try:
            return DecodedText(data.decode(encoding, "replace").removeprefix("\ufeff"), encoding, False)
        except (LookupError, ValueError) as error:
            raise SubtitleError(
                f"There is no text encoding {encoding!r}. Try utf-8, cp1251, gb18030 or shift_jis."
            ) from error
    for mark, name in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return DecodedText(data[len(mark) :].decode(name, "replace"), name, False)
    if b"\0" in data:
        for name in _WIDE_ENCODINGS:
            text = data.decode(name, "replace")
            if any(sign in text for sign in _WIDE_SIGNS):
                return DecodedText(text, name, False)
    try:
        return DecodedText(data.decode(), "utf-8", False)
    except UnicodeDecodeError:
        pass
    text = data.decode("utf-8", "replace")
    num_bad = text.count("\ufffd")
    num_good = len(text) - len(text.encode("ascii", "ignore")) - num_bad
    if num_good > 4 * num_bad:  # text is hardly ever valid UTF-8 by chance: this is UTF-8 with damage
        return DecodedText(text, "utf-8", False)
    name = _guess(data)
    return DecodedText(data.decode(name, "replace"), name, True)


def _guess(data: bytes) -> str:
    """Guess an encoding from the lines with non-ASCII bytes."""
    from charset_normalizer import from_bytes

    lines = [line for line in data.splitlines() if not line.isascii()]
    sample = b"\n".join(lines)[:_SAMPLE_BYTES]
    best = from_bytes(sample, cp_isolation=_LEGACY_ENCODINGS).best()
    if best is None:
        return _FALLBACK
    return _latin_encoding(sample) if best.encoding in _ALPHABETS else best.encoding


def _latin_encoding(sample: bytes) -> str:
    """Choose among the encodings of Latin script, which differ in single letters only.

    Picks the one in which most non-ASCII letters belong to the alphabet of one language; the first on a tie.
    """

    def share(name: str) -> int:
        letters = sample.decode(name, "replace").lower()
        return max(sum(map(letters.count, alphabet)) for alphabet in _ALPHABETS[name])

    return max(_ALPHABETS, key=share)
