"""Indexes videos: files -> frames -> vectors and captions -> library."""

from vidsearch.ingest.pipeline import PipelineOptions, process
from vidsearch.ingest.policy import NOVEL, LookPolicy, parse_policy
from vidsearch.ingest.report import Counts, FileFailure, IngestReport, ProgressState
from vidsearch.ingest.run import add_tracks, ingest

__all__ = [
    "NOVEL",
    "Counts",
    "FileFailure",
    "IngestReport",
    "LookPolicy",
    "PipelineOptions",
    "ProgressState",
    "add_tracks",
    "ingest",
    "parse_policy",
    "process",
]
