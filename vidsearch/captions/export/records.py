"""json, jsonl and csv: captions for programs. json and jsonl are lossless; csv is for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any, BinaryIO

from vidsearch.captions.export.document import CaptionedVideo, CaptionSpan, path_text
from vidsearch.text import csv_cell, json_text, one_line
from vidsearch.types import IndexedFrame, TimedText

JSON_FORMAT_VERSION = 1

CSV_COLUMNS = (
    "video", "frame", "time_seconds", "end_seconds", "caption", "raw_caption", "origin", "model", "prompt",
    "mean_logprob", "carried_over",
)  # fmt: skip


def write_json(videos: Iterable[CaptionedVideo], out: BinaryIO) -> None:
    """Write one JSON document: `{"format": "vidsearch-captions", "version": 1, "videos": [...]}`."""
    out.write(f'{{"format": "vidsearch-captions", "version": {JSON_FORMAT_VERSION}, "videos": ['.encode())
    for position, video in enumerate(videos):
        text = json_text(video_record(video), indent=1)
        out.write((",\n" if position else "\n").encode() + text.encode())
    out.write(b"\n]}\n")


def write_jsonl(videos: Iterable[CaptionedVideo], out: BinaryIO) -> None:
    """Write one JSON object per frame and line."""
    for video in videos:
        path = path_text(video.video.path)
        for frame in video.frames:
            out.write(f"{json_text({'video': path, **frame_record(frame)})}\n".encode())


def write_csv(videos: Iterable[CaptionedVideo], out: BinaryIO) -> None:
    """Write one row per frame (RFC 4180, UTF-8), header first; see `text.csv_cell` for what is escaped."""
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(CSV_COLUMNS)
    for video in videos:
        path = path_text(video.video.path)
        for frame in video.frames:
            record = {"video": path, **frame_record(frame)}
            rows.writerow([csv_cell(record[column]) for column in CSV_COLUMNS])
    text.detach()


def video_record(video: CaptionedVideo) -> dict[str, Any]:
    """Return a video with its captions as JSON data."""
    info = video.video.info
    return {
        "path": path_text(video.video.path),
        "content_hash": video.video.content_hash,
        "duration_seconds": info.duration_seconds,
        "frame_rate": info.frame_rate,
        "width": info.width,
        "height": info.height,
        "caption": video.summary,
        "sections": [_span_record(span) for span in video.sections],
        "subtitles": [
            {"track": track.name, "cues": [_span_record(cue) for cue in track.cues]}
            for track in video.subtitles
        ],
        "frames": [frame_record(frame) for frame in video.frames],
    }


def frame_record(frame: IndexedFrame) -> dict[str, Any]:
    """Return a frame with its caption as JSON data. Times are in seconds, rounded to the microsecond."""
    record: dict[str, Any] = {
        "frame": frame.id,
        "time_seconds": round(frame.time_seconds, 6),
        "end_seconds": round(frame.end_seconds, 6),
        "is_blank": frame.is_blank,
    }
    caption = frame.caption
    if caption is None:
        return record | dict.fromkeys(CSV_COLUMNS[4:])
    return record | {
        "caption": one_line(caption.text),
        "raw_caption": caption.raw_text,
        "origin": caption.origin.value,
        "model": caption.model,
        "prompt": caption.prompt,
        "mean_logprob": caption.mean_logprob,
        "carried_over": caption.carried_over,
    }


def _span_record(span: CaptionSpan | TimedText) -> dict[str, Any]:
    return {"start_seconds": span.start_seconds, "end_seconds": span.end_seconds, "text": one_line(span.text)}
