"""A file is known by its content, wherever it goes and whatever its times say."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.store.examples import begin, four_frames, write_file
from vidsearch.errors import MediaError, NotAVideo, VideoNotFound, VideoReplaced
from vidsearch.store.fingerprint import BLOCK_BYTES, check_is_video, fingerprint, path_of, quick_key
from vidsearch.store.store import Store


def test_a_new_file_is_new(library: Store, tmp_path: Path):
    state = library.lookup(write_file(tmp_path / "a.mp4", "a"))
    assert (state.state, state.video, state.replaces) == ("new", None, None)


def test_an_indexed_file_is_complete_where_it_was(library: Store, tmp_path: Path):
    video = four_frames(library, tmp_path / "a.mp4")
    state = library.lookup(tmp_path / "a.mp4")
    assert (state.state, state.video, state.is_known_here) == ("complete", video, True)
    assert state.fingerprint is None, "a file that did not change is not read whole"


def test_a_moved_file_is_found_again(library: Store, tmp_path: Path):
    video = four_frames(library, tmp_path / "a.mp4")
    moved = tmp_path / "elsewhere" / "b.mp4"
    moved.parent.mkdir()
    (tmp_path / "a.mp4").rename(moved)
    state = library.lookup(moved)
    assert (state.state, state.is_known_here) == ("complete", False)
    assert library.add_path(video.id, moved, state.fingerprint).path == moved
    assert library.prune(missing=True) == []
    assert library.videos()[0].paths == (moved,)
    assert library.lookup(moved).is_known_here


def test_a_copy_is_the_same_video_at_two_paths(library: Store, tmp_path: Path):
    video = four_frames(library, tmp_path / "a.mp4")
    copy = Path(shutil.copy(tmp_path / "a.mp4", tmp_path / "copy.mp4"))
    assert library.lookup(copy).state == "complete"
    library.add_path(video.id, copy)
    (kept,) = library.videos()
    assert kept.paths == (tmp_path / "a.mp4", copy)


def test_a_touched_file_is_read_once_and_stays(library: Store, tmp_path: Path):
    video = four_frames(library, tmp_path / "a.mp4")
    os.utime(tmp_path / "a.mp4", ns=(0, 0))
    state = library.lookup(tmp_path / "a.mp4")
    assert (state.state, state.is_known_here, state.replaces) == ("complete", False, None)
    library.add_path(video.id, tmp_path / "a.mp4", state.fingerprint)
    assert library.lookup(tmp_path / "a.mp4").is_known_here


def test_new_content_under_the_old_time_and_size_is_seen(library: Store, tmp_path: Path):
    path = tmp_path / "a.mp4"
    video = four_frames(library, path)
    before = path.stat()
    path.write_bytes(bytes(reversed(path.read_bytes())))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    state = library.lookup(path)
    assert (state.state, state.replaces) == ("new", video)


def test_a_changed_file_is_a_new_video_and_the_old_one_goes_on_request(library: Store, tmp_path: Path):
    path = tmp_path / "a.mp4"
    old = four_frames(library, path)
    write_file(path, "something else")
    new = begin(library, path).video
    assert new.id != old.id
    assert [video.id for video in library.videos()] == [old.id, new.id]
    assert [video.id for video in library.prune()] == [old.id]
    assert [video.id for video in library.videos()] == [new.id]


def test_a_changed_file_leaves_a_video_that_is_elsewhere_too(library: Store, tmp_path: Path):
    path = tmp_path / "a.mp4"
    old = four_frames(library, path)
    copy = Path(shutil.copy(path, tmp_path / "copy.mp4"))
    library.add_path(old.id, copy)
    write_file(path, "something else")
    begin(library, path)
    assert library.prune() == []
    assert library.video(f"#{old.id}").paths == (copy,)


def test_two_files_that_swap_names_keep_their_videos(library: Store, tmp_path: Path):
    one, two = tmp_path / "one.mp4", tmp_path / "two.mp4"
    first, second = four_frames(library, one), four_frames(library, two, word="cat")
    one.rename(tmp_path / "between")
    two.rename(one)
    (tmp_path / "between").rename(two)
    for path, video in ((one, second), (two, first)):
        state = library.lookup(path)
        assert (state.state, state.video and state.video.id) == ("complete", video.id)
        library.add_path(video.id, path, state.fingerprint)
    assert library.prune() == []
    assert [(video.id, video.paths) for video in library.videos()] == [
        (first.id, (two,)),
        (second.id, (one,)),
    ]


def test_equal_quick_keys_do_not_merge_two_videos(library: Store, tmp_path: Path):
    """The quick key reads three blocks; files that differ only between them share it."""
    length = 10 * BLOCK_BYTES
    one = write_file(tmp_path / "one.mp4", bytes(length))
    other = bytearray(length)
    other[2 * BLOCK_BYTES] = 1
    two = write_file(tmp_path / "two.mp4", bytes(other))
    assert quick_key(one) == quick_key(two)
    video = begin(library, one).video
    state = library.lookup(two)
    assert (state.state, state.fingerprint) == ("new", fingerprint(two))
    with pytest.raises(VideoNotFound, match="its content is different"):
        library.add_path(video.id, two)


def test_missing_files_are_pruned_only_on_request(library: Store, tmp_path: Path):
    video = four_frames(library, tmp_path / "a.mp4")
    (tmp_path / "a.mp4").unlink()
    assert library.prune() == []
    assert library.videos() == [video]
    assert library.prune(missing=True) == [video]
    assert library.videos() == []


def test_a_failure_is_remembered_until_the_file_changes(library: Store, tmp_path: Path):
    path = write_file(tmp_path / "notes.mp4", "these are notes")
    library.record_failure(path, NotAVideo("It is text."))
    (failure,) = library.failures()
    assert (failure.path, failure.error, failure.reason) == (path, "NotAVideo", "It is text.")
    assert library.lookup(path).failure == failure
    write_file(path, "these are other notes")
    assert library.lookup(path).state == "new"
    library.forget_failure(path)
    assert library.failures() == []


def test_a_failure_is_forgotten_when_the_file_is_indexed(library: Store, tmp_path: Path):
    path = write_file(tmp_path / "a.mp4", "a")
    library.record_failure(path, NotAVideo("It was not."))
    begin(library, path)
    assert library.failures() == []


def test_a_file_that_went_away_is_an_error_then_a_failure(library: Store, tmp_path: Path):
    path = tmp_path / "gone.mp4"
    with pytest.raises(MediaError, match=r"gone\.mp4: cannot be read: No such file"):
        library.lookup(path)
    library.record_failure(path, MediaError("It went away."))
    assert library.lookup(path).state == "failed"
    write_file(path, "back again")
    assert library.lookup(path).state == "new"


def test_what_is_no_file_is_not_waited_for(library: Store, tmp_path: Path):
    """Opening a pipe without a writer would hang for ever."""
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    for name in ("pipe.mp4", "folder.mp4"):
        with pytest.raises(MediaError, match="is not a file"):
            library.lookup(tmp_path / name)


@pytest.mark.parametrize(
    "name",
    ["two words.mp4", 'it\'s "quoted".mp4', "line\nbreak.mp4", "emoji 🐕.mp4", "percent%20.mp4", "?#.mp4"],
)
def test_names_with_any_character(library: Store, tmp_path: Path, name: str):
    video = four_frames(library, tmp_path / name)
    assert library.videos() == [video]
    assert library.video(name) == video
    assert library.lookup(tmp_path / name).is_known_here


def test_a_name_that_is_not_unicode(library: Store, tmp_path: Path):
    """Linux takes any bytes as a name; SQLite's text does not."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/not \xff unicode.mp4"))
    video = four_frames(library, path)
    assert library.videos()[0].paths == video.paths == (path,)
    library.record_failure(path, NotAVideo(f"{path} is none."))
    assert library.failures()[0].path == path


def test_a_library_below_a_name_with_any_character(tmp_path: Path):
    folder = tmp_path / "a?mode=memory#%41 ü"
    with Store.open(folder, create=True) as library:
        four_frames(library, tmp_path / "a.mp4")
    with Store.open(folder) as library:
        assert len(library.videos()) == 1
    assert (folder / "catalog.sqlite3").is_file()


def test_relative_paths_are_kept_whole(library: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    four_frames(library, Path("sub/../a.mp4"))
    assert library.videos()[0].paths == (tmp_path / "a.mp4",)


# --- before pixels are read ------------------------------------------------------------------------


def test_a_file_that_was_replaced_is_not_taken_for_the_video(library: Store, tmp_path: Path):
    """Else captions and pictures of another film would be given under the video's name."""
    path = tmp_path / "a.mp4"
    video = four_frames(library, path)
    check_is_video(path, video)
    before = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(VideoReplaced, match="Index it again") as raised:
        check_is_video(path, video)
    assert (raised.value.path, str(raised.value)) == (path, f"{path}: {raised.value.reason}")


def test_pixels_come_from_a_path_that_still_holds_the_video(library: Store, tmp_path: Path):
    four_frames(library, tmp_path / "a.mp4")
    copy = Path(shutil.copy(tmp_path / "a.mp4", tmp_path / "copy.mp4"))
    library.add_path(library.videos()[0].id, copy)
    (video,) = library.videos()
    assert path_of(video) == tmp_path / "a.mp4"
    write_file(tmp_path / "a.mp4", "another film")
    assert path_of(video) == copy
    copy.unlink()
    with pytest.raises(VideoReplaced):
        path_of(video)
    (tmp_path / "a.mp4").unlink()
    with pytest.raises(MediaError, match="No such file") as raised:
        path_of(video)
    assert raised.value.path == tmp_path / "a.mp4"
