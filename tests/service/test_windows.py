"""Moving pictures and sound, from the settings of `Library.index` to an answer: with tiny models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.ingest.clips import colour_clip, striped
from tests.sounds import beeps, with_sound
from vidsearch import Library
from vidsearch.errors import ModelUnavailable
from vidsearch.models.device import Device
from vidsearch.models.registry import load_video_embedder
from vidsearch.types import LibraryModels

COLOURS = ["red", "blue", "green", "yellow", "yellow", "red", "red", "green"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of an X-CLIP of four frames, "xclip", a CLAP, "clap", a PE-AV, "pe", and one for exports."""
    import torch

    from tests import tiny_models
    from tests.tiny_pe import save_tiny_pe

    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("tiny")
    tiny_models.save_tiny_xclip(root / "xclip")
    tiny_models.save_tiny_clap(root / "clap")
    save_tiny_pe(root / "pe")
    return root


@pytest.fixture
def video(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight seconds that change and beep."""
    monkeypatch.setenv("VIDSEARCH_CACHE", str(tiny / "cache"))
    pictures = colour_clip(tmp_path / "silent.mkv", COLOURS)
    sound = beeps(*np.arange(0.5, 8, 0.5), seconds=8)
    (tmp_path / "films").mkdir()
    return with_sound(tmp_path / "films" / "a.mkv", sound, codec="flac", still=pictures)


def made(library: Library) -> dict[str, list[tuple[float, float]]]:
    store = library.store
    return {
        track.kind: [(each.start_seconds, round(each.end_seconds, 2)) for each in store.segments(track.id)]
        for track in store.tracks(1)
        if track.kind in ("clip", "sound") and track.state == "active"
    }


def test_windows_are_added_to_what_is_indexed_remembered_and_searched(
    tmp_path: Path, tiny: Path, video: Path
):
    xclip, clap = str(tiny / "xclip"), str(tiny / "clap")
    with Library.create(tmp_path / "library") as library:
        library.index(video, models="mini")
        assert made(library) == {}
        report = library.index(
            video, moving=True, moving_model=xclip, sounds=True, sound_model=clap, device="cpu"
        )
        assert (report.num_indexed, report.failures, report.warnings) == (1, (), ())
        assert made(library) == {"clip": [(0.0, 4.0), (4.0, 8.0)], "sound": [(0.0, 8.0)]}
        assert library.store.models == LibraryModels(("mini",), "mini", (xclip,), (clap,))

        assert library.index(video).num_skipped == 1  # the models are remembered
        answer = library.search("a red dog", kinds=("moving", "sounds"))
        assert {each.kind for hit in answer for each in hit.evidence} <= {"moving", "sounds"}
        assert library.verify() == []

        library.index(video, sounds=False)
        assert library.store.models == LibraryModels(("mini",), "mini", (xclip,))
        assert made(library)["sound"] == [(0.0, 8.0)]
        upgraded = library.upgrade("mini")
        assert upgraded.is_switched
        assert library.store.models == LibraryModels(("mini",), "mini", (xclip,))
    # No torch to search: the text halves run on ONNX Runtime.
    code = (
        "import sys; from vidsearch import Library; "
        f"library = Library.open({str(tmp_path / 'library')!r}); "
        "answer = library.search('a red dog'); "
        "assert not answer.notes, answer.notes; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_model_that_is_named_takes_the_place_of_the_librarys(tmp_path: Path, tiny: Path, video: Path):
    """Guards against passing over --moving-model where the library has a model of moving pictures."""
    xclip, pe = str(tiny / "xclip"), str(tiny / "pe")
    with Library.create(tmp_path / "library") as library:
        library.index(video, models="mini", captions=False, moving_model=xclip, device="cpu")
        assert library.store.models == LibraryModels(("mini",), "mini", (xclip,))
        library.index(video, captions=False, moving=True, device="cpu")  # the library's own
        assert library.store.models == LibraryModels(("mini",), "mini", (xclip,))
        assert made(library) == {"clip": [(0.0, 4.0), (4.0, 8.0)]}
        report = library.index(video, captions=False, moving_model=pe, device="cpu")
        assert (report.num_indexed, report.failures) == (1, ())
        assert library.store.models == LibraryModels(("mini",), "mini", (pe,))
        with pytest.raises(ModelUnavailable, match="is no video embedder"):
            library.index(video, moving_model=str(tiny / "clap"))
        library.index(video, moving=False, moving_model=xclip)
        assert library.store.models == LibraryModels(("mini",), "mini")


def test_models_of_the_list_are_taken_by_what_they_do(tmp_path: Path, tiny: Path, video: Path):
    with Library.create(tmp_path / "library") as library:
        library.index(video, models=f"mini,{tiny / 'xclip'},{tiny / 'clap'}", captions=False, device="cpu")
        assert sorted(made(library)) == ["clip", "sound"]
        (frames, *_) = library.store.spaces()
        assert frames.model == "mini"


def test_one_model_sees_and_hears(tmp_path: Path, tiny: Path, video: Path):
    """A text has a vector for clips and another for sounds, and each kind is searched by its own."""
    pe = str(tiny / "pe")
    embedder = load_video_embedder(pe, device=Device("cpu", "fp32"))
    with Library.create(tmp_path / "library") as library:
        report = library.index(
            video, models="mini", moving=True, moving_model=pe, sounds=True, sound_model=pe, device="cpu"
        )
        assert (report.num_indexed, report.failures, report.warnings) == (1, (), ())
        assert made(library) == {"clip": [(0.0, 8.0)], "sound": [(0.0, 8.0)]}
        for kind in ("moving", "sounds"):
            (hit,) = library.search("a red dog", kinds=(kind,))
            assert [each.kind for each in hit.evidence] == [kind]
        assert library.verify() == []
        (track,) = (track for track in library.store.tracks(1) if track.kind == "clip")
        (segment,) = library.store.segments(track.id)
        _, rows = library.store.vectors(embedder.space, [segment.id])
    # Half a second apart, in the order of time.
    shown = [striped(COLOURS[number // 2], shift=8 * number) for number in range(16)]
    forwards, backwards = load_video_embedder(pe, device=Device("cpu", "fp32")).embed_clips(
        [shown, shown[::-1]]
    )
    assert rows[0] @ forwards > 0.9999
    assert np.linalg.norm(rows[0] - forwards) < np.linalg.norm(rows[0] - backwards) / 2


def test_another_kind_of_model_is_refused_before_anything_is_made(tmp_path: Path, tiny: Path, video: Path):
    with Library.create(tmp_path / "library") as library:
        with pytest.raises(ModelUnavailable, match="is no video embedder: name one, such as xclip"):
            library.index(video, models="mini", moving=True, moving_model=str(tiny / "clap"))
        with pytest.raises(ModelUnavailable, match="is no sound embedder: name one, such as clap"):
            library.index(video, models="mini", sounds=True, sound_model="mini")
        assert library.store.models is None
