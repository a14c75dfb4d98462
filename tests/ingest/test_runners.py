"""What every runner does, wherever the work is done."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import ColourEmbedder, PitchEmbedder
from tests.ingest.ray_runs import (
    OPTIONS,
    PLAN,
    clips,
    cluster_of,
    contents,
    index,
    models,
    runner_of,
    slow_models,
)
from tests.sounds import beeps, with_sound
from vidsearch.errors import ModelUnavailable
from vidsearch.ingest import ingest
from vidsearch.ingest.ray_worker import Models
from vidsearch.ingest.runner import Runner, ThisMachine
from vidsearch.ingest.windows import SoundAnalyzer
from vidsearch.ingest.work import ChunkDone, SoundDone, SoundHeard, VideoDone, WorkResult
from vidsearch.store.store import Store


class BrokenEmbedder(ColourEmbedder):
    """Finds its weights gone at its first picture."""

    def embed_images(self, images: Any) -> Any:
        raise ModelUnavailable("the weights are gone")


def listening_models() -> Models:
    return Models([ColourEmbedder()], stream_analyzers=[SoundAnalyzer(PitchEmbedder())])


def broken_models() -> Models:
    return Models([BrokenEmbedder()])


class Recorder:
    """A runner that writes down what another one yields, and may act on it."""

    def __init__(self, runner: Runner, act: Callable[[WorkResult], None] = lambda _: None) -> None:
        self._runner = runner
        self._act = act
        self.seen: list[Any] = []

    def results(self, paths: Sequence[Path], session: Any, **options: Any) -> Iterator[WorkResult]:
        for result in self._runner.results(paths, session, **options):
            self.seen.append(result)
            yield result
            self._act(result)

    def by_file(self, *kinds: type[Any]) -> dict[str, list[Any]]:
        found = defaultdict(list)
        for each in self.seen:
            if isinstance(each, kinds):
                found[each.job.path.name].append(each)
        return found


class RunnerContract:
    """Give a fixture `runner`, which makes one whose workers load these models."""

    @pytest.fixture
    def runner(self) -> Callable[[Callable[[], Models]], Runner]:
        raise NotImplementedError

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return clips(tmp_path / "videos", [6, 5, 4])

    @pytest.fixture
    def library(self, tmp_path: Path) -> Iterator[Store]:
        with Store.open(tmp_path / "library", create=True) as opened:
            yield opened

    @pytest.fixture
    def wanted(self, folder, tmp_path) -> Any:
        with Store.open(tmp_path / "wanted", create=True) as opened:
            index(opened, folder)
            return contents(opened)

    def test_each_video_comes_in_order_and_ends_once(self, runner, folder, library, wanted):
        recorder = Recorder(runner(models))
        report = index(library, folder, recorder)

        assert (report.num_indexed, report.failures, report.warnings) == (3, (), ())
        assert contents(library) == wanted
        made = recorder.by_file(ChunkDone, VideoDone)
        assert {name: len(each) for name, each in made.items()} == {"0.mp4": 7, "1.mp4": 6, "2.mp4": 5}
        for *chunks, end in made.values():
            untils = [chunk.chunk.until_seconds for chunk in chunks]
            assert untils == sorted(untils)
            assert isinstance(end, VideoDone)

    def test_a_bad_file_is_one_line_and_the_others_are_there(self, runner, folder, library, wanted):
        (folder / "bad.mp4").write_bytes(b"no video" * 1000)
        whole = (folder / "0.mp4").read_bytes()
        (folder / "half.mp4").write_bytes(whole[: len(whole) // 2])
        report = index(library, folder, runner(models))

        assert sorted(failure.path.name for failure in report.failures) == ["bad.mp4", "half.mp4"]
        assert report.num_indexed == 3
        assert contents(library) == wanted

    def test_a_run_that_is_stopped_is_finished_by_another(self, runner, folder, library, wanted):
        stop = threading.Event()

        def stop_at_a_chunk(result: WorkResult) -> None:
            if isinstance(result, ChunkDone):
                stop.set()

        report = index(library, folder, Recorder(runner(slow_models), stop_at_a_chunk), stop=stop)
        assert report.interrupted
        assert 0 < report.counts.num_frames < 30

        report = index(library, folder, runner(models))
        assert report.failures == ()
        assert contents(library) == wanted

    def test_a_file_that_changes_meanwhile_is_one_line_and_nothing_of_it_is_kept(
        self, runner, folder, library, wanted
    ):
        changing = folder / "0.mp4"

        def change(result: WorkResult) -> None:
            if isinstance(result, ChunkDone) and result.job.path == changing:
                with changing.open("ab") as file:
                    file.write(b"more")

        report = index(library, folder, Recorder(runner(slow_models), change))

        (failure,) = report.failures
        assert failure.path == changing
        assert "changed while it was being read" in failure.reason
        del wanted["0.mp4"]
        found = {video.path.name for video in library.videos() if video.is_complete}
        assert found == set(wanted)
        assert sum(video.num_frames for video in library.videos()) == sum(map(len, wanted.values()))

    def test_sound_is_heard_beside_the_pictures_and_ends_once(self, runner, library, tmp_path):
        paths = [
            with_sound(tmp_path / f"{name}.mp4", beeps(1.0, 3.0, 5.0, seconds=6.0, pitch=pitch))
            for name, pitch in (("low", 500.0), ("high", 2000.0))
        ]
        recorder = Recorder(runner(listening_models))
        report = ingest(
            library,
            paths,
            embedders=[ColourEmbedder()],
            stream_analyzers=[SoundAnalyzer(PitchEmbedder())],
            plan=PLAN,
            options=OPTIONS,
            runner=recorder,
        )

        assert (report.num_indexed, report.failures) == (2, ())
        for heard in recorder.by_file(SoundHeard, SoundDone).values():
            assert [isinstance(each, SoundDone) for each in heard].count(True) == 1
            assert isinstance(heard[-1], SoundDone)
        assert [
            len(library.segments(track.id))
            for video in library.videos()
            for track in library.tracks(video.id)
            if track.kind == "sound"
        ] == [3, 3]

    def test_a_model_that_cannot_be_run_ends_the_run(self, runner, folder, library):
        with pytest.raises(ModelUnavailable, match="the weights are gone"):
            ingest(library, [folder], embedders=[ColourEmbedder()], runner=runner(broken_models))

    def test_what_is_indexed_is_no_work(self, runner, folder, library):
        index(library, folder)
        report = index(library, folder, runner(broken_models))
        assert (report.num_indexed, report.num_skipped) == (0, 3)

    def test_no_files_are_no_work(self, runner, library, tmp_path):
        (tmp_path / "empty").mkdir()
        report = ingest(library, [tmp_path / "empty"], embedders=[ColourEmbedder()], runner=runner(models))
        assert report.num_indexed == 0


class Idle:
    """Opens files, and does no work."""

    def results(self, paths: Sequence[Path], session: Any, **options: Any) -> Iterator[WorkResult]:
        for path in paths:
            session.open(path)
        return iter(())


def test_videos_that_were_opened_and_not_begun_leave_no_trace(tmp_path):
    """As where every worker is refused, or a run is stopped before it has begun."""
    folder = clips(tmp_path / "videos", [2, 2])
    with Store.open(tmp_path / "library", create=True) as library:
        index(library, folder, Idle())
        assert library.videos() == []

        assert index(library, folder).num_indexed == 2


class TestThisMachine(RunnerContract):
    @pytest.fixture
    def runner(self):
        return lambda load: ThisMachine(load().embedders, OPTIONS)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with cluster_of({"num_cpus": 1}, {"num_cpus": 1}) as opened:
        yield opened


@pytest.mark.slow
class TestRay(RunnerContract):
    @pytest.fixture
    def runner(self, cluster):
        return runner_of
