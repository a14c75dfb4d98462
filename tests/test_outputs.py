"""Files are written whole or not at all, and never over what is read."""

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from vidsearch.errors import ExportError
from vidsearch.outputs import CATALOG_FILE, OutputRule, is_stdout


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "videos" / "cat.mp4"
    path.parent.mkdir()
    path.write_bytes(b"pictures")
    return path


def another_way_to(path: Path, way: str, folder: Path) -> Path:
    """The same file by another name."""
    other = folder / "other.srt"
    if way == "dots":
        return path.parent / ".." / path.parent.name / path.name
    if way == "symlink":
        other.symlink_to(path)
        return other
    if way == "hardlink":
        other.hardlink_to(path)
        return other
    if way == "folder link":
        (folder / "link").symlink_to(path.parent)
        return folder / "link" / path.name
    return path


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("way", ["plain", "dots", "symlink", "hardlink", "folder link"])
def test_an_input_is_never_written_to(tmp_path, video, way, overwrite):
    output = another_way_to(video, way, tmp_path)
    with pytest.raises(ExportError, match="which is read and never written"):
        OutputRule(overwrite, inputs=(video,)).write(output, b"subtitles")
    assert video.read_bytes() == b"pictures"


def test_the_place_of_a_video_that_is_gone_is_kept_free(tmp_path, video):
    video.unlink()
    (tmp_path / "link").symlink_to(video.parent)
    with pytest.raises(ExportError, match="never written"):
        OutputRule(inputs=(video,)).check(tmp_path / "link" / "cat.mp4")


@pytest.mark.parametrize("way", ["plain", "dots", "symlink", "folder link"])
@pytest.mark.parametrize("name", [CATALOG_FILE, "new.srt", "deep/new.srt"])
def test_nothing_is_written_inside_a_library(tmp_path, way, name):
    library = tmp_path / "library"
    (library / "deep").mkdir(parents=True)
    (library / CATALOG_FILE).write_bytes(b"rows")
    output = another_way_to(library / name, way, tmp_path)
    with pytest.raises(ExportError, match="inside the library"):
        OutputRule(overwrite=True).write(output, b"")
    assert (library / CATALOG_FILE).read_bytes() == b"rows"
    assert sorted(path.name for path in library.rglob("*")) == [CATALOG_FILE, "deep"]


def test_a_file_that_exists_is_replaced_only_when_told(tmp_path):
    path = tmp_path / "a.srt"
    path.write_text("mine")
    with pytest.raises(ExportError, match=r"a\.srt exists.*--overwrite"):
        OutputRule().write(path, b"new")
    assert path.read_text() == "mine"
    OutputRule(overwrite=True).write(path, b"new")
    assert path.read_text() == "new"


def test_a_file_that_appears_meanwhile_is_left(tmp_path):
    path = tmp_path / "a.srt"

    def writes() -> None:
        with OutputRule().open(path) as out:
            out.write(b"ours")
            path.write_text("theirs")

    with pytest.raises(ExportError, match="exists"):
        writes()
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_dangling_link_counts_as_a_file(tmp_path):
    path = tmp_path / "a.srt"
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ExportError, match="exists"):
        OutputRule().write(path, b"new")
    OutputRule(overwrite=True).write(path, b"new")
    assert not path.is_symlink()
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_end_in_between_leaves_nothing(tmp_path, error, overwrite):
    path = tmp_path / "a.srt"
    if overwrite:
        path.write_text("before")

    def breaks() -> None:
        with OutputRule(overwrite).open(path) as out:
            out.write(b"half")
            raise error

    with pytest.raises(error):
        breaks()
    assert [file.read_text() for file in tmp_path.iterdir()] == (["before"] if overwrite else [])


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        OutputRule().write(tmp_path / "a.srt", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.srt").stat().st_mode) == 0o640


def test_missing_folders_are_made(tmp_path):
    OutputRule().write(tmp_path / "a" / "b" / "c.srt", b"x")
    assert (tmp_path / "a" / "b" / "c.srt").read_bytes() == b"x"


def test_a_pipe_is_written_to_and_stays(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    OutputRule().write(path, b"words")
    reader.join()
    assert read == [b"words"]
    assert stat.S_ISFIFO(path.stat().st_mode)
    with pytest.raises(ExportError, match="a pipe or a device"), OutputRule().beside(path):
        pass


def test_dev_null_swallows_and_stays():
    OutputRule(overwrite=True).write(Path("/dev/null"), b"words")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_device_that_is_full_is_one_clear_error():
    with pytest.raises(ExportError, match="Could not write /dev/full: No space left"):
        OutputRule().write(Path("/dev/full"), b"words")


@pytest.mark.parametrize("path", ["/dev/new.srt", "/proc/self/fd/77", "/proc/self/new.srt"])
def test_devices_are_no_folder_for_files(path):
    with pytest.raises(ExportError, match="no place for files"):
        OutputRule(overwrite=True).write(Path(path), b"words")


def test_folders_and_sockets_are_refused(tmp_path):
    with pytest.raises(ExportError, match="is a folder"):
        OutputRule(overwrite=True).write(tmp_path, b"")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        with pytest.raises(ExportError, match="not a file that can be written"):
            OutputRule(overwrite=True).write(tmp_path / "s", b"")


@pytest.mark.parametrize("name", ["x" * 300, "file/below", "loop"])
def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path, name):
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ExportError, match=r"Could not write|exists"):
        OutputRule().write(tmp_path / name, b"")


def test_a_dash_is_stdout_and_never_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [is_stdout(Path(name)) for name in ("-", "/dev/stdout", "/dev/../dev/fd/1", "a")] == [
        True,
        True,
        True,
        False,
    ]
    for name in ("-", "-/frame_01.jpg"):
        with pytest.raises(ExportError, match="stands for stdout"):
            OutputRule().write(Path(name), b"")
    assert list(tmp_path.iterdir()) == []


def test_an_address_is_refused_and_makes_no_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for address in ("https://example.com/a.mp4", "s3://bucket/a.srt"):
        with pytest.raises(ExportError, match="is an address"):
            OutputRule(overwrite=True).write(Path(address), b"")
    assert list(tmp_path.iterdir()) == []
    OutputRule().write(Path("a:b.srt"), b"")
    assert list(tmp_path.iterdir()) == [tmp_path / "a:b.srt"]
