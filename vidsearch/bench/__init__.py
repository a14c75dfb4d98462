"""Measuring how fast ingest is on a machine, part by part."""

from vidsearch.bench.clip import NO_B_FRAMES, X264_DEFAULTS, write_clip
from vidsearch.bench.measure import BenchReport, Part, bench

__all__ = ["NO_B_FRAMES", "X264_DEFAULTS", "BenchReport", "Part", "bench", "write_clip"]
