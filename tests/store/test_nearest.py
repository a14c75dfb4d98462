"""Whatever the vectors, the filter and the history, a search finds what NumPy and plain loops find."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.examples import (
    OTHER_SPACE,
    SPACE,
    Frame,
    append,
    axis,
    begin,
    finish,
    four_frames,
    put,
    record,
    unit,
    write_file,
)
from vidsearch.store import shards, vector_files, vector_rows
from vidsearch.store import vectors as index_vectors
from vidsearch.store.approximate import ApproximateIndex
from vidsearch.store.matrix import Rows
from vidsearch.store.records import OpenedVideo
from vidsearch.store.store import Store
from vidsearch.store.vector_files import VectorFiles
from vidsearch.tracks import TrackKind, WordKind
from vidsearch.types import FrameFilter, SamplingPlan


def numpy_nearest(ids: np.ndarray, rows: np.ndarray, query: np.ndarray, k: int) -> list[int]:
    scores = rows @ query
    return [int(ids[row]) for row in np.lexsort((ids, -scores))[:k]]


def fill(library: Store, folder: Path, rows: np.ndarray, *, name: str = "a") -> None:
    path = write_file(folder / f"{name}.mp4", name)
    put(library, path, [record(float(i), row, f"caption {i}") for i, row in enumerate(rows)])


def random_rows(count: int, *, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, SPACE.dim)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@settings(max_examples=25, deadline=None)
@given(
    num_rows=st.integers(0, 40),
    k=st.integers(0, 50),
    among=st.none() | st.sets(st.integers(1, 45)),
    num_queries=st.sampled_from([1, 3]),
    seed=st.integers(0, 1000),
)
def test_nearest_is_what_numpy_finds(
    num_rows: int, k: int, among: set[int] | None, num_queries: int, seed: int
):
    rows = random_rows(num_rows, seed=seed)
    queries = random_rows(num_queries, seed=seed + 1)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "l", create=True) as library:
        fill(library, Path(folder), rows)
        chosen = None if among is None else np.array(sorted(among), dtype=np.int64)
        ids, scores = library.nearest(SPACE, queries, k, among=chosen)
        assert ids.shape == scores.shape == (num_queries, k)
        all_ids = np.arange(1, num_rows + 1)
        kept = np.ones(num_rows, bool) if chosen is None else np.isin(all_ids, chosen)
        for query, found, found_scores in zip(queries, ids, scores, strict=True):
            expected = numpy_nearest(all_ids[kept], rows[kept], query, k)
            assert found.tolist() == expected + [-1] * (k - len(expected))
            close = [rows[frame_id - 1] @ query for frame_id in expected]
            assert np.allclose(found_scores[: len(expected)], close, atol=1e-6)
            assert np.isneginf(found_scores[len(expected) :]).all()


@pytest.mark.parametrize("numpy_rows", [0, 30_000])
def test_one_query_finds_the_same_by_faiss_and_by_numpy(
    library: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numpy_rows: int
):
    monkeypatch.setattr(index_vectors, "NUMPY_ROWS", numpy_rows)
    rows = random_rows(60)
    fill(library, tmp_path, rows)
    query = random_rows(1, seed=1)[0]

    for chosen in (np.arange(1, 61), np.arange(7, 30), np.array([2, 3, 9, 44])):
        ids, _ = library.nearest(SPACE, query, 4, among=chosen)
        assert ids[0].tolist() == numpy_nearest(chosen, rows[chosen - 1], query, 4)


def test_equal_scores_come_by_id(library: Store, tmp_path: Path):
    fill(library, tmp_path, np.tile(axis(0), (30, 1)))
    assert library.nearest(SPACE, axis(0), 30)[0].tolist() == [list(range(1, 31))]


def test_an_unknown_space_is_empty(library: Store, tmp_path: Path):
    four_frames(library, tmp_path / "a.mp4")
    assert library.nearest(OTHER_SPACE, axis(0, 3), 2)[0].tolist() == [[-1, -1]]
    assert library.matrix(OTHER_SPACE).vectors.shape == (0, 3)
    assert library.vectors(OTHER_SPACE, [1])[1].shape == (0, 3)


def test_a_query_of_another_dimension_is_a_mistake(library: Store):
    with pytest.raises(ValueError, match="made-up have 4 dimensions"):
        library.nearest(SPACE, np.ones((1, 5), np.float32), 1)


def test_the_matrix_says_whose_rows_it_has(library: Store, tmp_path: Path):
    four_frames(library, tmp_path / "a.mp4")
    path = write_file(tmp_path / "b.mp4", "b")
    put(library, path, [record(0.5, axis(0)), record(1.5), record(2.5, axis(1))])
    matrix = library.matrix(SPACE)
    assert matrix.segment_ids.tolist() == [1, 2, 3, 4, 5, 7]
    assert matrix.video_ids.tolist() == [1, 1, 1, 1, 2, 2]
    assert matrix.times.tolist() == [0.0, 1.0, 2.0, 3.0, 0.5, 2.5]
    assert np.array_equal(matrix.vectors[:], np.eye(4)[[0, 1, 2, 3, 0, 1]])
    assert not matrix.vectors[:].flags.writeable
    assert library.matrix(SPACE) is matrix, "made once for a state of the library"


def index_again(library: Store, path: Path, rows: np.ndarray) -> OpenedVideo:
    """Begin to index a video with another plan, and add its frames, not shown yet."""
    opened = begin(library, path, plan=SamplingPlan(fps=2.0))
    frames = [record(0.5 * place, row) for place, row in enumerate(rows)]
    append(library, opened, frames, until_seconds=0.5 * len(rows))
    return opened


def file_of_rows(library: Store) -> tuple[str, int]:
    library.refresh_vectors()
    (path,) = (library.path / "vectors").glob("*.rows")
    return path.name, path.stat().st_size


def test_a_video_that_is_indexed_again_is_added_at_the_end(library: Store, tmp_path: Path):
    """Its old rows stay in the file, marked as gone: the others are not written again."""
    for name in "abcdefgh":
        four_frames(library, tmp_path / f"{name}.mp4")
    name, size = file_of_rows(library)
    halves = np.array([unit([1, 1, 0, 0]), unit([0, 1, 1, 0])])
    opened = [index_again(library, tmp_path / f"{name}.mp4", halves) for name in "ab"]
    for each in opened:
        finish(library, each)
    assert file_of_rows(library) == (name, size + 4 * SPACE.dim * 4)
    assert library.nearest(SPACE, halves[0], 2)[0].tolist() == [[33, 35]]
    assert library.nearest(SPACE, axis(0), 9)[0][0, :7].tolist() == [9, 13, 17, 21, 25, 29, 33]
    assert library.verify() == []


def test_a_video_shown_after_newer_ones_is_found_all_the_same(library: Store, tmp_path: Path):
    for name in "abcdefgh":
        four_frames(library, tmp_path / f"{name}.mp4")
    name, _ = file_of_rows(library)
    opened = index_again(library, tmp_path / "a.mp4", np.array([unit([1, 1, 0, 0])]))
    four_frames(library, tmp_path / "newer.mp4")
    assert file_of_rows(library)[0] == name
    finish(library, opened)
    assert file_of_rows(library)[0] != name, "rows are in the order of their ids"
    assert library.nearest(SPACE, unit([1, 1, 0, 0]), 1)[0].tolist() == [[33]]
    assert library.verify() == []


# --- filters against brute force ----------------------------------------------------------------------

GLOBS = st.sampled_from([None, "*", "a*", "*.MP4", "nothing", "[ab]?*"])
SECONDS = st.none() | st.floats(-1, 6, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(
    glob=GLOBS,
    videos=st.none() | st.lists(st.integers(1, 4), max_size=3),
    after=SECONDS,
    before=SECONDS,
    longest=st.none() | st.sampled_from([3.0, 4.0, 10.0]),
    words=st.none() | st.sampled_from(["dog", "a dogs", "cat 2", "bird", '"a dog"', "d*"]),
)
def test_filters_are_what_plain_loops_leave(
    filled: Store,
    glob: str | None,
    videos: list[int] | None,
    after: float | None,
    before: float | None,
    longest: float | None,
    words: str | None,
):
    where = FrameFilter(
        video_glob=glob,
        video_ids=None if videos is None else tuple(videos),
        after_seconds=after,
        before_seconds=before,
        max_duration_seconds=longest,
        caption_words=words,
    )
    names = {None: "ab", "*": "ab", "a*": "a", "*.MP4": "ab", "nothing": "", "[ab]?*": "ab"}[glob]
    kept = []
    for video in filled.videos():
        for frame in filled.frames(video.id):
            text = frame.caption.text if frame.caption else ""
            length = video.info.duration_seconds or 0.0
            says = {
                None: True,
                "dog": "dog" in text,
                "a dogs": "dog" in text,
                "cat 2": "cat 2" in text,
                "bird": False,
                '"a dog"': "a dog" in text,
                "d*": "dog" in text,
            }[words]
            if (
                video.path.name[0] in names
                and (videos is None or video.id in videos)
                and (after is None or frame.time_seconds >= after)
                and (before is None or frame.time_seconds < before)
                and (longest is None or length <= longest)
                and says
            ):
                kept.append(frame.id)
    found = filled.frame_ids(where)
    assert (None if found is None else found.tolist()) == (None if where.is_empty else sorted(kept))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("filled")
    with Store.open(folder / "library", create=True) as library:
        four_frames(library, folder / "a.mp4")
        four_frames(library, folder / "b.mp4", word="cat")
        yield library


@settings(max_examples=200, deadline=None)
@given(words=st.text(max_size=30) | st.text(alphabet="\"'*()^:-+ AND OR NOT NEAR a", max_size=20))
def test_no_words_are_a_syntax_error(filled: Store, words: str):
    where = FrameFilter(caption_words=words)
    kinds = [WordKind(kind, is_human) for kind in get_args(TrackKind) for is_human in (False, True)]
    assert len(filled.match(words, 3, kinds=kinds)) <= 3
    assert len(filled.match(words, 3, kinds=kinds, where=where)) <= 3
    filled.frame_ids(where)


# --- the vector files are a cache ---------------------------------------------------------------------


def cache_files(library: Store) -> list[Path]:
    return sorted(path for path in (library.path / "vectors").iterdir() if path.suffix != ".lock")


def test_new_frames_are_appended_and_removed_ones_go(library: Store, tmp_path: Path):
    four_frames(library, tmp_path / "a.mp4")
    assert library.nearest(SPACE, axis(1), 1)[0].tolist() == [[2]]
    before = cache_files(library)
    four_frames(library, tmp_path / "b.mp4")
    assert library.nearest(SPACE, axis(1), 2)[0].tolist() == [[2, 6]]
    assert cache_files(library) == before, "grown in place, not written anew"
    library.remove(1)
    assert library.nearest(SPACE, axis(1), 4)[0].tolist() == [[6, 5, 7, 8]]
    assert len(cache_files(library)) == len(before), "what was superseded is gone"


def test_a_removal_rewrites_nothing(library: Store, tmp_path: Path):
    """One video less, of a large library, must not cost what all of it costs."""
    for name in "abcdef":
        four_frames(library, tmp_path / f"{name}.mp4")
    library.refresh_vectors()
    before = {path.name: path.stat().st_size for path in cache_files(library) if path.suffix != ".json"}
    library.remove(3)
    assert library.nearest(SPACE, axis(1), 5)[0].tolist() == [[2, 6, 14, 18, 22]]
    assert library.nearest(SPACE, axis(1), 1, among=np.arange(9, 16))[0].tolist() == [[14]]
    left = [frame_id for frame_id in range(1, 25) if not 9 <= frame_id < 13]
    matrix = library.matrix(SPACE)
    assert matrix.segment_ids.tolist() == left
    assert np.array_equal(matrix.vectors[:], np.tile(np.eye(4), (5, 1)))
    assert {
        path.name: path.stat().st_size for path in cache_files(library) if path.suffix != ".json"
    } == before
    four_frames(library, tmp_path / "g.mp4")
    assert library.nearest(SPACE, axis(1), 6)[0].tolist() == [[2, 6, 14, 18, 22, 26]]
    assert library.verify() == []


def test_so_many_removals_that_none_is_remembered(
    library: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(vector_rows, "_MOST_NOTED", 1)
    for name in "abcdef":
        four_frames(library, tmp_path / f"{name}.mp4")
    library.refresh_vectors()
    library.remove(3)
    library.remove(5)
    assert library.nearest(SPACE, axis(1), 4)[0].tolist() == [[2, 6, 14, 22]]
    assert library.verify() == []


@pytest.mark.parametrize("kind", ["rows", "segments", "videos", "times", "json"])
@pytest.mark.parametrize("damage", ["missing", "torn", "garbage"])
def test_broken_files_are_made_anew(library: Store, place: str, tmp_path: Path, kind: str, damage: str):
    four_frames(library, tmp_path / "a.mp4")
    library.refresh_vectors()
    (path,) = (library.path / "vectors").glob(f"*.{kind}")
    library.close()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:20] if damage == "torn" else b"garbage")
    with Store.open(place) as again:
        assert again.nearest(SPACE, axis(2), 1)[0].tolist() == [[3]]
        assert again.verify() == []


def test_the_files_of_another_library_are_not_believed(library: Store, tmp_path: Path):
    """Somebody copies a whole folder over another: same spaces, same revisions, other vectors."""
    four_frames(library, tmp_path / "a.mp4")
    library.refresh_vectors()
    with Store.open(tmp_path / "other", create=True) as other:
        fill(other, tmp_path, np.stack([unit([1, 1, 0, 0])] * 4), name="b")
        (other.path / "vectors").mkdir()
        for path in cache_files(library):
            (other.path / "vectors" / path.name).write_bytes(path.read_bytes())
        assert np.allclose(other.nearest(SPACE, axis(0), 1)[1], np.sqrt(0.5))


def test_a_reader_without_permission_to_write_searches_all_the_same(
    library: Store, place: str, tmp_path: Path
):
    four_frames(library, tmp_path / "a.mp4")
    with Store.open(place, read_only=True) as reader:
        assert reader.nearest(SPACE, axis(3), 1)[0].tolist() == [[4]]
        four_frames(library, tmp_path / "b.mp4")
        assert reader.nearest(SPACE, axis(3), 2)[0].tolist() == [[4, 8]]
        assert (library.path / "vectors").exists() == ("postgresql" in place), "a server's files are ours"


@pytest.mark.parametrize("junk", ["[" * 100_000, "[]", '{"revision": 1e999}'])
def test_a_manifest_that_is_none_is_as_good_as_missing(library: Store, place: str, tmp_path: Path, junk: str):
    four_frames(library, tmp_path / "a.mp4")
    library.refresh_vectors()
    (manifest,) = (path for path in cache_files(library) if path.suffix == ".json")
    manifest.write_text(junk)
    assert [problem.kind for problem in library.verify()] == ["cache"]
    with Store.open(place) as reader:
        assert reader.nearest(SPACE, axis(3), 1)[0].tolist() == [[4]]
    assert library.verify() == []


def test_rows_from_a_killed_refresh_are_overwritten(library: Store, tmp_path: Path):
    """A kill between the rows and the manifest leaves rows that no manifest speaks of."""
    four_frames(library, tmp_path / "a.mp4")
    library.refresh_vectors()
    for path in cache_files(library):
        if path.suffix != ".json":
            with path.open("ab") as file:
                file.write(b"x" * 1000)
    four_frames(library, tmp_path / "b.mp4")
    assert library.nearest(SPACE, axis(0), 8)[0].tolist() == [[1, 5, 2, 3, 4, 6, 7, 8]]
    assert library.verify() == []


# --- the approximate index ----------------------------------------------------------------------------


@pytest.fixture
def many(library: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A library with more vectors than are compared one by one, which are few here."""
    monkeypatch.setattr(index_vectors, "EXACT_ROWS", 500)
    monkeypatch.setattr(index_vectors, "NEWER_ROWS", 50)
    fill(library, tmp_path, random_rows(1000))
    library.refresh_vectors()
    return library


def index_files(library: Store) -> list[Path]:
    return sorted((library.path / "vectors").glob("*.faiss"))


def assert_finds_nearly_all(
    library: Store, rows: np.ndarray, ids: np.ndarray, *, at_least: int = 190
) -> None:
    queries = random_rows(20, seed=7)
    found, scores = library.nearest(SPACE, queries, 10)
    assert (np.diff(scores, axis=1) <= 0).all()
    expected = [set(numpy_nearest(ids, rows, query, 10)) for query in queries]
    hits = sum(len(best & set(row)) for best, row in zip(expected, found.tolist(), strict=True))
    assert hits >= at_least


def test_many_vectors_get_an_index_that_finds_nearly_all(many: Store):
    assert len(index_files(many)) == 1
    assert_finds_nearly_all(many, random_rows(1000), np.arange(1, 1001))
    assert many.verify() == []


def test_a_few_new_vectors_are_found_without_the_index(many: Store, tmp_path: Path):
    before = index_files(many)
    fill(many, tmp_path, random_rows(40, seed=1), name="b")
    many.refresh_vectors()
    assert index_files(many) == before
    rows = np.concatenate((random_rows(1000), random_rows(40, seed=1)))
    assert_finds_nearly_all(many, rows, np.arange(1, 1041))
    assert many.nearest(SPACE, random_rows(40, seed=1)[7], 1)[0].tolist() == [[1008]]


def test_many_new_vectors_go_into_the_index(many: Store, tmp_path: Path):
    before = index_files(many)
    fill(many, tmp_path, random_rows(200, seed=1), name="b")
    many.refresh_vectors()
    assert index_files(many) != before
    rows = np.concatenate((random_rows(1000), random_rows(200, seed=1)))
    assert_finds_nearly_all(many, rows, np.arange(1, 1201))


def test_removed_vectors_are_not_found_through_the_index(many: Store, tmp_path: Path):
    fill(many, tmp_path, random_rows(600, seed=1), name="b")
    many.refresh_vectors()
    before = index_files(many)
    many.remove(1)
    assert_finds_nearly_all(many, random_rows(600, seed=1), np.arange(1001, 1601))
    assert index_files(many) == before, "an index with some vectors too many still serves"
    assert many.verify() == []


def test_a_filter_holds_with_the_index(many: Store):
    among = np.arange(2, 1001, 3)
    assert_only(many, among)
    everything_but_a_few = np.arange(5, 1001)
    assert_only(many, everything_but_a_few)


def assert_only(library: Store, among: np.ndarray) -> None:
    rows = random_rows(1000)
    for query in random_rows(5, seed=9):
        (found,), _ = library.nearest(SPACE, query, 5, among=among)
        expected = numpy_nearest(among, rows[among - 1], query, 5)
        assert set(found.tolist()) <= set(among.tolist())
        assert len(set(found.tolist()) & set(expected)) >= 4


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_broken_index_is_not_read_and_made_anew(many: Store, place: str, damage: bytes | None):
    (path,) = index_files(many)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content if damage is None else damage)
    with Store.open(place) as again:
        assert_finds_nearly_all(again, random_rows(1000), np.arange(1, 1001))
        again.refresh_vectors()
        assert again.verify() == []
    assert index_files(many) != [path]


def test_damage_behind_the_head_of_an_index_is_found_by_verify_alone(
    many: Store, place: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(vector_files, "_HEAD_BYTES", 64)
    index_files(many)[0].unlink()
    many.refresh_vectors()
    (path,) = index_files(many)
    content = bytearray(path.read_bytes())
    content[-100] ^= 255
    path.write_bytes(content)
    with Store.open(place) as again:
        again.refresh_vectors()
        assert_finds_nearly_all(again, random_rows(1000), np.arange(1, 1001))
        assert [problem.kind for problem in again.verify(repair=True)] == ["cache"]
        assert again.verify() == []
    assert index_files(many) != [path]


def test_what_has_nothing_new_is_neither_read_nor_written(
    many: Store, place: str, monkeypatch: pytest.MonkeyPatch
):
    many.nearest(SPACE, axis(0), 1)
    before = [(path, path.stat().st_mtime_ns, path.stat().st_ino) for path in cache_files(many)]
    many.close()
    read: list[int | None] = []
    crc32 = vector_files._crc32

    def counted(path: Path, num_bytes: int | None = None) -> int:
        read.append(num_bytes)
        return crc32(path, num_bytes)

    monkeypatch.setattr(vector_files, "_crc32", counted)
    monkeypatch.setattr(VectorFiles, "load", None)
    with Store.open(place) as again:
        again.refresh_vectors()
    assert [(path, path.stat().st_mtime_ns, path.stat().st_ino) for path in cache_files(many)] == before
    assert set(read) <= {vector_files._HEAD_BYTES}


def test_late_vectors_of_old_frames_are_found(many: Store, tmp_path: Path):
    """An index that lacks frames older than its newest would never find them."""
    late = Frame(0.0, {OTHER_SPACE: axis(0, 3)})
    opened = begin(many, write_file(tmp_path / "b.mp4", "b"), spaces=[OTHER_SPACE])
    append(many, opened, [late], until_seconds=1.0, spaces=[OTHER_SPACE])
    assert many.nearest(OTHER_SPACE, axis(0, 3), 1)[0].tolist() == [[1001]]


def test_a_space_of_older_frames_is_found_through_the_index(many: Store, tmp_path: Path):
    """The vectors of a second model come after an index of them was made for newer frames."""
    second = axis(1, 3)
    path = write_file(tmp_path / "b.mp4", "b")
    opened = begin(many, path, spaces=[OTHER_SPACE])
    newer = [Frame(float(i), {OTHER_SPACE: axis(0, 3)}) for i in range(600)]
    append(many, opened, newer, until_seconds=600.0, spaces=[OTHER_SPACE])
    finish(many, opened, spaces=[OTHER_SPACE])
    many.refresh_vectors()
    assert len(index_files(many)) == 2
    opened = begin(many, tmp_path / "a.mp4", spaces=[OTHER_SPACE])
    late = [Frame(float(i), {OTHER_SPACE: second}) for i in range(5)]
    append(many, opened, late, until_seconds=5.0, spaces=[OTHER_SPACE])
    assert many.nearest(OTHER_SPACE, second, 5)[0].tolist() == [[1, 2, 3, 4, 5]]
    many.refresh_vectors()
    assert many.nearest(OTHER_SPACE, second, 5)[0].tolist() == [[1, 2, 3, 4, 5]]
    assert many.verify() == []


# --- shards, half-precision rows, and the order ---------------------------------------------------------


@pytest.fixture
def sharded(library: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A library like one of millions of frames: several indexes, half-precision rows; few frames here."""
    monkeypatch.setattr(index_vectors, "EXACT_ROWS", 500)
    monkeypatch.setattr(index_vectors, "NEWER_ROWS", 50)
    monkeypatch.setattr(shards, "SHARD_ROWS", 600)
    monkeypatch.setattr(vector_files, "HALF_ROWS", 800)
    fill(library, tmp_path, random_rows(700))
    library.refresh_vectors()
    fill(library, tmp_path, random_rows(1000, seed=1), name="b")
    library.refresh_vectors()
    return library


def test_a_search_looks_into_every_shard(sharded: Store):
    rows = np.concatenate((random_rows(700), random_rows(1000, seed=1)))
    assert len(index_files(sharded)) == 3
    assert_finds_nearly_all(sharded, rows, np.arange(1, 1701))
    assert sharded.matrix(SPACE).vectors.stored.dtype == np.float16
    assert np.allclose(sharded.matrix(SPACE).vectors[:], rows, atol=5e-4)
    assert sharded.verify() == []


def test_rows_of_a_large_file_are_read_as_they_are_mapped(sharded: Store):
    chosen = np.random.default_rng(0).permutation(1000)[:50]
    for num_rows in (1700, 1000):
        rows = sharded.matrix(SPACE).vectors
        assert (len(rows), rows.file is None) == (num_rows, False)
        assert np.array_equal(rows[chosen], rows[:][chosen])
        if num_rows == 1700:
            sharded.remove(1)


def test_a_full_shard_is_not_written_again(sharded: Store, tmp_path: Path):
    before = index_files(sharded)
    fill(sharded, tmp_path, random_rows(60, seed=2), name="c")
    sharded.refresh_vectors()
    assert len(set(index_files(sharded)) & set(before)) == 2


def test_a_filter_and_a_removal_hold_across_shards(sharded: Store, tmp_path: Path):
    fill(sharded, tmp_path, random_rows(200, seed=2), name="c")
    sharded.refresh_vectors()
    sharded.remove(1)
    rows = np.concatenate((random_rows(1000, seed=1), random_rows(200, seed=2)))
    assert_finds_nearly_all(sharded, rows, np.arange(701, 1901), at_least=175)
    ids, _ = sharded.nearest(SPACE, random_rows(5, seed=3), 10, among=np.arange(1, 1901, 2))
    assert (ids > 700).all()
    assert (ids % 2 == 1).all()
    sharded.refresh_vectors()
    assert_finds_nearly_all(sharded, rows, np.arange(701, 1901), at_least=175)
    assert sharded.verify() == []


def test_the_order_by_time_is_kept_with_the_files(many: Store, tmp_path: Path):
    """Two videos that were indexed side by side lie interleaved; sorting millions takes seconds."""
    first = begin(many, write_file(tmp_path / "b.mp4", "b"))
    second = begin(many, write_file(tmp_path / "c.mp4", "c"))
    for start in (0, 2):
        for opened in (second, first):
            frames = [Frame(float(i), {SPACE: axis(i)}) for i in (start, start + 1)]
            append(many, opened, frames, until_seconds=start + 2.0)
    many.refresh_vectors()
    matrix = many.matrix(SPACE)
    assert matrix.order is not None
    assert matrix.order.segment_ids[-8:].tolist() == [1003, 1004, 1007, 1008, 1001, 1002, 1005, 1006]
    assert matrix.order.times[-8:].tolist() == [0, 1, 2, 3] * 2
    assert np.array_equal(matrix.order.places[matrix.order.rows], np.arange(1008))
    many.remove(1)
    left = many.matrix(SPACE)
    if left.order is not None:  # the files may have been written anew, without it
        assert np.array_equal(left.segment_ids[left.order.rows], left.order.segment_ids)
    assert many.verify() == []


def test_a_filter_of_large_ids_needs_little_memory():
    """Ids of spoken lines begin at 3 * 2**40: a bit for each id below would be 400 GB."""
    first = 3 << 40
    rows = Rows(random_rows(600))
    index = ApproximateIndex.train(rows, 0, 600)
    index.add(np.arange(first, first + 600), rows, 0, 600)
    among = np.arange(first, first + 600, 3)
    _, ids = index.candidates(random_rows(2, seed=1), 50, among=among)
    assert set(ids.ravel().tolist()) <= set(among.tolist()) | {-1}
    assert (ids[:, 0] >= first).all()
