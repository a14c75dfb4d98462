"""One thing is the same JSON at every door: what commands print, what HTTP answers, what Python gives."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import client, served
from vidsearch import Library


@pytest.fixture(scope="module")
def folder(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library in which something is said, taught and looked for, and a file that failed."""
    folder = tmp_path_factory.mktemp("doors")
    shutil.copytree(sample_folder, folder / "library")
    (folder / "cat.srt").write_text("1\n00:00:04,000 --> 00:00:06,000\nWho is a good cat?\n")
    (folder / "broken.mp4").write_text("no video")
    with Library.open(folder / "library") as library:
        library.index(folder / "broken.mp4")
        library.import_subtitles(folder / "cat.srt", "cat.mp4")
        library.concepts.teach("Minka", ["cat.mp4@2", "cat.mp4@6"], words="a grey cat")
        library.labels.apply(["coffee", "a zebra"])
    return folder / "library"


@pytest.fixture(scope="module")
def http(folder: Path) -> Iterator[TestClient]:
    with Library.open(folder) as library, client(served(library)) as opened:
        yield opened


@pytest.fixture
def say(run, folder: Path) -> Callable[..., Any]:
    """What a command prints, as JSON."""

    def called(*words: object) -> Any:
        return json.loads(run(*words, "--library", folder, "--json").stdout)

    return called


@pytest.mark.parametrize(
    ("words", "address", "field"),
    [
        (["list"], "/v1/videos", "videos"),
        (["list", "--failed"], "/v1/failures", "failures"),
        (["info"], "/v1/library", None),
        (["tracks", "cat.mp4"], "/v1/videos/2/tracks", None),
        (["captions", "show", "cat.mp4", "--level", "frame"], "/v1/videos/2/captions?level=frame", None),
        (["captions", "show", "cat.mp4", "--level", "chapter"], "/v1/videos/2/captions?level=chapter", None),
        (
            ["captions", "show", "cat.mp4", "--level", "transcript"],
            "/v1/videos/2/captions?level=transcript",
            None,
        ),
        (["captions", "show", "--all"], "/v1/captions", None),
        (["captions", "find", "cat"], "/v1/words?text=cat", "matches"),
        (["concepts", "list"], "/v1/concepts", "concepts"),
        (["concepts", "show", "Minka"], "/v1/concepts/Minka", None),
        (["label", "report", "--by", "video"], "/v1/labels/report?by=video", "lines"),
        (["explain", "a cat", "cat.mp4@6"], "/v1/videos/2/explanation?text=a+cat&time_seconds=6", None),
        (["search", "a cup of coffee", "-n", "3"], "/v1/search?text=a+cup+of+coffee&num_hits=3", None),
        (["search", "Minka", "-n", "2"], "/v1/search?text=Minka&num_hits=2", None),
    ],
)
def test_a_command_prints_what_http_answers(say, http, words, address, field):
    answered = http.get(address).json()
    for name in ("next_cursor", "first", "num_found"):  # of pages, which a command has none of
        if field is None:
            answered.pop(name, None)
    said = say(*words)

    assert said == (answered if field is None else answered[field])
    assert said


def test_the_models_are_the_same_list(run, http):
    assert json.loads(run("models", "list", "--json").stdout) == http.get("/v1/models").json()["models"]


def test_python_gives_the_same_answer(say, folder):
    with Library.open(folder) as library:
        assert say("search", "a cat") == library.search("a cat").to_dict()


def test_what_changes_something_is_told_in_the_same_fields(run, http, folder, tmp_path):
    """On copies, as each of them changes the library."""
    shutil.copytree(folder, tmp_path / "copy")

    def said(*words: object) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run(*words, "--library", tmp_path / "copy", "--json").stdout)
        return found

    fields = json.loads((http.get("/openapi.json")).content)["components"]["schemas"]
    for words, schema in (
        (["captions", "edit", "cat.mp4@6", "Minka asleep"], "CorrectionSchema"),
        (["teach", "Minka", "--from", "cat.mp4@9"], "TaughtSchema"),
        (["label", "--labels", "coffee"], "LabelledSchema"),
        (["import", "captions", folder.parent / "cat.srt", "cat.mp4", "--name", "en"], "SubtitlesSchema"),
        (["recaption", "cat.mp4"], "ReportSchema"),
        (["upgrade", "--models", "mini"], "UpgradeSchema"),
        (["upgrade", "--prune"], "PrunedSchema"),
        (["concepts", "forget", "Minka"], "ConceptSchema"),
    ):
        assert list(said(*words)) == list(fields[schema]["properties"]), words
