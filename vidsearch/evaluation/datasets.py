"""Data sets of captioned pictures, captioned videos and described moments, as people have them on disk.

Each reader takes a folder in the form in which its data set is given out, and returns plain data. Nothing is
fetched. Of annotations only text formats are read: no pickles.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidsearch.errors import QueryError

_VIDEO_ENDINGS = (".mp4", ".avi", ".mkv", ".webm", ".mov")


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """Pictures or videos, and texts that each describe one of them."""

    name: str
    split: str
    paths: tuple[Path, ...]
    are_videos: bool
    texts: tuple[str, ...]
    described: tuple[int, ...]
    """For each text, the number of its picture or video."""


@dataclass(frozen=True, slots=True)
class MomentQuery:
    """A text, and when in its video it comes true."""

    text: str
    path: Path
    spans: tuple[tuple[float, float], ...]
    """Seconds, [start, end), of each right moment or each annotator."""


@dataclass(frozen=True, slots=True)
class MomentSet:
    """Texts that describe moments of videos."""

    name: str
    split: str
    queries: tuple[MomentQuery, ...]


Dataset = RetrievalSet | MomentSet


def open_dataset(folder: Path, *, kind: str = "auto", split: str | None = None) -> Dataset:
    """Read a data set; `auto` tells its kind by the files in the folder.

    `split` is "test" or what else the data set has; None is its usual test split. Pictures and videos that
    are not on disk are left out. Raises QueryError where the folder holds no such data set, or none of its
    files.
    """
    if kind == "auto":
        kind = next((name for name, reader in READERS.items() if reader.fits(folder)), "")
        if not kind:
            raise QueryError(f"{folder} holds no data set that is known here: {', '.join(READERS)}.")
    if kind not in READERS:
        raise QueryError(f"{kind!r} is no data set that is known here: {', '.join(READERS)}.")
    reader = READERS[kind]
    if not reader.fits(folder):
        raise QueryError(f"{folder} is not {kind}: it should hold {reader.marks[0]}.")
    return reader.read(folder, split or reader.usual_split)


@dataclass(frozen=True, slots=True)
class Reader:
    """How one kind of data set is told and read."""

    marks: tuple[str, ...]
    """Patterns of files, one of which tells the kind."""
    read: Callable[[Path, str], Dataset]
    usual_split: str = "test"

    def fits(self, folder: Path) -> bool:
        return any(True for mark in self.marks for _ in folder.glob(mark))


def _flickr_lines(folder: Path, split: str) -> Dataset:
    """One JSON object a line: {"image", "split", "captions"}."""
    rows = [json.loads(line) for line in (folder / "captions.jsonl").read_text().splitlines() if line]
    pairs = ((folder / row["image"], row["captions"]) for row in rows if row.get("split", split) == split)
    return _captioned("flickr8k", split, pairs)


def _flickr_tokens(folder: Path, split: str) -> Dataset:
    """Flickr8k as given out: Flickr8k.token.txt, a list of names per split, and the pictures."""
    captions: dict[str, list[str]] = {}
    for line in next(folder.rglob("Flickr8k.token.txt")).read_text().splitlines():
        mark, _, text = line.partition("\t")
        captions.setdefault(mark.partition("#")[0], []).append(text.strip())
    names = next(folder.rglob(f"Flickr_8k.{split}Images.txt")).read_text().split()
    where = _files(folder, (".jpg",))
    return _captioned(
        "flickr8k", split, ((where.get(name), captions[name]) for name in names if name in captions)
    )


def _karpathy(folder: Path, split: str) -> Dataset:
    """Karpathy's splits of Flickr8k, Flickr30k and COCO: dataset_NAME.json and the pictures."""
    path = next(folder.glob("dataset*.json"))
    source = json.loads(path.read_text())
    where = _files(folder, (".jpg",))
    pairs = (
        (where.get(image["filename"]), [sentence["raw"] for sentence in image["sentences"]])
        for image in source["images"]
        if image["split"] == split
    )
    return _captioned(source.get("dataset") or path.stem.removeprefix("dataset_"), split, pairs)


def _coco(folder: Path, split: str) -> Dataset:
    """COCO as given out: annotations/captions_SPLIT.json and the pictures in SPLIT/."""
    source = json.loads((folder / "annotations" / f"captions_{split}.json").read_text())
    captions: dict[int, list[str]] = {}
    for annotation in source["annotations"]:
        captions.setdefault(annotation["image_id"], []).append(annotation["caption"])
    pairs = (
        (folder / split / image["file_name"], captions.get(image["id"], [])) for image in source["images"]
    )
    return _captioned("coco", split, pairs)


def _msrvtt(folder: Path, split: str) -> Dataset:
    """MSR-VTT: the 1k-A list MSRVTT_JSFUSION_test.csv, else a JSON file with "videos" and "sentences"."""
    where = _files(folder, _VIDEO_ENDINGS)
    captions: dict[str, list[str]] = {}
    lists = sorted(folder.rglob("MSRVTT_JSFUSION_test.csv"))
    if lists and split == "test":
        with lists[0].open(newline="") as file:
            for row in csv.DictReader(file):
                captions.setdefault(row["video_id"], []).append(row["sentence"])
    else:
        for path in sorted({*folder.rglob("MSRVTT*.json"), *folder.rglob("*videodatainfo.json")}):
            source = json.loads(path.read_text())
            names = {video["video_id"] for video in source["videos"] if video["split"] == split}
            for sentence in source["sentences"]:
                if sentence["video_id"] in names:
                    captions.setdefault(sentence["video_id"], []).append(sentence["caption"])
    return _captioned("msrvtt", split, _by_stem(where, captions), are_videos=True)


def _msvd(folder: Path, split: str) -> Dataset:
    """MSVD: AllVideoDescriptions.txt ("NAME caption" lines), SPLIT_list.txt, and the clips."""
    names = set(next(folder.rglob(f"{split}_list.txt")).read_text().split())
    captions: dict[str, list[str]] = {}
    for line in next(folder.rglob("AllVideoDescriptions.txt")).read_text().splitlines():
        name, _, text = line.partition(" ")
        if name in names and text:
            captions.setdefault(name, []).append(text)
    return _captioned("msvd", split, _by_stem(_files(folder, _VIDEO_ENDINGS), captions), are_videos=True)


def _didemo(folder: Path, split: str) -> Dataset:
    """DiDeMo: SPLIT_data.json with "times" in segments of five seconds, and the videos."""
    where = _files(folder, _VIDEO_ENDINGS)
    stems = {Path(name).stem: path for name, path in where.items()}
    queries = []
    for row in json.loads(next(folder.rglob(f"{split}_data.json")).read_text()):
        path = where.get(row["video"]) or stems.get(Path(row["video"]).stem)
        spans = dict.fromkeys((5.0 * first, 5.0 * (last + 1)) for first, last in row["times"])
        if path is not None:
            queries.append(MomentQuery(row["description"], path, tuple(spans)))
    return _moments("didemo", split, queries)


def _qvhighlights(folder: Path, split: str) -> Dataset:
    """QVHighlights: highlight_SPLIT_release.jsonl with "relevant_windows", and the videos by their "vid"."""
    stems = {Path(name).stem: path for name, path in _files(folder, _VIDEO_ENDINGS).items()}
    queries = []
    for line in next(folder.rglob(f"highlight_{split}_release.jsonl")).read_text().splitlines():
        row = json.loads(line)
        spans = tuple((float(start), float(end)) for start, end in row.get("relevant_windows", ()))
        if spans and row["vid"] in stems:
            queries.append(MomentQuery(row["query"], stems[row["vid"]], spans))
    return _moments("qvhighlights", split, queries)


READERS: Mapping[str, Reader] = {
    "flickr8k-lines": Reader(("captions.jsonl",), _flickr_lines, usual_split="dev"),
    "flickr8k": Reader(("Flickr8k.token.txt", "*/Flickr8k.token.txt"), _flickr_tokens),
    "karpathy": Reader(("dataset*.json",), _karpathy),
    "coco": Reader(("annotations/captions_*.json",), _coco, usual_split="val2017"),
    "msrvtt": Reader(("MSRVTT*", "*/MSRVTT*", "*videodatainfo.json", "*/*videodatainfo.json"), _msrvtt),
    "msvd": Reader(("AllVideoDescriptions.txt", "*/AllVideoDescriptions.txt"), _msvd),
    "didemo": Reader(("*_data.json", "*/*_data.json"), _didemo),
    "qvhighlights": Reader(
        ("highlight_*_release.jsonl", "*/highlight_*_release.jsonl"), _qvhighlights, usual_split="val"
    ),
}


def _captioned(
    name: str, split: str, pairs: Iterable[tuple[Path | None, list[str]]], *, are_videos: bool = False
) -> RetrievalSet:
    paths: list[Path] = []
    texts: list[str] = []
    described: list[int] = []
    for path, captions in pairs:
        if path is None or not captions or not path.exists():
            continue
        texts += captions
        described += [len(paths)] * len(captions)
        paths.append(path)
    if not paths:
        raise QueryError(f"None of the files of {name}'s split {split!r} is there.")
    return RetrievalSet(name, split, tuple(paths), are_videos, tuple(texts), tuple(described))


def _moments(name: str, split: str, queries: list[MomentQuery]) -> MomentSet:
    if not queries:
        raise QueryError(f"None of the videos of {name}'s split {split!r} is there.")
    return MomentSet(name, split, tuple(queries))


def _files(folder: Path, endings: tuple[str, ...]) -> dict[str, Path]:
    """Files below a folder by name."""
    return {path.name: path for path in sorted(folder.rglob("*")) if path.suffix.lower() in endings}


def _by_stem(
    where: Mapping[str, Path], captions: Mapping[str, Any]
) -> Iterator[tuple[Path | None, list[str]]]:
    stems = {Path(name).stem: path for name, path in where.items()}
    for name, texts in captions.items():
        yield stems.get(name), texts
