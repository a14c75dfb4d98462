"""Videos are found wherever a user points to, and every pointer that leads to none is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.synthetic import numbered, write_video
from vidsearch.errors import QueryError
from vidsearch.media.discover import find_videos, is_found_in


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folders_are_searched_by_suffix_and_sorted(tmp_path: Path) -> None:
    touch(
        *(
            tmp_path / name
            for name in ("b.mp4", "a.MKV", "sub/c.webm", "notes.txt", ".hidden.mp4", ".git/d.mp4")
        )
    )
    found = find_videos([tmp_path])
    assert found.videos == (tmp_path / "a.MKV", tmp_path / "b.mp4", tmp_path / "sub" / "c.webm")
    assert found.problems == ()


def test_a_named_file_is_taken_whatever_its_suffix(tmp_path: Path) -> None:
    touch(tmp_path / "clip.xyz", tmp_path / ".hidden")
    assert find_videos([tmp_path / "clip.xyz", tmp_path / ".hidden"]).videos == (
        tmp_path / "clip.xyz",
        tmp_path / ".hidden",
    )


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.mp4").symlink_to(tmp_path / "gone")
    paths = [tmp_path / "nothing.mp4", tmp_path / "empty", tmp_path / "broken.mp4"]
    assert find_videos(paths).problems == (
        (paths[0], "no such file or folder"),
        (paths[1], "no videos in this folder"),
        (paths[2], "the link leads nowhere"),
    )


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    touch(tmp_path / "in" / "a.mp4")
    (tmp_path / "in" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self.mp4").symlink_to(tmp_path / "self.mp4")
    found = find_videos([tmp_path])
    assert [path.name for path in found.videos] == ["a.mp4", "self.mp4"]


def test_a_file_found_twice_counts_once(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp4")
    assert find_videos([tmp_path / "a.mp4", tmp_path, tmp_path]).videos == (tmp_path / "a.mp4",)


def test_a_folder_named_like_a_video(tmp_path: Path) -> None:
    touch(tmp_path / "x.mp4" / "inside.mp4")
    assert find_videos([tmp_path]).videos == (tmp_path / "x.mp4" / "inside.mp4",)


def test_finding_imports_no_decoder() -> None:
    """Guards against slow starts: PyAV and OpenCV wait until a file is opened."""
    code = "import sys, vidsearch.media.discover; print(sorted({'av', 'cv2', 'torch'} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_trash_previews_and_hidden_media_are_passed_over(tmp_path: Path) -> None:
    touch(
        *(
            tmp_path / name
            for name in (
                "a.mp4",
                "#recycle/b.mp4",
                "$RECYCLE.BIN/S-1/c.mp4",
                "holiday/@eaDir/d.mp4/SYNOVIDEO.mp4",
                "lost+found/e.mp4",
                ".Trash-1000/files/f.mp4",
                ".Trashes/g.mp4",
                "System Volume Information/h.mp4",
                "app/.nomedia",
                "app/cache/i.mp4",
                "._a.mp4",
                "holiday/j.mp4",
            )
        )
    )
    expected = (tmp_path / "a.mp4", tmp_path / "holiday" / "j.mp4")
    assert find_videos([tmp_path]).videos == expected
    everything = [path for path in tmp_path.rglob("*.mp4") if path.is_file()]
    assert sorted(path for path in everything if is_found_in(tmp_path, path)) == sorted(expected)


def test_what_is_named_is_searched_all_the_same(tmp_path: Path) -> None:
    touch(tmp_path / "#recycle" / "a.mp4", tmp_path / "app" / ".nomedia", tmp_path / "app" / "b.mp4")
    found = find_videos([tmp_path / "#recycle", tmp_path / "app"])
    assert [path.name for path in found.videos] == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        (["*.mkv"], ["a.mp4", "raw/c.mp4", "sub/raw/d.mp4"]),
        (["/raw/"], ["a.mp4", "b.mkv", "sub/raw/d.mp4"]),
        (["raw"], ["a.mp4", "b.mkv"]),
        (["*.mp4", "!d.mp4"], ["b.mkv", "sub/raw/d.mp4"]),
        (["# a remark", "", "sub/**"], ["a.mp4", "b.mkv", "raw/c.mp4"]),
    ],
)
def test_patterns_leave_out_what_they_match(exclude: list[str], expected: list[str], tmp_path: Path) -> None:
    names = ["a.mp4", "b.mkv", "raw/c.mp4", "sub/raw/d.mp4"]
    touch(*(tmp_path / name for name in names))
    found = find_videos([tmp_path], exclude=exclude)
    assert [path.relative_to(tmp_path).as_posix() for path in found.videos] == expected
    assert [name for name in names if is_found_in(tmp_path, tmp_path / name, exclude=exclude)] == expected
    assert find_videos([tmp_path / "a.mp4"], exclude=["*"]).videos == (tmp_path / "a.mp4",)


def test_a_pattern_that_means_nothing_is_told(tmp_path: Path) -> None:
    for pattern in ("!", "[z-a]"):
        with pytest.raises(QueryError, match=r"no patterns as in a \.gitignore"):
            find_videos([tmp_path], exclude=[pattern])


def test_scripts_and_music_are_no_videos_unless_named(tmp_path: Path) -> None:
    (tmp_path / "index.ts").write_text("export const G = 'GGGG';\n" * 100)
    (tmp_path / "song.mod").write_bytes(b"my song" + bytes(2000))
    write_video(tmp_path / "broadcast.ts", numbered, num_frames=5)
    write_video(tmp_path / "camcorder.mpg", numbered, num_frames=5, codec="mpeg2video").rename(
        tmp_path / "camcorder.mod"
    )
    found = find_videos([tmp_path])
    assert [path.name for path in found.videos] == ["broadcast.ts", "camcorder.mod"]
    assert found.problems == ()
    assert find_videos([tmp_path / "index.ts"]).videos == (tmp_path / "index.ts",)
