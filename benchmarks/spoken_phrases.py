"""Is what is said found, by its words and by other words, through all that is between sound and answer?

    python benchmarks/spoken_phrases.py SPEECH ../shared/data/flickr8k_224 --model WHISPER [--voice slt]

Data: the folder SPEECH holds the sounds that `spoken_phrases.json` names: read speech, of one book mostly.
With `--voice`, the lines of the talks to report of `said_lines.json` are said by flite (Debian's `flite`), a
plain machine's voice. Each of the two becomes a film: utterances in random order, with silence, noise and
music between them, beside photographs of Flickr8k's development split that change every second.

The films are indexed with `mini` and Whisper. Phrases are asked for by four words in their middle and by a
paraphrase, both written down before anything was searched for, in all kinds of evidence and in speech alone.
Found is a first hit that begins where the phrase's utterance is. Intervals are of a bootstrap, 95%. At last
the read film is asked for nonsense, for the verdicts.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from calibration_queries import NONSENSE_SENTENCES, NONSENSE_WORDS
from search_words import interval, middle, talks
from speech import DISTRACTIONS, OFFSET_SECONDS, RATE, distraction, write_film

from vidsearch.evaluation.datasets import RetrievalSet, open_dataset
from vidsearch.evaluation.speech import read_sound
from vidsearch.media.images import read_image
from vidsearch.service.library import Library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidsearch.types import Float32, SearchHit, UInt8Image

PHRASES = Path(__file__).with_name("spoken_phrases.json")
NUM_PHOTOGRAPHS = 300
EARLY_SECONDS = 0.5
"""A hit may begin so long before its utterance."""


@dataclass(frozen=True)
class Phrase:
    """Something that is said, other words for it, and where."""

    words: str
    paraphrase: str
    film: str
    start_seconds: float
    end_seconds: float


def main() -> None:
    """Make the films, index them, ask, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("speech", type=Path, help="folder with the sound files")
    parser.add_argument("photographs", type=Path, help="folder with captions.jsonl and images/")
    parser.add_argument("--model", required=True, help="a Whisper model: name or folder")
    parser.add_argument("--voice", help="flite's voice for made-up talks, such as slt; without it none")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dataset = open_dataset(options.photographs, split="dev")
    assert isinstance(dataset, RetrievalSet)
    pictures = [read_image(path) for path in dataset.paths[:NUM_PHOTOGRAPHS]]
    with tempfile.TemporaryDirectory() as folder:
        films = Path(folder) / "films"
        films.mkdir()
        said = read_utterances(options.speech)
        phrases = film(films / "read.mp4", said, pictures, options.seed)
        if options.voice:
            said = spoken(Path(folder), options.voice)
            phrases += film(films / "made-up.mp4", said, pictures[::-1], options.seed)
        with Library.create(Path(folder) / "library") as library:
            library.index(films, models="mini", captions=False, speech=True, speech_model=options.model)
            for name in dict.fromkeys(phrase.film for phrase in phrases):
                ask(library, [phrase for phrase in phrases if phrase.film == name])
            for name, queries in (("sentences", NONSENSE_SENTENCES), ("words", NONSENSE_WORDS)):
                told = Counter(library.search(query, video="read.mp4").verdict for query in queries)
                print(f"nonsense {name}, asked of read.mp4: {dict(told)}")


def read_utterances(folder: Path) -> list[tuple[Float32, list[list[str]]]]:
    """Sounds, and the phrases in each with a paraphrase."""
    of_sounds: dict[str, list[list[str]]] = {}
    for name, words, paraphrase in json.loads(PHRASES.read_text())["phrases"]:
        of_sounds.setdefault(name, []).append([words, paraphrase])
    return [(read_sound(folder / f"{name}.flac", RATE), phrases) for name, phrases in of_sounds.items()]


def spoken(folder: Path, voice: str) -> list[tuple[Float32, list[list[str]]]]:
    """The same of made-up talks, said by a machine."""
    lines = talks("report")
    sounds = []
    for line, _ in lines:
        file = folder / "line.wav"
        subprocess.run(["flite", "-voice", voice, "-t", line, "-o", str(file)], check=True)
        sounds.append(read_sound(file, RATE))
    return [(sound, [pair]) for sound, pair in zip(sounds, lines, strict=True)]


def film(
    path: Path,
    said: Sequence[tuple[Float32, list[list[str]]]],
    pictures: Sequence[UInt8Image],
    seed: int,
) -> list[Phrase]:
    """Write a film in which this is said in random order, and return where each phrase is."""
    rng, chance = np.random.default_rng(seed), random.Random(seed)
    parts: list[Float32] = []
    phrases: list[Phrase] = []
    seconds = OFFSET_SECONDS
    for number, (sound, within) in enumerate(chance.sample(list(said), len(said))):
        rest = distraction(DISTRACTIONS[number % 3], chance.uniform(0.5, 4.0), rng)
        start = seconds + len(rest) / RATE
        seconds = start + len(sound) / RATE
        phrases += [Phrase(words, other, path.name, start, seconds) for words, other in within]
        parts += [rest, sound]
    write_film(path, np.concatenate(parts), pictures)
    return phrases


def ask(library: Library, phrases: Sequence[Phrase]) -> None:
    """Ask for phrases, and print how often each is found first, and among five."""
    print(f"{phrases[0].film}: {len(phrases)} phrases; first / among five")
    for how in ("words", "paraphrase"):
        for title, kinds in (("all kinds", None), ("speech alone", ["speech"])):
            ranks = []
            for phrase in phrases:
                query = middle(phrase.words) if how == "words" else phrase.paraphrase
                hits = library.search(query, num_hits=5, kinds=kinds)
                ranks.append(next((n for n, hit in enumerate(hits) if is_of(hit, phrase)), 5))
            is_first = (np.asarray(ranks) < 1).astype(np.float64)
            low, high = interval(is_first)
            print(
                f"  by {how + ',':12}{title:14}{100 * is_first.mean():5.0f} [{low:.0f}, {high:.0f}]"
                f" {100 * (np.asarray(ranks) < 5).mean():5.0f}"
            )
            if kinds is None:
                missed = [phrase for phrase, rank in zip(phrases, ranks, strict=True) if rank]
                for phrase in missed:
                    print(f"    not first: {middle(phrase.words) if how == 'words' else phrase.paraphrase}")


def is_of(hit: SearchHit, phrase: Phrase) -> bool:
    """Whether a hit begins where a phrase's utterance is."""
    early = phrase.start_seconds - EARLY_SECONDS
    return hit.video.path.name == phrase.film and early <= hit.start_seconds < phrase.end_seconds


if __name__ == "__main__":
    main()
