"""Words that come with a video: subtitle streams, chapters, files beside it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.synthetic import numbered, write_video
from vidsearch.errors import MediaError
from vidsearch.media.embedded import (
    Subtitles,
    SubtitleStream,
    find_sidecars,
    streams_and_chapters,
    subtitles,
)
from vidsearch.types import TimedText

Cue = tuple[float, float, bytes]

ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,20

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def with_subtitles(
    folder: Path,
    cues: Sequence[Cue],
    *,
    codec: str = "subrip",
    suffix: str = ".mkv",
    metadata: dict[str, str] | None = None,
    start_seconds: float = 0.0,
    chapter_marks: Sequence[tuple[float, float, str | None]] = (),
) -> Path:
    """A small video that carries these cues (start, end, packet) as a second stream."""
    plain = write_video(folder / f"plain{suffix}", numbered, num_frames=50, start_seconds=start_seconds)
    path = folder / f"film{suffix}"
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        pictures = target.add_stream_from_template(source.streams.video[0])
        words = target.add_stream(codec)
        assert isinstance(words, av.subtitles.stream.SubtitleStream)
        words.metadata.update(metadata or {})
        words.time_base = Fraction(1, 1000)
        words.codec_context.subtitle_header = ASS_HEADER
        if chapter_marks:
            target.set_chapters(
                [
                    {
                        "id": number,
                        "start": round(start * 1000),
                        "end": round(end * 1000),
                        "time_base": Fraction(1, 1000),
                        "metadata": {} if title is None else {"title": title},
                    }
                    for number, (start, end, title) in enumerate(chapter_marks)
                ]
            )
        target.start_encoding()
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = pictures
                target.mux(packet)
        for start, end, data in cues:
            cue = av.Packet(data)
            cue.stream, cue.time_base = words, Fraction(1, 1000)
            cue.pts = cue.dts = round(1000 * (start + start_seconds))
            cue.duration = round(1000 * (end - start))
            target.mux(cue)
    return path


def test_a_stream_is_listed_with_its_language_and_title(tmp_path: Path) -> None:
    path = with_subtitles(
        tmp_path, [(0, 1, b"Hello")], metadata={"language": "ger", "title": "Deutsch  (voll)"}
    )
    assert streams_and_chapters(path)[0] == (
        SubtitleStream(
            index=1,
            codec="subrip",
            language="de",
            title="Deutsch (voll)",
            is_text=True,
            is_default=False,
            is_forced=False,
        ),
    )


def test_a_video_without_any_has_none(tmp_path: Path) -> None:
    path = write_video(tmp_path / "plain.mp4", numbered, num_frames=5)
    assert streams_and_chapters(path) == ((), ())
    with pytest.raises(MediaError, match="no subtitle stream 0"):
        subtitles(path, 0)


def test_markup_goes_and_empty_packets_are_passed_over(tmp_path: Path) -> None:
    path = with_subtitles(
        tmp_path,
        [
            (0.0, 1.0, b"<i>Where</i> is\nthe {\\an8}<font color='red'>train</font>?"),
            (1.0, 1.2, b" "),
            (1.25, 2, b"Gone."),
        ],
    )
    assert subtitles(path, 1) == Subtitles(
        (TimedText(0.0, 1.0, "Where is the train?"), TimedText(1.25, 2.0, "Gone.")), num_unread=0
    )


def test_ass_layers_and_drawings_are_one_cue(tmp_path: Path) -> None:
    def event(number: int, text: str) -> bytes:
        return f"{number},{number},Default,,0,0,0,,{text}".encode()

    path = with_subtitles(
        tmp_path,
        [
            (0.5, 1.5, event(0, r"{\pos(1,2)\b1}Stop{\b0},\Nyou!")),
            (0.5, 1.5, event(1, r"{\blur3}Stop,\Nyou!")),
            (0.5, 1.5, event(2, r"{\p1}m 0 0 l 100 0 100 100{\p0}")),
        ],
        codec="ass",
    )
    assert subtitles(path, 1).cues == (TimedText(0.5, 1.5, "Stop, you!"),)


def test_mp4_text_is_read_and_its_gaps_are_none(tmp_path: Path) -> None:
    def sample(text: str) -> bytes:
        return len(text.encode()).to_bytes(2, "big") + text.encode()

    path = with_subtitles(
        tmp_path,
        [(0.0, 0.5, sample("Grüße")), (0.5, 1.0, sample("")), (1.0, 2.0, sample("Ende"))],
        codec="mov_text",
        suffix=".mp4",
        metadata={"language": "eng"},
    )
    ((stream,), _) = streams_and_chapters(path)
    assert (stream.codec, stream.language) == ("mov_text", "en")
    assert subtitles(path, stream.index).cues == (TimedText(0.0, 0.5, "Grüße"), TimedText(1.0, 2.0, "Ende"))


def test_times_count_from_the_first_picture(tmp_path: Path) -> None:
    path = with_subtitles(tmp_path, [(0.5, 1.0, b"Hello")], start_seconds=20.0)
    assert subtitles(path, 1).cues == (TimedText(0.5, 1.0, "Hello"),)


def test_text_that_is_not_utf_8_is_read_all_the_same(tmp_path: Path) -> None:
    path = with_subtitles(tmp_path, [(0, 1, "Café à côté".encode("cp1252")), (1, 2, b"Fin")])
    assert subtitles(path, 1) == Subtitles(
        (TimedText(0.0, 1.0, "Café à côté"), TimedText(1.0, 2.0, "Fin")), num_unread=0
    )


def test_a_cue_without_an_end_stays_until_the_next(tmp_path: Path) -> None:
    path = with_subtitles(tmp_path, [(0.0, 0.0, b"one"), (1.0, 1.0, b"two")])
    assert subtitles(path, 1).cues == (TimedText(0.0, 1.0, "one"), TimedText(1.0, 6.0, "two"))


def test_packets_that_do_not_decode_are_counted(tmp_path: Path) -> None:
    path = with_subtitles(
        tmp_path, [(0, 1, b"\xff\xff"), (1, 2, b"\x00\x02ok")], codec="mov_text", suffix=".mp4"
    )
    read = subtitles(path, 1)
    assert (read.cues, read.num_unread) == ((TimedText(1.0, 2.0, "ok"),), 1)


def test_subtitles_that_are_pictures_are_said_to_be(tmp_path: Path) -> None:
    path = with_subtitles(tmp_path, [(0, 1, b"\x16\x00\x00")], codec="dvdsub")
    ((stream,), _) = streams_and_chapters(path)
    assert (stream.codec, stream.is_text) == ("dvd_subtitle", False)
    with pytest.raises(MediaError, match=r"stream 1 holds no text \(dvd_subtitle\)"):
        subtitles(path, 1)


def test_chapters_have_their_times_and_titles(tmp_path: Path) -> None:
    path = with_subtitles(
        tmp_path,
        [(0, 1, b"x")],
        chapter_marks=[(0, 0.8, "Opening"), (0.8, 1.5, None), (1.5, 2.0, "The  end")],
    )
    assert streams_and_chapters(path)[1] == (
        TimedText(0.0, 0.8, "Opening"),
        TimedText(0.8, 1.5, ""),
        TimedText(1.5, 2.0, "The end"),
    )


def test_sidecars_are_known_by_name(tmp_path: Path) -> None:
    names = ("film.mp4", "film.part2.mp4", "film.fr.mp4", "other.mp4")
    sidecars = {
        "film.srt": None,
        "Film.EN.srt": "en",
        "film.pt-BR.forced.vtt": "pt-BR",
        "film.ger.ass": "de",
        "film.mp4.srt": None,
        "film.sdh.srt": None,
        "film.hi.srt": "hi",
    }
    others = (
        "film.fr.srt",
        "film.part2.srt",
        "film2.srt",
        "film.en.txt",
        "other.en.srt",
        "film.director.srt",
    )
    for name in itertools.chain(names, sidecars, others):
        (tmp_path / name).touch()
    found = {path.name: language for path, language in find_sidecars(tmp_path / "film.mp4")}
    assert found == sidecars
    assert find_sidecars(tmp_path / "film.fr.mp4") == [(tmp_path / "film.fr.srt", None)]
    assert find_sidecars(tmp_path / "gone" / "film.mp4") == []


def test_a_folder_is_looked_into_once_for_all_its_videos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards the time of each short clip: every name in the folder was taken apart for each of its videos."""
    for number in range(50):
        (tmp_path / f"{number}.mp4").touch()
    (tmp_path / "7.de.srt").touch()
    find_sidecars(tmp_path / "0.mp4")
    monkeypatch.setattr("os.listdir", None)
    monkeypatch.setattr("os.path.splitext", None)

    assert [find_sidecars(tmp_path / f"{number}.mp4") for number in (6, 7)] == [
        [],
        [(tmp_path / "7.de.srt", "de")],
    ]


def test_a_sidecar_that_comes_later_is_found(tmp_path: Path) -> None:
    assert find_sidecars(tmp_path / "film.mp4") == []
    (tmp_path / "film.srt").touch()
    assert find_sidecars(tmp_path / "film.mp4") == [(tmp_path / "film.srt", None)]
