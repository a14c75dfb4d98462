"""A library of an older format becomes one of today's format, whole or not at all, and loses nothing."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.store.test_copying import rows_of
from vidsearch.search.engine import Searcher
from vidsearch.service.query_json import read_query
from vidsearch.store.sqlite import schema
from vidsearch.store.store import Store
from vidsearch.tracks import WordKind
from vidsearch.types import CaptionOrigin, EmbeddingSpace, LibraryModels, SamplingPlan, Shot

FIXTURE = Path(__file__).with_name("format_2")
MINUTE = "2026-11-26T17:25"


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    with gzip.open(FIXTURE / "expected.json.gz") as file:
        return dict(json.load(file))


@pytest.fixture
def old_library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "catalog.sqlite3").write_bytes(gzip.decompress((FIXTURE / "catalog.sqlite3.gz").read_bytes()))
    return folder


def rows(path: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(path / "catalog.sqlite3")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_vectors_and_thumbnails_are_untouched(old_library: Path):
    vectors = rows(old_library, "SELECT frame_id, space_id, vector FROM vectors ORDER BY 1, 2")
    thumbnails = rows(old_library, "SELECT frame_id, jpeg FROM thumbnails ORDER BY 1")
    Store.open(old_library).close()
    assert len(vectors) == 46
    assert rows(old_library, "SELECT segment_id, space_id, vector FROM vectors ORDER BY 1, 2") == vectors
    assert rows(old_library, "SELECT segment_id, jpeg FROM thumbnails ORDER BY 1") == thumbnails


def test_each_frame_and_its_caption_are_as_they_were(old_library: Path, expected: dict[str, Any]):
    with Store.open(old_library) as library:
        for video_id, frames in expected["frames"].items():
            assert [
                [
                    frame.id,
                    frame.time_seconds,
                    frame.end_seconds,
                    frame.is_blank,
                    frame.caption and frame.caption.text,
                    frame.caption and frame.caption.origin.value,
                    frame.caption and frame.caption.model,
                    frame.caption and frame.caption.carried_over,
                ]
                for frame in library.frames(int(video_id))
            ] == frames


def test_videos_are_as_they_were(old_library: Path):
    with Store.open(old_library) as library:
        cafe, cat, space, photographer = library.videos()
        assert [path.name for path in cafe.paths] == ["cafe.mp4", os.fsdecode(b"caf\xe9.mp4")]
        assert [(v.is_complete, v.indexed_until_seconds, v.num_frames) for v in (cafe, cat, space)] == [
            (True, 16.0, 8),
            (True, 16.0, 8),
            (True, 20.0, 3),
        ]
        assert (photographer.is_complete, photographer.indexed_until_seconds, photographer.num_frames) == (
            False,
            4.0,
            4,
        )
        assert (cat.plan, space.plan) == (SamplingPlan(fps=0.5), SamplingPlan(sampling="shots"))
        assert library.shots(space.id) == [Shot(0.0, 7.0), Shot(7.0, 14.0), Shot(14.0, 20.0)]
        assert library.models == LibraryModels(("mini", "colour"), "mini")
        assert [space.model for space in library.spaces()] == ["mini", "colour"]
        assert [(failure.path.name, failure.error) for failure in library.failures()] == [
            ("broken.mp4", "NotAVideo")
        ]


def test_captions_become_tracks(old_library: Path):
    """One segment for each run of frames with one caption; older ones and what people wrote are kept."""
    with Store.open(old_library) as library:
        made = [
            [
                (track.kind, track.spec.producer, track.name, track.state, track.num_segments)
                for track in library.tracks(video_id)
                if track.kind != "frames"
            ]
            for video_id in (1, 2, 3, 4)
        ]
        assert made == [
            [
                ("caption", "colour", "colour", "active", 4),
                ("caption", "mini", "mini", "superseded", 4),
                ("caption", "human", "human", "active", 1),
            ],
            [
                ("caption", "mini", "mini", "active", 3),
                ("caption", "human", "human", "active", 2),
                ("subtitle", "file", "english", "active", 3),
                ("subtitle", "file", "deutsch", "active", 1),
            ],
            [("caption", "mini", "mini", "active", 3), ("shot", "cuts", "cuts", "active", 3)],
            [("caption", "mini", "mini", "active", 2)],
        ]
        of_cat = library.tracks(2)
        assert of_cat[1].spec.params == {"plan": asdict(SamplingPlan(fps=0.5))}
        spans = [(s.start_seconds, s.end_seconds, s.text) for s in library.segments(of_cat[1].id)]
        assert spans == [
            (0.0, 4.0, "a picture that is hard to make out"),
            (4.0, 14.0, "a close up of a cat"),
            (14.0, 16.0, "a black and white dog is standing in front of a stone wall"),
        ]
        spans = [(s.start_seconds, s.end_seconds, s.text) for s in library.segments(of_cat[2].id)]
        assert spans == [(4.0, 6.0, "Minka the cat looks up"), (8.0, 10.0, "Minka yawns")]
        versions = [(v.caption.text, v.caption.origin, v.is_active) for v in library.caption_versions(11)]
        assert versions == [
            ("a close up of a cat", CaptionOrigin.MODEL, False),
            ("Minka the cat looks up", CaptionOrigin.HUMAN, True),
        ]


@pytest.fixture(params=["format_2", "format_3", "format_4"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A library of an older format, with text on the screen where that had a place for it."""
    folder = tmp_path / "library"
    folder.mkdir()
    packed = Path(__file__).with_name(request.param) / "catalog.sqlite3.gz"
    (folder / "catalog.sqlite3").write_bytes(gzip.decompress(packed.read_bytes()))
    if request.param == "format_3":
        with closing(sqlite3.connect(folder / "catalog.sqlite3")) as connection, connection:
            connection.executescript(
                """
                INSERT INTO tracks (
                    id, video_id, kind, producer, params, state, is_complete, num_segments, created_at
                ) VALUES (900, 1, 'ocr', 'reader', '{}', 'active', 1, 1, '2026-01-01T00:00:00+00:00');
                INSERT INTO segments (id, track_id, start_seconds, end_seconds, text)
                VALUES (4398046511105, 900, 0, 1, 'Quartcrly revemue');
                INSERT INTO segment_ids (first_id, next_id) VALUES (4398046511104, 4398046511106);
                """
            )
    return folder


def test_a_migrated_catalog_is_made_like_a_new_one(older: Path, tmp_path: Path):
    """Tables, columns, keys, indexes, views and triggers; SQLite writes them down as they came to be."""

    def made(folder: Path) -> dict[str, Any]:
        names = {(kind, name) for kind, name in rows(folder, "SELECT type, name FROM sqlite_schema")}
        columns = {
            name: [row[1:] for row in rows(folder, f"PRAGMA table_info({name})")]
            + sorted(row[2:] for row in rows(folder, f"PRAGMA foreign_key_list({name})"))
            for kind, name in names
            if kind == "table"
        }
        triggers = sorted(
            rows(folder, "SELECT name, sql FROM sqlite_schema WHERE type IN ('trigger', 'view')")
        )
        return {"names": sorted(names), "columns": columns, "triggers": triggers}

    Store.open(older).close()
    Store.open(tmp_path / "new", create=True).close()
    assert made(older) == made(tmp_path / "new")


@pytest.mark.parametrize("older", ["format_3", "format_4"], indirect=True)
def test_no_row_of_a_format_with_today_s_tables_changes(older: Path):
    names = [
        name
        for (name,) in rows(
            older, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        )
        if "sqlite" not in name
    ]
    columns = {
        name: ", ".join(f'"{row[1]}"' for row in rows(older, f"PRAGMA table_info({name})")) for name in names
    }

    def content() -> dict[str, Any]:
        return {name: sorted(rows(older, f"SELECT {columns[name]} FROM {name}"), key=repr) for name in names}

    before = content()
    assert sum(map(len, before.values())) > 100
    Store.open(older).close()
    assert content() == before


def test_an_older_library_goes_to_a_server_and_back(older: Path, postgres_library: str, tmp_path: Path):
    with (
        Store.open(older) as library,
        Store.open(postgres_library, create=True) as server,
        Store.open(tmp_path / "back", create=True) as back,
    ):
        has_screen_text = any(
            track.kind == "ocr" for video in library.videos() for track in library.tracks(video.id)
        )
        library.copy_to(server)
        server.copy_to(back)
        assert rows_of(library) == rows_of(server) == rows_of(back)
        assert {problem.kind for each in (library, server, back) for problem in each.verify()} <= {
            "file-missing"
        }
        for each in (library, server, back):
            found = each.match("quarterly", 9, kinds=[WordKind("ocr")])
            assert [match.text for match in found] == ["Quartcrly revemue"] * has_screen_text


def test_a_migrated_library_is_sound(old_library: Path):
    with Store.open(old_library) as library:
        kinds = {problem.kind for problem in library.verify()}
    assert kinds <= {"file-missing"}  # its videos are on another machine


class StoredTexts:
    """The text half of an embedder that knows the vectors of some texts by heart."""

    def __init__(self, space: EmbeddingSpace, vectors: dict[str, list[float]]) -> None:
        self.space = space
        self._vectors = vectors

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        rows = np.asarray([self._vectors[text] for text in texts], dtype=np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_twenty_queries_have_the_same_answers(old_library: Path, expected: dict[str, Any]):
    with Store.open(old_library) as library:
        vectors = expected["text_vectors"]
        encoders = {
            space: StoredTexts(space, vectors[space.key])
            for space in library.spaces()
            if space.key in vectors
        }
        searcher = Searcher(library, encoders=encoders)  # type: ignore[arg-type]
        assert len(expected["answers"]) == 20
        for each in expected["answers"]:
            answer = searcher.search(read_query(json.dumps(each["query"])))
            got = [
                (
                    hit.frame_id,
                    hit.video.id,
                    hit.time_seconds,
                    hit.start_seconds,
                    hit.end_seconds,
                    hit.caption,
                    [step.frame_id for step in hit.steps],
                    pytest.approx(hit.score, abs=2e-4),
                )
                for hit in answer.hits
            ]
            assert [
                (
                    hit["frame_id"],
                    hit["video_id"],
                    hit["time_seconds"],
                    hit["start_seconds"],
                    hit["end_seconds"],
                    hit["caption"],
                    hit["steps"],
                    hit["score"],
                )
                for hit in each["hits"]
            ] == got, each["query"]


def test_a_kill_at_any_statement_leaves_the_old_format_or_the_new_one(old_library: Path, tmp_path: Path):
    original = (old_library / "catalog.sqlite3").read_bytes()
    number, survived = 0, False
    while not survived:
        number += 1
        for left in old_library.glob("catalog.sqlite3*"):
            left.unlink()
        (old_library / "catalog.sqlite3").write_bytes(original)
        survived = _migrate_and_die(old_library, number)
        (version,) = rows(old_library, "PRAGMA user_version")[0]
        assert version in range(2, schema.FORMAT_VERSION + 1), number
        if version == 2:
            assert rows(old_library, "SELECT count(*) FROM captions") == [(34,)], number
        assert rows(old_library, "PRAGMA integrity_check") == [("ok",)], number
        if number % 20 == 0 or version >= 3:
            with Store.open(old_library) as library:
                assert library.info().num_frames == 23, number
    assert number > 40


def _migrate_and_die(folder: Path, statement_number: int) -> bool:
    """Migrate in a process that dies before this statement. Returns whether there were fewer statements."""
    child = os.fork()
    if child == 0:
        connection = sqlite3.connect(folder / "catalog.sqlite3", isolation_level=None)
        seen = [""]

        def count(statement: str) -> None:
            # The rows of one `executemany` are one statement here.
            if statement[:30] != seen[-1]:
                seen.append(statement[:30])
                if len(seen) > statement_number:
                    os._exit(9)

        connection.execute("PRAGMA synchronous = OFF")  # for speed: only the process dies here
        connection.set_trace_callback(count)
        schema.migrate(connection)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)
    return os.waitstatus_to_exitcode(status) == 0
