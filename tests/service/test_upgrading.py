"""Going on with other models: built beside those before, searched once it is whole, and stopped at will."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest

from tests.fakes import ColourCaptioner, ColourEmbedder
from tests.synthetic import BLUE, RED, solid, write_video
from vidsearch import Library
from vidsearch.errors import ModelError, QueryError, TrackNotFound
from vidsearch.models import registry
from vidsearch.service import upgrading
from vidsearch.service.models import LoadedModels, ModelOptions
from vidsearch.types import LibraryModels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two videos: red then blue, and blue then red."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for name, first, second in (("a.mp4", RED, BLUE), ("b.mp4", BLUE, RED)):
        shown = (_shaded(first), _shaded(second))
        write_video(folder / name, partial(_picture, shown), num_frames=40, frame_rate=10)
    return folder


def _picture(shown, number):
    return shown[number >= 20]


def _shaded(colour):
    image = solid(colour)
    image[32:] //= 2
    return image


@pytest.fixture
def colours(monkeypatch):
    """Models named colour and hue, which see the same and are kept in spaces of their own."""
    embedders = {name: ColourEmbedder(name) for name in ("colour", "hue")}

    def load(models: LibraryModels, options: ModelOptions) -> LoadedModels:
        from vidsearch.models.device import Device

        return LoadedModels(
            [embedders[name] for name in models.embedders], ColourCaptioner(models.captioner or ""), Device()
        )

    def resolve(name: str, *, embedder: str | None = None) -> registry.ModelChoice:
        if name not in embedders:
            raise ModelError(f"no model {name}")
        return registry.ModelChoice(LibraryModels((name,), name), None)

    monkeypatch.setattr(registry, "resolve_models", resolve)
    monkeypatch.setattr(upgrading, "load_models", load)
    monkeypatch.setattr("vidsearch.service.indexing.load_models", load)
    return embedders


def models_of(library: Library) -> list[str]:
    return [space.model for space in library.store.spaces()]


def captioners(library: Library) -> set[str | None]:
    videos = library.videos()
    frames = [frame for video in videos for frame in library.captions(video).frames]
    return {frame.caption.model for frame in frames if frame.caption}


def test_a_library_is_searched_by_the_new_models_once_all_is_there(tmp_path, folder, colours):
    with Library.create(tmp_path / "library") as library:
        library.index(folder, models="colour")
        frames = [frame.id for video in library.videos() for frame in library.store.frames(video.id)]

        done = library.upgrade("hue")

        assert (done.is_switched, done.report.num_indexed) == (True, 2)
        assert library.store.models == LibraryModels(("hue",), "hue")
        assert models_of(library) == ["hue"]
        assert captioners(library) == {"hue"}
        # The same frames: what people bookmarked is still there.
        assert [f.id for video in library.videos() for f in library.store.frames(video.id)] == frames
        assert library.prune() > 0
        assert {track.spec.producer for track in library.tracks("a.mp4") if track.kind == "caption"} == {
            "hue"
        }


def test_corrections_stay_and_win(tmp_path, folder, colours):
    with Library.create(tmp_path / "library") as library:
        library.index(folder, models="colour")
        library.correct("a.mp4@0", "a cloth")

        library.upgrade("hue", prune=True)

        assert library.find_words("cloth")[0].text == "a cloth"
        caption = library.captions("a.mp4").frames[0].caption
        assert caption is not None
        assert caption.text == "a cloth"


def test_a_stopped_upgrade_changes_nothing_that_is_seen_and_continues(tmp_path, folder, colours):
    with Library.create(tmp_path / "library") as library:
        library.index(folder, models="colour")
        stop = threading.Event()
        stop.set()

        done = library.upgrade("hue", stop=stop)

        assert (done.is_switched, done.report.interrupted) == (False, True)
        assert (models_of(library), captioners(library)) == (["colour"], {"colour"})
        assert library.upgrade("hue").is_switched


def test_a_video_that_fails_holds_the_switch_back_unless_told(tmp_path, folder, colours):
    with Library.create(tmp_path / "library") as library:
        library.index(folder, models="colour")
        (folder / "b.mp4").unlink()

        done = library.upgrade("hue")
        assert (done.is_switched, len(done.report.failures)) == (False, 1)
        assert models_of(library) == ["colour"]

        assert library.upgrade("hue", skip_failed=True).is_switched
        assert models_of(library) == ["hue"]


def test_models_that_cannot_be_had_leave_the_library_as_it_is(tmp_path, folder, colours):
    with Library.create(tmp_path / "library") as library:
        library.index(folder, models="colour")

        with pytest.raises(ModelError):
            library.upgrade("nothing")
        assert models_of(library) == ["colour"]


def test_the_same_models_again_make_nothing(tmp_path, folder, colours):
    with Library.create(tmp_path / "library") as library:
        library.index(folder, models="colour")
        before = colours["colour"].num_images

        assert library.upgrade("colour").is_switched
        assert colours["colour"].num_images == before


def test_tracks_say_what_is_known_and_one_can_be_removed(own_library, tmp_path):
    (tmp_path / "cat.srt").write_text("1\n00:00:04,000 --> 00:00:06,000\nWho is a good cat?\n")
    own_library.import_subtitles(tmp_path / "cat.srt", "cat.mp4")

    by_kind = {track.kind: track for track in own_library.tracks("cat.mp4")}
    assert {"frames", "caption", "subtitle"} <= set(by_kind)
    assert (by_kind["subtitle"].name, by_kind["subtitle"].num_segments) == ("cat", 1)
    assert own_library.remove_track(by_kind["subtitle"].id) == by_kind["subtitle"]
    assert own_library.find_words("good") == []
    for number in (by_kind["subtitle"].id, 10**30, -1):
        with pytest.raises(TrackNotFound):
            own_library.remove_track(number)


def test_an_upgrade_needs_models(library):
    with pytest.raises(QueryError):
        upgrading.upgrade(library.store, ModelOptions())
