"""Files -> frames -> vectors and captions -> a library, with the machine kept busy and nothing lost."""

from vidsearch.ingest.pipeline import PipelineOptions, process
from vidsearch.ingest.policy import NOVEL, CaptionPolicy, parse_caption_policy
from vidsearch.ingest.report import Counts, FileFailure, IngestReport, ProgressState
from vidsearch.ingest.run import ingest

__all__ = [
    "NOVEL",
    "CaptionPolicy",
    "Counts",
    "FileFailure",
    "IngestReport",
    "PipelineOptions",
    "ProgressState",
    "ingest",
    "parse_caption_policy",
    "process",
]
