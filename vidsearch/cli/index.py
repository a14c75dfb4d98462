"""`vidsearch index`: videos into a library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidsearch.cli import console, options, stopping
from vidsearch.cli import workers as ray_workers
from vidsearch.cli.index_options import with_index_options
from vidsearch.service.index_settings import IndexSettings
from vidsearch.text import counted
from vidsearch.times import format_duration

if TYPE_CHECKING:
    from vidsearch.ingest import IngestReport
    from vidsearch.models.device import Device
    from vidsearch.service.report_schemas import ReportSchema


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(index)


@with_index_options
def index(
    paths: Annotated[
        list[Path],
        typer.Argument(
            parser=options.path_or_address,
            metavar="PATHS...",
            help="Videos, and folders to look for videos in; local, or s3://, gs://, https://, smb://.",
            show_default=False,
        ),
    ],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    *,
    settings: IndexSettings,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Retry files that failed before.")
    ] = False,
    reindex: Annotated[
        bool,
        typer.Option(
            "--reindex", help="Re-index videos that were indexed with other options, such as another --fps."
        ),
    ] = False,
    on: ray_workers.On = None,
    workers: ray_workers.Workers = None,
    gpus_per_worker: ray_workers.GpusPerWorker = 0.0,
    path_map: ray_workers.PathMap = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Index videos and folders, so that they can be searched.

    Videos that are already in the library are skipped, moved files are recognised, and a stopped run
    continues where it left off. The library is created if there is none.

    Examples:

    - `vidsearch index holiday.mp4`

    - `vidsearch index ~/Videos --fps 0.5 --library ~/library`

    - `vidsearch index lectures/ --max-frames 50 --no-captions`

    - `vidsearch index lectures/ --text --speech`

    - `vidsearch index interviews/ --speech --speech-model whisper-turbo --language de`

    - `vidsearch index ~/Videos --models clip,blip --moving --sounds`

    - `vidsearch index ~/Videos --exclude "drafts/" --exclude "*.mkv"`

    - `vidsearch index /mnt/videos --on ray://head:10001 --workers 8 --gpus-per-worker 1`

    - `vidsearch index s3://bucket/lectures https://example.org/film.mp4`
    """
    from vidsearch.cli import progress
    from vidsearch.service.indexing import IndexOptions, index_into

    stopping.stop_on_terminate()
    chosen = IndexOptions.of(
        {
            **settings,
            "retry_failed": retry_failed,
            "reindex": reindex,
            "workers": ray_workers.ray_options(on, workers, gpus_per_worker, path_map or []),
        }
    )
    with progress.shown(quiet=quiet) as on_progress:
        report, used = index_into(library, paths, chosen, on_progress=on_progress)
    if as_json:
        console.say_json(report_schema(report, used))
    else:
        print_report(report, used)
    if report.interrupted:
        console.note("Stopped. What was indexed is kept; run the same command again to go on.")
        raise typer.Exit(console.EXIT_INTERRUPTED)
    if report.failures and not (report.num_indexed or report.num_skipped):
        raise typer.Exit(console.EXIT_FAILED)


def report_schema(report: IngestReport, device: Device | None) -> ReportSchema:
    """Return a report for JSON."""
    from vidsearch.service.report_schemas import ReportSchema

    return ReportSchema.of(report, device=None if device is None else device.describe())


def print_report(report: IngestReport, device: Device | None) -> None:
    """Say what a run did, and of each file that failed, why."""
    counts = report.counts
    if report.num_indexed or counts.num_frames:
        _print_work(report, device)
    elif report.num_skipped and not (report.failures or report.num_left_to_others):
        console.say(f"Nothing to do: {_known(report.num_skipped)}.")
    else:
        console.say("No video was indexed.")
    if report.num_skipped and (report.num_indexed or report.failures):
        console.say(f"  {counted(report.num_skipped, 'file')} skipped: already here")
    if report.num_skipped_as_other:
        console.say(
            f"    {report.num_skipped_as_other} of them with other options; --reindex indexes those again"
        )
    if report.num_replaced:
        console.say(f"  {counted(report.num_replaced, 'video')} left the library: replaced by other content")
    if report.num_left_to_others:
        console.say(f"  {counted(report.num_left_to_others, 'file')} skipped: another run is indexing it")
    for warning in report.warnings:
        console.warn(warning)
    print_failures(report)


def print_failures(report: IngestReport) -> None:
    """Say which files failed in a run, and why."""
    if report.failures:
        console.say(f"  {counted(report.num_failed, 'file')} failed:", colour="red")
    for failure in report.failures:
        kept = f" (kept the first {format_duration(failure.seconds_kept)})" if failure.seconds_kept else ""
        again = " (known from before; --retry-failed tries again)" if failure.known_before else ""
        console.say(f"    {console.shown_path(failure.path)}: {failure.reason}{kept}{again}")


def _print_work(report: IngestReport, device: Device | None) -> None:
    counts = report.counts
    rate = report.video_seconds / report.wall_seconds if report.wall_seconds else 0.0
    resumed = f", {report.num_resumed} of them continued" if report.num_resumed else ""
    on = f" on {device.describe()}" if device else ""
    console.say(
        f"Indexed {counted(report.num_indexed, 'video')}{resumed}: {counted(counts.num_frames, 'frame')} of "
        f"{format_duration(report.video_seconds)} of video in {format_duration(report.wall_seconds)} "
        f"({rate:.1f}x real time){on}."
    )
    made = [
        f"{counted(counts.num_captions_written, 'caption')} written" if counts.num_captions_written else "",
        f"{counts.num_captions_carried_over} carried over" if counts.num_captions_carried_over else "",
        f"{counted(counts.num_lines_read, 'line')} of text read" if counts.num_lines_read else "",
        f"{counted(counts.num_sentences_heard, 'sentence')} heard" if counts.num_sentences_heard else "",
        f"{counted(counts.num_blank, 'blank frame')}" if counts.num_blank else "",
        f"{counted(counts.num_near_duplicates, 'near-duplicate')}" if counts.num_near_duplicates else "",
    ]
    if any(made):
        console.say(f"  {', '.join(filter(None, made))}")
    for worker in report.workers:
        made_by = f"{worker.name}: {counted(worker.num_frames, 'frame')}"
        console.say(f"  {made_by}, {worker.frames_per_second:.1f} a second")


def _known(number: int) -> str:
    if number == 1:
        return "the video is in the library already"
    return f"all {number:,} videos are in the library already"
