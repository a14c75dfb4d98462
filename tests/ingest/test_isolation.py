from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.fakes import ColourEmbedder
from tests.ingest.clips import colour_clip
from tests.ingest.states import state_of, threads_at_work, tracks_of
from tests.media.test_embedded import with_subtitles
from vidsearch.errors import DamagedVideo, DecodeTimeout, MediaError, NotAVideo
from vidsearch.ingest import PipelineOptions, ingest
from vidsearch.ingest import pictures as pictures_module
from vidsearch.ingest.isolation import isolated
from vidsearch.media.decode import frames
from vidsearch.store.fingerprint import fingerprint
from vidsearch.store.store import Store
from vidsearch.types import SamplingPlan


def count_to(number: int):
    print("noise that must not come between the answers")
    yield from range(number)


def segfault_after(number: int):
    yield from range(number)
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(60)


def hang_after(number: int):
    yield from range(number)
    time.sleep(600)


def complain(message: str):
    raise NotAVideo(message)


def my_process_id_then_hang():
    yield os.getpid()
    time.sleep(600)


def test_items_come_in_order_from_another_process():
    assert list(isolated(partial(count_to, 3), name="x")) == [0, 1, 2]


def test_errors_come_as_they_are():
    with pytest.raises(NotAVideo, match="a text file"):
        list(isolated(partial(complain, "a text file"), name="x"))


def test_a_crash_is_an_error_after_what_came_before():
    items = isolated(partial(segfault_after, 2), name="clip.mp4")
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(DamagedVideo, match=r"clip\.mp4: its decoder crashed \(SIGSEGV\)"):
        next(items)


def test_a_hang_is_an_error_after_the_deadline():
    items = isolated(partial(hang_after, 1), name="clip.mp4", timeout_seconds=5)
    assert next(items) == 0
    with pytest.raises(DecodeTimeout, match=r"clip\.mp4: its decoder made no progress within 5 s"):
        next(items)


def test_the_process_ends_with_the_iteration():
    items = isolated(my_process_id_then_hang, name="x")
    process_id = next(items)
    items.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    for colour in ("red", "green", "blue"):
        colour_clip(folder / f"{colour}.mp4", [colour, "white"])
    return folder


def test_isolated_runs_give_the_same_library(tmp_path, folder):
    """Words that a file brings along are read there too: a run that follows a crash read them not at all."""
    (tmp_path / "subtitled").mkdir()
    film = with_subtitles(
        tmp_path / "subtitled",
        [(0.5, 0.5, "Où est Bello ?".encode())],
        metadata={"language": "fra"},
        chapter_marks=[(0.0, 1.0, "Morning")],
    )
    (folder / "red.srt").write_text(
        "".join(f"{n}\n00:00:01,000 --> 00:00:02,000\n{'ö' * 50} {n}\n\n" for n in range(1, 4000))
    )
    states = []
    for isolate in (False, True):
        with Store.open(tmp_path / f"library {isolate}", create=True) as library:
            report = ingest(library, [folder, film], embedders=[ColourEmbedder()], isolate=isolate)
            assert report.failures == ()
            states.append((state_of(library), tracks_of(library)))
    assert states[0] == states[1]
    assert {track.kind for track in states[0][1]["film.mkv"]} == {"subtitle", "chapter"}
    assert len(states[0][1]["red.mp4"][1].segments) == 3999


def index_and_die(tmp_path: Path, folder: Path, where: str) -> tuple[int, str]:
    """Run `dying_process.main`. Returns its exit status, and what it printed."""
    # Not as "__main__", where the process that decodes apart would not find what is to be called.
    code = "import sys; from tests.ingest.dying_process import main; main(*sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "library"), str(folder), where],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def names_in(tmp_path: Path) -> list[str]:
    with Store.open(tmp_path / "library") as library:
        assert all(video.is_complete for video in library.videos())
        return sorted(video.path.name for video in library.videos())


def test_a_file_at_which_two_runs_died_is_decoded_apart(tmp_path, folder):
    """Otherwise one file that crashes the decoder ends every run at the same place."""
    dead = (-signal.SIGKILL, "")
    runs = [index_and_die(tmp_path, folder, "decoder") for _ in range(3)]

    assert runs == [dead, dead, (0, "green.mp4: its decoder crashed (SIGKILL)\n")]
    assert names_in(tmp_path) == ["blue.mp4", "red.mp4"]


@pytest.mark.slow
def test_a_file_that_kills_all_the_same_kills_thrice_and_no_other_file_is_blamed(tmp_path, folder):
    dead = (-signal.SIGKILL, "")
    runs = [index_and_die(tmp_path, folder, "model") for _ in range(4)]

    assert runs == [dead, dead, dead, (0, f"green.mp4: {GIVEN_UP}\n")]
    assert names_in(tmp_path) == ["blue.mp4", "red.mp4"]


@pytest.mark.slow
def test_a_file_that_kills_who_only_hands_it_over_is_opened_apart(tmp_path, folder):
    dead = (-signal.SIGKILL, "")
    runs = [index_and_die(tmp_path, folder, "probe") for _ in range(3)]

    assert runs == [dead, dead, (0, "")]
    assert names_in(tmp_path) == ["blue.mp4", "green.mp4", "red.mp4"]


GIVEN_UP = (
    "3 runs or workers died while they worked on it, though its decoder had a process of its own at last. "
    "Try it again with --retry-failed"
)


def test_a_file_at_which_three_runs_died_is_passed_over(tmp_path, folder):
    """Even a decoder apart does not help where a file kills by something else, as by the memory it takes."""
    with Store.open(tmp_path / "library", create=True) as library:
        die_at(library, folder / "green.mp4", num_deaths=3)
        for _ in range(2):
            report = ingest(library, [folder], embedders=[ColourEmbedder()])
            (failure,) = report.failures
            assert failure.reason == GIVEN_UP
        assert {video.path.name for video in library.videos()} == {"blue.mp4", "red.mp4"}
        report = ingest(library, [folder], embedders=[ColourEmbedder()], retry_failed=True)
        assert (report.num_indexed, report.failures) == (1, ())


def die_at(library: Store, path: Path, *, num_deaths: int) -> None:
    """Leave behind what workers leave that died at a file."""
    lease = library.take_lease(fingerprint(path).content_hash)
    assert lease is not None
    for _ in range(num_deaths):
        lease = library.note_death(lease)
    library.give_back(lease)


LET_GO = threading.Event()


def hangs_on_green(path: Path, *arguments, **options):
    if path.name == "green.mp4":
        LET_GO.wait()
    from vidsearch.media.decode import frames

    return frames(path, *arguments, **options)


def test_a_decoder_that_hangs_fails_its_video_alone(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(pictures_module, "frames", hangs_on_green)
    options = PipelineOptions(timeout_seconds=2)
    with Store.open(tmp_path / "library", create=True) as library:
        report = ingest(library, [folder], embedders=[ColourEmbedder()], options=options)
        (failure,) = report.failures
        assert (failure.path.name, failure.error) == ("green.mp4", "DecodeTimeout")
        assert report.num_indexed == 2
        LET_GO.set()
        while threads_at_work():
            time.sleep(0.01)


HOSTILE = "import pathlib; pathlib.Path({!r}).write_text(__name__)"


@pytest.mark.parametrize("how", ["working folder", "PYTHONPATH"])
def test_modules_beside_the_videos_do_not_run(tmp_path, folder, monkeypatch, how):
    """Python looks for modules where it is started, and a folder of videos may hold a `pickle.py`."""
    proof = tmp_path / "proof"
    for name in (
        "pickle",
        "json",
        "typer",
        "numpy",
        "av",
        "vidsearch",
        "cupy",
        "sitecustomize",
        "usercustomize",
    ):
        (folder / f"{name}.py").write_text(HOSTILE.format(str(proof)))
    if how == "PYTHONPATH":
        monkeypatch.setenv("PYTHONPATH", str(folder))
    else:
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend("")
    found = list(isolated(partial(frames, folder / "red.mp4", SamplingPlan()), name="red.mp4"))
    assert found
    assert not proof.exists()


def write_nonsense():
    os.write(1, b"noise of a library")
    yield 1
    for descriptor in range(3, 10):
        with suppress(OSError):
            os.write(descriptor, b"\x00\x00\x00\x05hello")
    yield 2


def test_an_answer_that_is_none_is_an_error():
    with pytest.raises(DamagedVideo, match=r"^clip\.mp4: its decoder answers what makes no sense$"):
        list(isolated(write_nonsense, name="clip.mp4"))


def return_seven():
    yield 1
    return 7


def test_the_value_of_a_generator_comes_back():
    items = isolated(return_seven, name="x")
    assert next(items) == 1
    with pytest.raises(StopIteration) as end:
        next(items)
    assert end.value.value == 7


def divide():
    yield 1 / 0


def test_an_error_that_is_not_ours_is_one_of_the_file():
    with pytest.raises(MediaError, match=r"^clip\.mp4: ZeroDivisionError: division by zero$"):
        list(isolated(divide, name="clip.mp4"))
