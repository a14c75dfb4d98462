"""Transcribes a video's speech: its sound, through a `Transcriber`, to a track of sentences.

The sound is divided into windows of about a minute, cut at pauses, so that a run resumed at the end of a
window makes the same windows as an uninterrupted one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vidsearch.ingest.analyzers import MEMORY_SECONDS, AudioFindings, span_params
from vidsearch.tracks import SegmentRecord, TrackSpec
from vidsearch.types import SpokenWord

if TYPE_CHECKING:
    from vidsearch.models.protocols import Transcriber
    from vidsearch.types import AudioBlock, Float32, SamplingPlan

    Span = tuple[float, float]

AUTO = "auto"
"""A detected language."""

_WINDOW_SECONDS = 60.0
_LEAST_WINDOW_SECONDS = 20.0
_PASSAGE_SECONDS = 28.0
"""Whisper takes 30 s at once; spans of speech with short pauses between them are transcribed together."""
_LONG_PAUSE_SECONDS = 2.0
"""In a longer pause, Whisper would hallucinate words."""
_MARGIN_SECONDS = 0.2
"""Sound included before and after a passage."""
_SENTENCE_SECONDS = 12.0
_SENTENCE_PAUSE_SECONDS = 1.5
"""A longer pause ends a sentence."""
_OTHER_LANGUAGE_PROBABILITY = 0.8
"""Probability from which a passage counts as being in another language than the rest."""
_SURE_LANGUAGE_PROBABILITY = 0.5
_CLEAR_WORDS = 0.65
"""Mean probability of a video's words below which they are reported as doubtful, if there are at least ..."""
_FEW_WORDS = 10
"""... so many. Measured by `benchmarks/doubtful_speech.py`."""

_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)]*$")
_CLAUSE_END = re.compile(r"[,;:，、；：–—][\"'”’»)]*$")
_ABBREVIATION = re.compile(r"^\s*(?:[A-Z]|Mr|Mrs|Ms|Dr|St|vs|etc|No)\.$")


class SpeechAnalyzer:
    """Makes a transcript: a segment for each sentence, of at most about 12 s, with word times."""

    def __init__(
        self, transcriber: Transcriber, *, language: str = AUTO, audio_track: int | None = None
    ) -> None:
        self._transcriber = transcriber
        self._language = language
        self.audio_track = audio_track

    @property
    def sample_rate(self) -> int:
        return self._transcriber.sample_rate

    def track(self, plan: SamplingPlan) -> TrackSpec:
        params: dict[str, Any] = {"weights": self._transcriber.weights_digest, **span_params(plan)}
        if self.audio_track is not None:
            params["audio_track"] = self.audio_track
        language = None if self._language == AUTO else self._language
        return TrackSpec("transcript", self._transcriber.model, params, language)

    def analyze(
        self, sound: Iterator[AudioBlock], before: Sequence[SegmentRecord] = ()
    ) -> Iterator[AudioFindings]:
        listener = _Listener(self._transcriber, self._language, before)
        for window in _windows(sound, self.sample_rate, self._transcriber.speech):
            segments = listener.sentences(window)
            until_seconds = window.start_seconds + len(window.samples) / self.sample_rate
            yield AudioFindings(until_seconds, segments, listener.notes() if window.is_last else ())


@dataclass(frozen=True, slots=True)
class _Window:
    """A part of a video's sound that is transcribed at once."""

    start_seconds: float
    samples: Float32
    spans: Sequence[Span]
    """Spans of speech, in seconds from its start."""
    is_last: bool


def _windows(
    sound: Iterator[AudioBlock], rate: int, speech: Callable[[Float32], list[Span]]
) -> Iterator[_Window]:
    """Divide sound into windows of up to a minute; calls `speech` once for each."""
    waiting: list[Float32] = []
    num_waiting = 0
    start_seconds: float | None = None
    size = round(_WINDOW_SECONDS * rate)
    for block in sound:
        start_seconds = block.start_seconds if start_seconds is None else start_seconds
        waiting.append(block.samples)
        num_waiting += len(block.samples)
        while num_waiting > size:
            samples = np.concatenate(waiting)
            spans = speech(samples[:size])
            end, spans = _cut(spans, size, rate)
            yield _Window(start_seconds, samples[:end], spans, is_last=False)
            start_seconds += end / rate
            waiting, num_waiting = [samples[end:]], num_waiting - end
    if start_seconds is not None:
        samples = np.concatenate(waiting)
        yield _Window(start_seconds, samples, speech(samples), is_last=True)


def _cut(spans: list[Span], num_samples: int, rate: int) -> tuple[int, list[Span]]:
    """Where to end a window, and the speech up to there: in its last pause, or at its end if nobody speaks
    there."""
    if not spans or spans[-1][1] < num_samples / rate - _MARGIN_SECONDS:
        return num_samples, spans
    last = len(spans) - 1
    if not last or spans[last - 1][1] < _LEAST_WINDOW_SECONDS:
        return num_samples, spans
    return round((spans[last - 1][1] + spans[last][0]) / 2 * rate), spans[:last]


class _Listener:
    """Transcribes one video, tracking its language from window to window.

    The language of an uncertain passage depends only on the sentences before it, so that a run resumed from
    the library writes the same as an uninterrupted one.
    """

    def __init__(self, transcriber: Transcriber, language: str, before: Sequence[SegmentRecord]) -> None:
        self._transcriber = transcriber
        known = transcriber.languages
        self._fixed = language if language != AUTO else known[0] if len(known) == 1 else None
        self._before = list(before)
        self._votes = _Votes()
        """Language votes of all that this run transcribed."""
        self._probabilities: list[float] = []
        """Of each word that this run transcribed."""

    def sentences(self, window: _Window) -> tuple[SegmentRecord, ...]:
        """Transcribe a window."""
        rate = self._transcriber.sample_rate
        passages = list(_passages(window.spans))
        begins = [max(0.0, passage[0][0] - _MARGIN_SECONDS) for passage in passages]
        sounds = [
            window.samples[round(begin * rate) : round((passage[-1][1] + _MARGIN_SECONDS) * rate)]
            for begin, passage in zip(begins, passages, strict=True)
        ]
        heard = [self._transcriber.language(sound) for sound in sounds] if self._fixed is None else []
        languages = self._languages(sounds, heard, window.start_seconds)
        written: list[SegmentRecord] = []
        for place, (begin, passage) in enumerate(zip(begins, passages, strict=True)):
            words = [
                replace(word, start_seconds=word.start_seconds + begin, end_seconds=word.end_seconds + begin)
                for word in self._transcriber.words(sounds[place], language=languages[place])
            ]
            about: dict[str, Any] = {"language": languages[place]}
            if heard:
                about["heard_language"] = [heard[place][0], round(heard[place][1], 3)]
            sentences = _sentences(list(_within(words, passage)))
            written += [_record(sentence, window.start_seconds, about) for sentence in sentences]
            self._probabilities += [word.probability for word in words]
        self._before += written
        return tuple(written)

    def notes(self) -> tuple[str, ...]:
        """The warnings about an uncertain language and doubtful words, at the end."""
        return tuple(note for note in (self._doubtful_language(), self._doubtful_words()) if note)

    def _doubtful_language(self) -> str | None:
        if not self._votes.by_language:
            return None
        language = self._votes.most
        probability = self._votes.by_language[language] / self._votes.seconds
        if probability >= _SURE_LANGUAGE_PROBABILITY:
            return None
        return (
            f"which language is spoken is not certain ({language}, with a probability of {probability:.0%}): "
            "say it with --language"
        )

    def _doubtful_words(self) -> str | None:
        if len(self._probabilities) < _FEW_WORDS:
            return None
        probability = sum(self._probabilities) / len(self._probabilities)
        if probability >= _CLEAR_WORDS:
            return None
        known = self._transcriber.languages
        why = f"; the model knows {known[0]} alone" if len(known) == 1 else ""
        return (
            f"what was heard is doubtful, its words {probability:.0%} sure on average{why}: "
            "another --speech-model may hear more"
        )

    def _languages(
        self, sounds: Sequence[Float32], heard: Sequence[tuple[str, float]], start_seconds: float
    ) -> list[str]:
        """The language of each passage: that of the last ten minutes, unless a passage is confidently in
        another."""
        if self._fixed is not None:
            return [self._fixed] * len(sounds)
        since = start_seconds - MEMORY_SECONDS
        self._before = [segment for segment in self._before if segment.end_seconds > since]
        votes = _Votes()
        for segment in self._before:
            if "heard_language" in segment.attributes:
                language, probability = segment.attributes["heard_language"]
                votes.add(language, probability, segment.end_seconds - segment.start_seconds)
        for (language, probability), sound in zip(heard, sounds, strict=True):
            seconds = len(sound) / self._transcriber.sample_rate
            votes.add(language, probability, seconds)
            self._votes.add(language, probability, seconds)
        return [
            language if probability >= _OTHER_LANGUAGE_PROBABILITY else votes.most
            for language, probability in heard
        ]


class _Votes:
    """The most spoken language."""

    def __init__(self) -> None:
        self.by_language: dict[str, float] = {}
        """Seconds in each language, weighted by probability."""
        self.seconds = 0.0

    def add(self, language: str, probability: float, seconds: float) -> None:
        self.by_language[language] = self.by_language.get(language, 0.0) + probability * seconds
        self.seconds += seconds

    @property
    def most(self) -> str:
        return max(self.by_language, key=self.by_language.__getitem__)


def _passages(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Group spans of speech that are transcribed together."""
    passage: list[Span] = []
    for start, end in spans:
        if passage and (
            start - passage[-1][1] > _LONG_PAUSE_SECONDS or end - passage[0][0] > _PASSAGE_SECONDS
        ):
            yield passage
            passage = []
        passage.append((start, end))
    if passage:
        yield passage


def _within(words: Sequence[SpokenWord], spans: Sequence[Span]) -> Iterator[SpokenWord]:
    """Clip words' times to the speech: Whisper often includes the pause before a first word and after a last
    one."""
    last = spans[0][0]
    for word in words:
        spoken = [
            (start, end) for start, end in spans if start < word.end_seconds and word.start_seconds < end
        ]
        start, end = word.start_seconds, word.end_seconds
        if spoken:
            # The span that contains most of the word.
            most = max(spoken, key=lambda span: min(end, span[1]) - max(start, span[0]))
            start, end = max(start, most[0]), min(end, most[1])
        start = max(start, last)
        end = max(end, start + 0.01)
        last = end
        yield replace(word, start_seconds=start, end_seconds=end)


def _sentences(words: Sequence[SpokenWord]) -> Iterator[Sequence[SpokenWord]]:
    """Split words at ends of sentences and at long pauses; split what is too long at the best place."""
    sentence: list[SpokenWord] = []
    for word in words:
        if sentence and (
            _ends_sentence(sentence[-1])
            or word.start_seconds - sentence[-1].end_seconds > _SENTENCE_PAUSE_SECONDS
        ):
            yield from _split(sentence)
            sentence = []
        sentence.append(word)
    if sentence:
        yield from _split(sentence)


def _ends_sentence(word: SpokenWord) -> bool:
    return bool(_SENTENCE_END.search(word.text)) and not _ABBREVIATION.match(word.text)


def _split(words: Sequence[SpokenWord]) -> Iterator[Sequence[SpokenWord]]:
    """Split what is too long near the middle, at the end of a clause or at the longest pause."""
    length = words[-1].end_seconds - words[0].start_seconds
    if length <= _SENTENCE_SECONDS or len(words) < 2:
        yield words
        return
    middle = words[0].start_seconds + length / 2

    def merit(place: int) -> float:
        before, after = words[place - 1], words[place]
        pause = min(1.0, after.start_seconds - before.end_seconds)
        clause = 1.0 if _CLAUSE_END.search(before.text) else 0.0
        return clause + pause - abs(before.end_seconds - middle) / length * 2

    place = max(range(1, len(words)), key=merit)
    yield from _split(words[:place])
    yield from _split(words[place:])


def _record(words: Sequence[SpokenWord], start_seconds: float, about: Mapping[str, Any]) -> SegmentRecord:
    def at(seconds: float) -> float:
        return round(start_seconds + seconds, 3)

    return SegmentRecord(
        start_seconds=at(words[0].start_seconds),
        end_seconds=at(words[-1].end_seconds),
        text="".join(word.text for word in words).strip(),
        attributes={
            **about,
            "probability": round(sum(word.probability for word in words) / len(words), 3),
            "words": [
                [at(word.start_seconds), at(word.end_seconds), word.text.strip(), round(word.probability, 3)]
                for word in words
            ],
        },
    )
