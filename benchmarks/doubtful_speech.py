"""When words that were heard are said to be doubtful: other languages, and noise, through an English Whisper.

    python benchmarks/doubtful_speech.py SPEECH_FOLDER --model WHISPER

SPEECH_FOLDER holds sound files and their words, as for benchmarks/speech.py. Each is heard as it is, and
under white noise. Sentences in seven other languages and in English are spoken by espeak-ng, which has to be
installed. Printed are the share of wrong words, where the words are English, and what is said of them.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.evaluation.speech import open_speech, read_sound, word_errors
from vidsearch.ingest.speech import SpeechAnalyzer
from vidsearch.models.device import Device
from vidsearch.models.whisper import load_transcriber
from vidsearch.types import AudioBlock

if TYPE_CHECKING:
    from vidsearch.models.protocols import Transcriber
    from vidsearch.types import Float32

RATE = 16_000
NOISES_DB = (10, 5, 0, -5)
"""How much louder the speech is than the noise."""
SENTENCES = {
    "en-us": "Good morning, ladies and gentlemen. Today we talk about the weather and the city.",
    "en-gb": "The committee met on Thursday to discuss the budget. Nobody objected.",
    "de": "Guten Tag, meine Damen und Herren. Heute sprechen wir über das Wetter und die Stadt.",
    "fr": "Bonjour mesdames et messieurs. Aujourd'hui nous parlons du temps et de l'histoire de la ville.",
    "es": "Buenos días señoras y señores. Hoy hablamos del tiempo y de la historia de la ciudad.",
    "it": "Buongiorno signore e signori. Oggi parliamo del tempo e della storia della città.",
    "nl": "Goedendag dames en heren. Vandaag spreken we over het weer en over de geschiedenis van de stad.",
    "pl": "Dzień dobry panie i panowie. Dzisiaj mówimy o pogodzie i o historii miasta.",
    "ru": "Добрый день, дамы и господа. Сегодня мы говорим о погоде и об истории города.",
}


def heard(transcriber: Transcriber, sound: Float32) -> tuple[str, str]:
    """What is written down, and what is said of it."""
    found = list(SpeechAnalyzer(transcriber).analyze(iter([AudioBlock(0.0, sound)])))
    text = " ".join(segment.text or "" for each in found for segment in each.segments)
    return text, "; ".join(note for each in found for note in each.notes) or "nothing"


def under_noise(sound: Float32, decibels: float) -> Float32:
    """Speech under white noise."""
    noise = np.random.default_rng(0).standard_normal(len(sound)).astype(np.float32)
    loudness = np.sqrt((sound**2).mean() / 10 ** (decibels / 10))
    noisy: Float32 = (0.5 * (sound + loudness * noise)).astype(np.float32)
    return noisy


def spoken(voice: str, text: str) -> Float32:
    """What espeak-ng says."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoken.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", str(path), text], check=True)
        return read_sound(path, RATE)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", required=True)
    arguments = parser.parse_args()
    transcriber = load_transcriber(arguments.model, device=Device("cpu", "fp32"), num_threads=1)
    for utterance in open_speech(arguments.folder):
        sound = read_sound(utterance.path, RATE)
        for name, each in [("clean", sound), *((f"{db} dB", under_noise(sound, db)) for db in NOISES_DB)]:
            text, notes = heard(transcriber, each)
            wrong = word_errors(utterance.text, text).rate
            print(f"{utterance.path.stem}, {name}: {wrong:.0%} wrong, said: {notes}", flush=True)
    for voice, sentence in SENTENCES.items():
        text, notes = heard(transcriber, spoken(voice, sentence))
        is_english = voice.startswith("en")
        written = f"{word_errors(sentence, text).rate:.0%} wrong" if is_english else text[:60]
        print(f"{voice}: {written}, said: {notes}", flush=True)


if __name__ == "__main__":
    main()
