"""Data sets in the forms in which they are given out, and what a colour model makes of them."""

from __future__ import annotations

import csv
import json

import cv2
import pytest

from tests.fakes import ColourEmbedder, solid
from tests.synthetic import BLUE, GREEN, RED, colours_video
from vidsearch.errors import QueryError
from vidsearch.evaluation.datasets import MomentQuery, MomentSet, RetrievalSet, open_dataset
from vidsearch.evaluation.published import published
from vidsearch.evaluation.retrieval import evaluate

COLOURS = ("red", "green", "blue", "yellow", "cyan", "magenta")


def save_pictures(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for colour in names:
        cv2.imwrite(str(folder / f"{colour}.jpg"), solid(colour)[:, :, ::-1])


def captions_of(colour):
    return [f"a {colour} wall", f"something {colour}"]


def flickr8k_lines(folder):
    save_pictures(folder / "images", COLOURS)
    rows = [{"image": f"images/{c}.jpg", "split": "dev", "captions": captions_of(c)} for c in COLOURS]
    rows.append({"image": "images/gone.jpg", "split": "dev", "captions": ["gone"]})
    rows.append({"image": "images/red.jpg", "split": "train", "captions": ["of another split"]})
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))


def flickr8k(folder):
    save_pictures(folder / "Flicker8k_Dataset", COLOURS)
    lines = [f"{c}.jpg#{n}\t{text}" for c in COLOURS for n, text in enumerate(captions_of(c))]
    (folder / "Flickr8k.token.txt").write_text("\n".join(lines))
    (folder / "Flickr_8k.testImages.txt").write_text("\n".join(f"{c}.jpg" for c in COLOURS))


def karpathy(folder):
    save_pictures(folder / "images", COLOURS)
    images = [
        {"filename": f"{c}.jpg", "split": "test", "sentences": [{"raw": text} for text in captions_of(c)]}
        for c in COLOURS
    ]
    (folder / "dataset_flickr30k.json").write_text(json.dumps({"dataset": "flickr30k", "images": images}))


def coco(folder):
    save_pictures(folder / "val2017", COLOURS)
    (folder / "annotations").mkdir()
    source = {
        "images": [{"id": n, "file_name": f"{c}.jpg"} for n, c in enumerate(COLOURS)],
        "annotations": [
            {"image_id": n, "caption": text} for n, c in enumerate(COLOURS) for text in captions_of(c)
        ],
    }
    (folder / "annotations" / "captions_val2017.json").write_text(json.dumps(source))


@pytest.mark.parametrize(
    ("write", "name", "split"),
    [
        (flickr8k_lines, "flickr8k", "dev"),
        (flickr8k, "flickr8k", "test"),
        (karpathy, "flickr30k", "test"),
        (coco, "coco", "val2017"),
    ],
)
def test_captioned_pictures_are_read_in_each_form(tmp_path, write, name, split):
    write(tmp_path)
    dataset = open_dataset(tmp_path)
    assert isinstance(dataset, RetrievalSet)
    assert (dataset.name, dataset.split) == (name, split)
    assert [path.stem for path in dataset.paths] == list(COLOURS)
    assert dataset.texts[2:4] == ("a green wall", "something green")
    assert dataset.described == (0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5)


def test_pictures_of_colours_are_found_by_a_colour_model(tmp_path):
    flickr8k_lines(tmp_path)
    (tmp_path / "images" / "cyan.jpg").write_bytes(b"no picture")
    report = evaluate(open_dataset(tmp_path), ColourEmbedder())
    assert (report.num_files, report.num_texts, len(report.problems)) == (5, 10, 1)
    titles = [section.title for section in report.sections]
    assert titles == ["text to image", "image to text"]
    recall = report.sections[0].figures[0]
    assert (recall.name, recall.value, recall.low) == ("R@1", 100.0, 100.0)
    assert report.sections[0].baselines["random"][0].value < 60
    assert json.loads(json.dumps(report.as_dict()))["sections"][0]["figures"][0]["value"] == 100.0
    rows = list(report.rows())
    assert rows[0] == ("text to image", "R@1", "R@5", "R@10", "median rank", "mAP")
    assert rows[1][:2] == ("colour", "100.0 [100.0, 100.0]")


@pytest.fixture
def clips(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    colours_video(folder / "video1.mp4", [RED, RED, GREEN])
    colours_video(folder / "video2.mp4", [BLUE, BLUE, GREEN])
    return tmp_path


def test_msrvtt_by_its_list_of_one_sentence_a_video(clips):
    with (clips / "MSRVTT_JSFUSION_test.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows(
            [
                ("key", "vid_key", "video_id", "sentence"),
                ("ret0", "msr1", "video1", "red"),
                ("ret1", "msr2", "video2", "blue"),
            ]
        )
    report = evaluate(open_dataset(clips), ColourEmbedder())
    assert [(section.title, section.figures[0].value) for section in report.sections] == [
        ("text to video, mean of frames", 100.0),
        ("text to video, best frame", 100.0),
    ]


def test_msrvtt_by_its_json(clips):
    source = {
        "videos": [{"video_id": "video1", "split": "test"}, {"video_id": "video2", "split": "train"}],
        "sentences": [{"video_id": "video1", "caption": "red"}, {"video_id": "video2", "caption": "blue"}],
    }
    (clips / "test_videodatainfo.json").write_text(json.dumps(source))
    dataset = open_dataset(clips, kind="msrvtt")
    assert isinstance(dataset, RetrievalSet)
    assert dataset.texts == ("red",)


def test_msvd(clips):
    (clips / "AllVideoDescriptions.txt").write_text(
        "video1 something red\nvideo2 blue things\nother of none\n"
    )
    (clips / "test_list.txt").write_text("video2\n")
    dataset = open_dataset(clips)
    assert isinstance(dataset, RetrievalSet)
    assert (dataset.name, dataset.texts, dataset.are_videos) == ("msvd", ("blue things",), True)


def test_didemo_counts_in_segments_of_five_seconds(clips):
    rows = [{"video": "video1.mov", "description": "green", "times": [[0, 0], [1, 2], [0, 0]]}]
    (clips / "test_data.json").write_text(json.dumps(rows))
    dataset = open_dataset(clips)
    assert isinstance(dataset, MomentSet)
    assert dataset.queries == (
        MomentQuery("green", clips / "videos" / "video1.mp4", ((0.0, 5.0), (5.0, 15.0))),
    )


def test_moments_of_colours_are_found_and_set_beside_baselines(clips):
    rows = [
        {"qid": 1, "query": "green", "vid": "video1", "duration": 3, "relevant_windows": [[2, 3]]},
        {"qid": 2, "query": "blue", "vid": "video2", "duration": 3, "relevant_windows": [[0, 2]]},
    ]
    (clips / "highlight_val_release.jsonl").write_text("\n".join(map(json.dumps, rows)))
    report = evaluate(open_dataset(clips), ColourEmbedder())
    (section,) = report.sections
    assert {figure.name: figure.value for figure in section.figures} == {
        "R1@0.3": 100.0,
        "R1@0.5": 100.0,
        "R1@0.7": 100.0,
        "mIoU": 100.0,
        "mAP": 100.0,
    }
    assert set(section.baselines) == {"random span", "same stretch of every video"}


def test_what_is_no_data_set_is_said(tmp_path):
    with pytest.raises(QueryError, match="holds no data set"):
        open_dataset(tmp_path)
    with pytest.raises(QueryError, match="no data set that is known"):
        open_dataset(tmp_path, kind="imagenet")
    with pytest.raises(QueryError, match=r"should hold annotations/captions_\*\.json"):
        open_dataset(tmp_path, kind="coco")


def test_published_figures_stand_beside_what_they_are_of():
    figures = published("flickr30k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K")
    assert figures[0].recalls == (66.8, 88.4, 93.1)
    assert published("flickr8k", "mini") == ()
