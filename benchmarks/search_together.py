"""All kinds of evidence together: do words hide pictures, or pictures words?

    python benchmarks/search_together.py ../shared/data/flickr8k_224 [--num-photographs 300]

Data: a video of Flickr8k development photographs, two seconds each: the last ones to report, or the first
ones (`--first`), to choose on. The lines of the talks of `said_lines.json` that fitted nothing are
said over some of them, and those of the others are on the screen over some: each over a picture that has
nothing to do with it. Some photographs have both, some one of them, some none.

Asked is, in all kinds of evidence and in one alone, for photographs by their human captions, for lines by
four of their words, and for lines by their paraphrases. Found is a moment whose best frame is one of the
right two. The last way leaves lines as sure as they are where no pictures are looked at. Intervals are of a
bootstrap over queries, 95%; of differences from the one kind, over pairs. At last all are asked for in all
kinds again, and what is not there, for the verdicts and the kinds of evidence that first hits name first.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, get_args
from unittest import mock

import numpy as np
from calibration_queries import NONSENSE_SENTENCES, NONSENSE_WORDS
from made_up import add_video
from search_words import FILE, interval, middle, talks
from spoken_phrases import PHRASES

from vidsearch.evaluation.datasets import RetrievalSet, open_dataset
from vidsearch.ingest.lines import read_lines
from vidsearch.media.images import read_image
from vidsearch.models.mini import MiniEmbedder
from vidsearch.search.answer import Verdict
from vidsearch.search.engine import Searcher
from vidsearch.search.query import Query
from vidsearch.search.retrievers import SegmentRanking
from vidsearch.store.store import Store
from vidsearch.tracks import SegmentRecord, TrackSpec
from vidsearch.types import Fingerprint, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SECONDS = 2.0
BATCH = 50


def main() -> None:
    """Build the library, ask, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with captions.jsonl and images/")
    parser.add_argument("--num-photographs", type=int, default=300)
    parser.add_argument("--first", action="store_true", help="the photographs to choose on")
    options = parser.parse_args()
    dataset = open_dataset(options.data, split="dev")
    assert isinstance(dataset, RetrievalSet)
    first = 0 if options.first else len(dataset.paths) - options.num_photographs
    last = first + options.num_photographs
    described = [
        (text, of - first)
        for text, of in zip(dataset.texts, dataset.described, strict=True)
        if first <= of < last
    ]
    on_screen, said = talks("fit"), talks("report")
    rng = np.random.default_rng(0)
    places = {
        name: rng.choice(options.num_photographs, len(lines), replace=False)
        for name, lines in (("speech", said), ("text", on_screen))
    }
    with tempfile.TemporaryDirectory() as folder:
        library, embedder = built(Path(folder), dataset.paths[first:last], places, said, on_screen)
        searcher = Searcher(library, encoders={embedder.space: embedder})
        captions, of_photographs = [text for text, _ in described], np.asarray([of for _, of in described])
        asked = (
            ("a photograph, by a caption", captions, of_photographs, "pictures"),
            ("what is said, by four words", [middle(line) for line, _ in said], places["speech"], "speech"),
            ("what is said, by a paraphrase", [other for _, other in said], places["speech"], "speech"),
            ("on the screen, by four words", [middle(line) for line, _ in on_screen], places["text"], "text"),
            ("on the screen, by a paraphrase", [other for _, other in on_screen], places["text"], "text"),
        )
        for name, queries, at, alone in asked:
            print(f"{name}: {len(queries)} queries; R@1 / R@5")
            for title, kinds, as_alone in (
                (f"{alone} alone", (alone,), False),
                ("all kinds", None, False),
                ("lines as sure as alone", None, True),
            ):
                with (
                    mock.patch.object(SegmentRanking, "beside_pictures", unchanged)
                    if as_alone
                    else nullcontext()
                ):
                    ranks = np.asarray(
                        [
                            rank(searcher, query, kinds, place)
                            for query, place in zip(queries, at, strict=True)
                        ]
                    )
                is_first = (ranks < 1).astype(np.float64)
                if kinds is not None:
                    by_one_kind = is_first
                print(
                    f"  {title:24}{share(is_first)} {100 * (ranks < 5).mean():5.1f}"
                    f"   difference {share(is_first - by_one_kind)}"
                )
        absent = [other for *_, other in json.loads(PHRASES.read_text())["phrases"]]
        print("verdicts, and what the first hits say: found / unsure / nothing")
        everything: list[tuple[str, Sequence[str]]] = [
            *((each[0], each[1]) for each in asked),
            ("what nobody says, by a paraphrase", absent),
            ("what nobody says or shows", json.loads(FILE.read_text())["unsaid"]),
            ("nonsense, sentences", NONSENSE_SENTENCES),
            ("nonsense, one or two words", NONSENSE_WORDS),
        ]
        for name, texts in everything:
            answers = [searcher.search(Query(text=text)) for text in texts]
            told = Counter(answer.verdict for answer in answers)
            verdicts = " / ".join(f"{told[each] / len(answers):.0%}" for each in get_args(Verdict))
            reasons = Counter(answer.hits[0].evidence[0].kind for answer in answers if answer.hits)
            print(f"  {name:34}{verdicts:20} {dict(reasons)}")
        library.close()


def share(values: NDArray[np.float64]) -> str:
    """A mean and its interval, in percent."""
    low, high = interval(values)
    return f"{100 * values.mean():5.1f} [{low:.1f}, {high:.1f}]"


def unchanged(ranking: SegmentRanking, _: float) -> SegmentRanking:
    """Stand in for `SegmentRanking.beside_pictures`."""
    return ranking


def built(
    folder: Path,
    photographs: Sequence[Path],
    places: dict[str, np.ndarray],
    said: list[list[str]],
    on_screen: list[list[str]],
) -> tuple[Store, MiniEmbedder]:
    """A library of one video, with its pictures, speech and text."""
    embedder = MiniEmbedder()
    vectors = np.concatenate(
        [
            embedder.embed_images([read_image(path) for path in photographs[start : start + BATCH]])
            for start in range(0, len(photographs), BATCH)
        ]
    )
    rows = np.repeat(vectors, int(SECONDS), axis=0)
    file = folder / "video.mp4"
    file.touch()
    stat = file.stat()
    info = VideoInfo(0, "mp4", "h264", 224, 224, 0, 1.0, float(len(rows)), 0, None)
    library = Store.open(folder / "library", create=True)
    fingerprint = Fingerprint("0" * 64, "0" * 64, stat.st_size, stat.st_mtime_ns)
    add_video(library, file, fingerprint, info, embedder.space, rows, [""] * len(rows))
    (video,) = library.videos()
    for kind, lines, at in (
        ("transcript", said, places["speech"]),
        ("ocr", on_screen, places["text"]),
    ):
        records = [
            SegmentRecord(SECONDS * place, SECONDS * (place + 1), line)
            for (line, _), place in zip(lines, at.tolist(), strict=True)
        ]
        library.put_track(video.id, TrackSpec(kind, "benchmark"), records)  # type: ignore[arg-type]
    read_lines(library)
    return library, embedder


def rank(searcher: Searcher, query: str, kinds: tuple[str, ...] | None, place: int) -> int:
    """The place of the first hit that is where it should be, from 0; 10 where none of ten is."""
    hits = searcher.search(Query(text=query, kinds=kinds)).hits
    start = SECONDS * place
    return next((n for n, hit in enumerate(hits) if start <= hit.time_seconds < start + SECONDS), 10)


if __name__ == "__main__":
    main()
