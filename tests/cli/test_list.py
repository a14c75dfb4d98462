"""What `vidsearch list` says of videos of which not all could be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from tests.fakes import ColourEmbedder
from tests.synthetic import numbered, write_video
from vidsearch.cli.app import app
from vidsearch.ingest import ingest
from vidsearch.store.store import Store
from vidsearch.types import SamplingPlan

NOISE = [np.random.default_rng(seed).integers(0, 255, (64, 96, 3), dtype=np.uint8) for seed in range(10)]


def test_a_video_with_a_hole_is_damaged_and_another_is_whole(tmp_path: Path) -> None:
    """A stretch of zeros in the middle was listed as whole, without a remark."""
    folder = tmp_path / "videos"
    folder.mkdir()
    write_video(folder / "whole.mkv", numbered, num_frames=50)
    path = write_video(folder / "hole.mkv", lambda number: NOISE[number % 10], num_frames=150, gop=25)
    data = bytearray(path.read_bytes())
    first, last = int(len(data) * 0.4), int(len(data) * 0.6)
    data[first:last] = bytes(last - first)
    path.write_bytes(data)
    with Store.open(tmp_path / "library", create=True) as library:
        report = ingest(library, [folder], embedders=[ColourEmbedder()], plan=SamplingPlan(fps=2))
    (failure,) = report.failures
    assert (failure.path, failure.error) == (path, "DamagedVideo")
    assert failure.reason.startswith("nothing could be read from 0:0")
    assert failure.seconds_kept > 4

    run = CliRunner().invoke(app, ["list", "--library", str(tmp_path / "library")])
    assert run.exit_code == 0, run.output
    states = {line.split()[-1].rpartition("/")[2]: line.split()[-2] for line in run.stdout.splitlines()[1:]}
    assert states == {"hole.mkv": "damaged", "whole.mkv": "whole"}


def test_info_says_what_the_vectors_are_of(run, sample_library):
    """They were of nothing, or of "ocr lines"."""
    shown = run("info", "--library", sample_library).stdout

    assert [line.split(maxsplit=1)[1] for line in shown.splitlines() if line.startswith("vectors")] == [
        "mini, 384 dimensions, of frames"
    ]
