"""Whole runs on videos that lie on a server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes import ColourCaptioner, ColourEmbedder
from tests.file_server import FileServer, serving
from tests.ingest.clips import colour_clip
from vidsearch.errors import QueryError
from vidsearch.ingest import IngestReport, PipelineOptions, ingest
from vidsearch.media import remote
from vidsearch.media.probe import probe
from vidsearch.media.ranges import BlockCache
from vidsearch.paths import Address, given_path
from vidsearch.service.clips import ClipFiles
from vidsearch.service.library import Library
from vidsearch.store.fingerprint import fingerprint, is_read_whole, path_of
from vidsearch.store.store import Store
from vidsearch.types import SamplingPlan

PLAN = SamplingPlan(fps=2)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_BLOCKS", BlockCache())
    monkeypatch.setattr(remote, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(remote, "NUM_RETRIES", 2)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    colour_clip(folder / "a.mp4", ["red", "red", "blue", "green"])
    with serving(folder) as opened:
        yield opened


def index(library: Store, *paths: Path, **options: Any) -> IngestReport:
    return ingest(
        library,
        paths,
        embedders=[ColourEmbedder()],
        captioner=ColourCaptioner(),
        plan=PLAN,
        options=PipelineOptions(chunk_frames=2),
        **options,
    )


def rows_of(library: Store) -> tuple[list[float], np.ndarray]:
    (space,) = library.spaces()
    matrix = library.matrix(space)
    return matrix.times.tolist(), np.array(matrix.vectors[:])


def test_a_video_elsewhere_becomes_what_its_file_becomes(server, library, tmp_path):
    report = index(library, server.address("a.mp4"))
    with Store.open(tmp_path / "local", create=True) as local:
        index(local, server.folder / "a.mp4")
        times, vectors = rows_of(local)

    assert (report.num_indexed, report.failures) == (1, ())
    (video,) = library.videos()
    assert video.paths == (server.address("a.mp4"),)
    assert video.content_hash == fingerprint(server.folder / "a.mp4").content_hash
    assert rows_of(library)[0] == times
    np.testing.assert_array_equal(rows_of(library)[1], vectors)


def test_it_is_known_again_by_its_version_with_one_question(server, library):
    index(library, server.address("a.mp4"))
    ranges, requests = len(server.ranges), server.num_requests

    report = index(library, server.address("a.mp4"))

    assert (report.num_skipped, report.counts.num_frames) == (1, 0)
    assert len(server.ranges) == ranges  # of its content, nothing
    assert server.num_requests - requests <= 4


def test_a_copy_of_what_is_here_is_no_second_video(server, library):
    index(library, server.folder / "a.mp4")

    report = index(library, server.address("a.mp4"))

    assert report.num_skipped == 1
    (video,) = library.videos()
    assert set(video.paths) == {server.folder / "a.mp4", server.address("a.mp4")}
    assert path_of(video) == server.folder / "a.mp4"


def test_a_file_that_was_replaced_is_another_video(server, library):
    index(library, server.address("a.mp4"))
    colour_clip(server.folder / "a.mp4", ["cyan", "yellow"])

    report = index(library, server.address("a.mp4"))

    assert (report.num_indexed, report.num_replaced) == (1, 1)
    (video,) = library.videos()
    assert video.content_hash == fingerprint(server.folder / "a.mp4").content_hash


def test_a_server_that_is_down_is_a_line_and_no_fault_of_the_file(server, library):
    server.always = "503"

    report = index(library, server.address("a.mp4"))

    (failure,) = report.failures
    assert (failure.path, failure.error) == (server.address("a.mp4"), "SourceUnavailable")
    assert library.failures() == []
    server.always = None
    assert index(library, server.address("a.mp4")).num_indexed == 1


def test_an_isolated_decoder_reads_it_too(server, library):
    report = index(library, server.address("a.mp4"), isolate=True)

    assert (report.num_indexed, report.failures) == (1, ())
    assert is_read_whole(library.videos()[0].content_hash)


def test_without_its_server_a_library_still_answers_and_names_its_videos(server, library, tmp_path):
    index(library, server.address("a.mp4"))
    address = server.address("a.mp4")
    server.close()
    requests = server.num_requests
    with Library.open(library.path) as opened:
        video = opened.video("a.mp4")
        assert video.path == address
        assert opened.videos(str(address.parent)) == [video]
        captions = {frame.caption.text for frame in opened.store.frames(video.id) if frame.caption}
        assert captions == {"a red picture", "a blue picture", "a green picture"}
        opened.export("all", "srt", tmp_path / "out")
        (written,) = opened.export("a.mp4", "srt", tmp_path / "a.srt")
        assert written.read_text().count("-->") > 0
    assert server.num_requests == requests


def test_verify_and_prune_ask_the_server(server, library):
    index(library, server.address("a.mp4"))
    assert library.verify() == []
    assert library.prune(missing=True) == []

    colour_clip(server.folder / "a.mp4", ["cyan", "yellow"])
    assert [problem.kind for problem in library.verify()] == ["file-changed"]

    (server.folder / "a.mp4").unlink()
    assert [problem.kind for problem in library.verify()] == ["file-missing"]
    assert [str(video.path) for video in library.prune(missing=True)] == [str(server.address("a.mp4"))]


def test_a_copy_that_turns_out_to_be_here_is_no_second_video(server, library):
    """Its version said nothing of its content, which was indexed under another name meanwhile."""
    shutil.copy(server.folder / "a.mp4", server.folder / "b.mp4")
    index(library, server.address("a.mp4"))
    video = library.videos()[0]
    assert library.learn_content(video.id, "f" * 40) is None
    index(library, server.folder / "b.mp4")

    whole = fingerprint(server.folder / "b.mp4").content_hash
    same = library.learn_content(video.id, whole)

    assert same is not None
    (left,) = library.videos()
    assert (left.id, set(left.paths)) == (
        same.id,
        {server.folder / "b.mp4", server.address("a.mp4")},
    )


def test_a_moment_of_a_video_elsewhere_is_explained_and_cut_as_that_of_its_file(server, tmp_path):
    explanations = []
    for number, path in enumerate((server.address("a.mp4"), server.folder / "a.mp4")):
        with Library.create(tmp_path / str(number)) as opened:
            opened.index(path, models="mini", captions=False)
            explanations.append(opened.explain("something red", f"{path}@0.5"))
    there, here = explanations
    np.testing.assert_array_equal(there.image, here.image)
    np.testing.assert_array_equal(there.relevance.grid, here.relevance.grid)

    with Library.open(tmp_path / "0") as opened:
        cut = ClipFiles().path(opened.video("a.mp4"), 1.0, 3.0)
    assert probe(cut).duration_seconds == pytest.approx(2.0, abs=0.6)


@pytest.mark.parametrize(
    "text",
    [
        "https://me:secret@host/film.mp4",
        "https://host/film.mp4?X-Amz-Signature=secret",
        "https://host/film.mp4?a=1&sig=secret",
        "smb://me:secret@host/share/film.mp4",
    ],
)
def test_credentials_have_no_place_in_an_address(text):
    with pytest.raises(QueryError) as raised:
        given_path(text)
    assert "secret" not in str(raised.value)


def test_an_address_is_written_as_it_was_given():
    address = given_path("s3://bucket/a//b.c/film.v2.mp4")

    assert isinstance(address, Address)
    assert str(address) == "s3://bucket/a//b.c/film.v2.mp4"
    assert (address.name, address.stem, address.suffix) == ("film.v2.mp4", "film.v2", ".mp4")
    assert given_path("https://host/film.mp4?id=3").name == "film.mp4"
    assert given_path("file:///a%20b.mp4") == Path("/a b.mp4")
    assert not address.exists()
