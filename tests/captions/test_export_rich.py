"""Parquet, npy and html, read back by pyarrow, NumPy and the standard HTML parser."""

import base64
import io
import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.captions.examples import NASTY_NAMES, SPACE, captioned, render
from vidsearch.captions.export import CaptionSpan
from vidsearch.errors import ExportError
from vidsearch.types import Caption, CaptionOrigin

DOGS = replace(
    captioned(["a dog", None, "a cat"], summary="a dog"), sections=(CaptionSpan(0.0, 3.0, "a dog"),)
)
COWS = captioned(["a cow"], name="cows.mp4", video_id=2)


def test_parquet_has_a_row_a_frame_and_its_vectors():
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(io.BytesIO(render([DOGS, COWS], format_name="parquet")))
    assert table.column("caption").to_pylist() == ["a dog", None, "a cat", "a cow"]
    assert table.column("video").to_pylist() == ["/videos/dogs.mp4"] * 3 + ["/videos/cows.mp4"]
    assert table.column(f"vector_{SPACE.key}").to_pylist() == [[1, 0, 0], None, [1, 0, 0], [1, 0, 0]]
    spaces = json.loads(table.schema.metadata[b"vidsearch.spaces"])
    assert spaces == {
        SPACE.key: {"model": "colour", "weights_digest": "1", "preprocessing": "none", "dim": 3}
    }


def test_parquet_without_vectors_has_no_column_for_them():
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(io.BytesIO(render([replace(DOGS, vectors={})], format_name="parquet")))
    assert not [name for name in table.column_names if name.startswith("vector_")]


def test_npy_rows_are_the_lines_of_jsonl():
    array = np.load(io.BytesIO(render([DOGS, COWS], format_name="npy")), allow_pickle=False)
    assert array.dtype == np.float32
    assert array.tolist() == [[1, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 0]]
    assert len(render([DOGS, COWS], format_name="jsonl").splitlines()) == len(array)


def test_npy_refuses_to_mix_spaces():
    other = replace(COWS, vectors={replace(SPACE, dim=4): next(iter(COWS.vectors.values()))})
    with pytest.raises(ExportError, match="several"):
        render([DOGS, other], format_name="npy")
    with pytest.raises(ExportError, match="no vectors"):
        render([replace(DOGS, vectors={})], format_name="npy")


class Page(HTMLParser):
    """Collects what a browser would show and load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


def test_a_page_shows_pictures_captions_and_the_timeline():
    page = Page(render([DOGS], format_name="html").decode())
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [image["alt"] for image in images] == ["a dog", "a cat"]
    data = str(images[1]["src"]).removeprefix("data:image/jpeg;base64,")
    assert base64.b64decode(data) == b"\xff\xd8 picture 102"
    text = " ".join(page.words)
    for words in ("dogs.mp4", "0:00–0:03", "0:02 a cat", "640 × 360"):
        assert words in text


PLAIN = render([DOGS], format_name="html").decode()


@pytest.mark.parametrize("nasty", [*NASTY_NAMES, '"><img src=x onerror=alert(1)>.mp4'])
def test_nothing_from_a_name_or_caption_becomes_markup(nasty):
    video = captioned(['</p><script>alert("x")</script>', "' onload='x"], name=nasty, summary="<b>bold")
    page = Page(render([replace(video, sections=(CaptionSpan(0, 1, "<i>"),))], format_name="html").decode())
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in Page(PLAIN).tags}
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]


def test_a_page_marks_what_a_person_wrote_and_what_was_carried_over():
    frames = (
        replace(DOGS.frames[0], caption=Caption("mine", "mine", CaptionOrigin.HUMAN)),
        replace(DOGS.frames[2], caption=Caption("again", "again", carried_over=True)),
    )
    page = Page(render([replace(DOGS, frames=frames)], format_name="html").decode())
    assert [attributes.get("class") for tag, attributes in page.tags if tag == "span"] == ["human", "carried"]
