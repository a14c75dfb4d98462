"""Two hundred texts as people and files write them, for comparing tokenizers."""

from __future__ import annotations

import random

_WORDS = (  # noqa: SIM905
    "a the dog cat woman man child red green boat house tree picture photo of on with and is running café "
    "naïve Zürich Ελλάς ΟΔΟΣ Ødegård İstanbul straße Kraków São Москва 東京 犬が走る 사람 שלום مرحبا "
    "हिन्दी ไทย don't she's we'll I'd T-shirt rock'n'roll 3.14 2024 1,000 50% $5 #tag @user e-mail a/b x=y "
    "<b> [ENC] C++ U.S.A. 🐕 👩‍🚀 🏳️‍🌈 ❤️ ½ ﬁ ① Ⅷ … — “quoted” ‘it’ ‹x› « » · • ™ © ° § ¿qué? ¡sí! ALLCAPS "
    "MixedCase snake_case"
).split()

_CHOSEN = [
    "",
    " ",
    "\t\n",
    ".",
    "!?",
    "...",
    "?!" * 40,
    "s",
    "S",
    "pass the glasses, miss",
    "A photo of a CAT.",
    "a  b   c",
    " leading and trailing ",
    "tab\tnewline\nreturn\r\n",
    "non\u00a0breaking\u2009thin\u3000wide",
    "zero\u200bwidth",
    "soft\u00adhyphen",
    "e\u0301 combining and é composed",
    "ΟΔΥΣΣΕΥΣ ΣΟΦΟΣ Σ",
    "İI ıi",
    "ﬁne ﬂow ™ ½",
    "bell\x07and\x00null",
    "\ufeffmark",
    "▁underline▁",
    "word " * 200,
    "x" * 5000,
    "犬" * 300,
    "🐕" * 100,
]


def many_texts() -> list[str]:
    """Return 200 texts: accents, emoji, capitals, punctuation, scripts, spaces, empty, and too long."""
    rng = random.Random(7)
    made = [" ".join(rng.choices(_WORDS, k=rng.randint(1, 24))) for _ in range(200 - len(_CHOSEN))]
    return [*_CHOSEN, *made]
