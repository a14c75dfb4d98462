"""Videos are found wherever a user points to, and every pointer that leads to none is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vidsearch.media.discover import find_videos


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
