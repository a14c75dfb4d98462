"""Jobs for tests of whoever works on them, without a library."""

from __future__ import annotations

from pathlib import Path

from vidsearch.ingest.work import VideoJob
from vidsearch.types import EmbeddingSpace, SamplingPlan


def job_of(path: Path, space: EmbeddingSpace, plan: SamplingPlan) -> VideoJob:
    """A job of a whole video, with vectors and nothing else."""
    return VideoJob(key=1, path=path, plan=plan, frames_track_id=1, spaces=(space,))
