"""Measuring how fast ingest is on a machine, part by part."""

from vidsearch.bench.clip import write_clip
from vidsearch.bench.measure import BenchReport, Part, bench

__all__ = ["BenchReport", "Part", "bench", "write_clip"]
