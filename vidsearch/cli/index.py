"""`vidsearch index` and `watch`: videos into a library."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vidsearch.cli import console, options
from vidsearch.times import format_duration
from vidsearch.types import Sampling

if TYPE_CHECKING:
    from vidsearch.ingest import IngestReport


Fps = Annotated[
    float,
    typer.Option(
        min=0.001, help="Frames looked at per second of video.", rich_help_panel=options.SAMPLING_PANEL
    ),
]
Captions = Annotated[
    bool,
    typer.Option("--captions/--no-captions", help="Write captions.", rich_help_panel=options.MODEL_PANEL),
]
CaptionEvery = Annotated[
    str,
    typer.Option(
        help="novel: when the picture has changed; frame; shot; or a number N: every Nth frame.",
        rich_help_panel=options.MODEL_PANEL,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(index)
    app.command()(watch)


def _stop_on_terminate() -> None:
    """Let `kill`, a service manager or the page stop a run as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def index(
    paths: Annotated[
        list[Path], typer.Argument(help="Videos, or folders that are searched for them.", show_default=False)
    ],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    fps: Fps = 1.0,
    max_frames: options.MaxFrames = None,
    start: options.Start = None,
    end: options.End = None,
    sampling: Annotated[
        Sampling,
        typer.Option(
            help="uniform: every 1/fps seconds; shots: the middle of each shot; keyframes: the file's own.",
            rich_help_panel=options.SAMPLING_PANEL,
        ),
    ] = "uniform",
    models: options.Models = None,
    embedder: Annotated[
        str | None,
        typer.Option(
            help="Embedders only, by name, with commas: clip,blip.", rich_help_panel=options.MODEL_PANEL
        ),
    ] = None,
    captions: Captions = True,
    caption_every: CaptionEvery = "novel",
    num_beams: options.NumBeams = None,
    prompt: options.Prompt = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    batch_size: options.BatchSize = None,
    decode_device: Annotated[
        Literal["cpu", "cuda"],
        typer.Option(help="What decodes: cuda where FFmpeg has it, else the CPU with a warning."),
    ] = "cpu",
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try files again that failed before.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds without progress after which a video is given up.")
    ] = 120.0,
    isolate: Annotated[
        bool,
        typer.Option(
            "--isolate", help="Decode each file in a process of its own: a crash costs that file only."
        ),
    ] = False,
    reindex: Annotated[
        bool,
        typer.Option("--reindex", help="Begin anew what is here with other options, such as another --fps."),
    ] = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Index videos, so that they can be searched.

    What is already in the library is passed over, moved files are recognised, and a run that was stopped goes
    on where it was.

    Examples:

    - `vidsearch index holiday.mp4`

    - `vidsearch index ~/Videos --fps 0.5 --library ~/library`

    - `vidsearch index lectures/ --max-frames 50 --no-captions`
    """
    from vidsearch.cli import loading, progress
    from vidsearch.ingest import PipelineOptions, ingest, parse_policy
    from vidsearch.store.library import Library

    _stop_on_terminate()
    plan = options.sampling_plan(fps=fps, max_frames=max_frames, start=start, end=end, sampling=sampling)
    policy = parse_policy(caption_every)
    model_options = loading.ModelOptions(
        models=models,
        embedder=embedder,
        wants_captions=captions,
        device=device,
        precision=precision,
        batch_size=batch_size,
        num_beams=num_beams,
        prompt=prompt,
    )
    with Library.open(library, create=True) as opened:
        loaded = loading.load(loading.library_models(opened, model_options), model_options)
        with progress.shown(quiet=quiet) as on_progress:
            report = ingest(
                opened,
                paths,
                embedders=loaded.embedders,
                captioner=loaded.captioner,
                plan=plan,
                caption_policy=policy,
                retry_failed=retry_failed,
                reindex=reindex,
                isolate=isolate,
                options=PipelineOptions(timeout_seconds=timeout, decode_device=decode_device),
                on_progress=on_progress,
            )
    if as_json:
        console.say_json(report_as_dict(report, device=loaded.device.describe()))
    else:
        print_report(report, device=loaded.device.describe())
    if report.interrupted:
        console.note("Stopped. What was indexed is kept; run the same command again to go on.")
        raise typer.Exit(console.EXIT_INTERRUPTED)
    if report.failures and not (report.num_indexed or report.num_skipped):
        raise typer.Exit(console.EXIT_FAILED)


def watch(
    folders: Annotated[list[Path], typer.Argument(help="Folders to keep an eye on.", show_default=False)],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    fps: Fps = 1.0,
    models: options.Models = None,
    captions: Captions = True,
    caption_every: CaptionEvery = "novel",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    settle: Annotated[
        float,
        typer.Option(min=0.1, help="Seconds for which a file must not have changed before it is indexed."),
    ] = 5.0,
    polling: Annotated[
        bool,
        typer.Option("--polling", help="Look again and again: for network folders, which tell of nothing."),
    ] = False,
) -> None:
    """Index what is in folders, and whatever comes or changes there, until Ctrl-C.

    Example: `vidsearch watch ~/Videos /mnt/cameras`
    """
    from vidsearch.cli import loading
    from vidsearch.ingest import ingest, parse_policy
    from vidsearch.ingest.watch import watch as watch_folders
    from vidsearch.store.library import Library

    _stop_on_terminate()
    plan = options.sampling_plan(fps=fps, max_frames=None, start=None, end=None)
    policy = parse_policy(caption_every)
    model_options = loading.ModelOptions(
        models=models, wants_captions=captions, device=device, precision=precision
    )
    with Library.open(library, create=True) as opened:
        loaded = loading.load(loading.library_models(opened, model_options), model_options)
        described = loaded.device.describe()

        def run(paths: Sequence[Path]) -> IngestReport:
            return ingest(
                opened,
                paths,
                embedders=loaded.embedders,
                captioner=loaded.captioner,
                plan=plan,
                caption_policy=policy,
            )

        console.note(f"Watching {_count(len(folders), 'folder')}. Ctrl-C stops.")
        watch_folders(
            folders,
            run,
            on_report=lambda report: print_report(report, device=described),
            on_error=lambda error: console.fail(console.printable(error)),
            settle_seconds=settle,
            force_polling=polling or None,
        )
    console.note("Stopped watching. What was indexed is kept.")


def report_as_dict(report: IngestReport, *, device: str) -> dict[str, Any]:
    """A report for JSON."""
    return {
        "num_indexed": report.num_indexed,
        "num_resumed": report.num_resumed,
        "num_skipped": report.num_skipped,
        "num_skipped_as_other": report.num_skipped_as_other,
        "num_replaced": report.num_replaced,
        "num_left_to_others": report.num_left_to_others,
        "failures": [
            {
                "path": str(failure.path),
                "error": failure.error,
                "reason": failure.reason,
                "seconds_kept": failure.seconds_kept,
                "known_before": failure.known_before,
            }
            for failure in report.failures
        ],
        **asdict(report.counts),
        "warnings": list(report.warnings),
        "video_seconds": report.video_seconds,
        "wall_seconds": report.wall_seconds,
        "device": device,
        "interrupted": report.interrupted,
    }


def print_report(report: IngestReport, *, device: str) -> None:
    """Say what a run did, and of each file that failed, why."""
    counts = report.counts
    rate = report.video_seconds / report.wall_seconds if report.wall_seconds else 0.0
    resumed = f", {report.num_resumed} of them taken up again" if report.num_resumed else ""
    console.say(
        f"Indexed {_count(report.num_indexed, 'video')}{resumed}: {_count(counts.num_frames, 'frame')} of "
        f"{format_duration(report.video_seconds)} of video in {format_duration(report.wall_seconds)} "
        f"({rate:.1f}x real time) on {device}."
    )
    made = [
        f"{_count(counts.num_captions_written, 'caption')} written" if counts.num_captions_written else "",
        f"{counts.num_captions_carried_over} carried over" if counts.num_captions_carried_over else "",
        f"{_count(counts.num_blank, 'blank frame')}" if counts.num_blank else "",
        f"{_count(counts.num_near_duplicates, 'near-duplicate')}" if counts.num_near_duplicates else "",
    ]
    if any(made):
        console.say(f"  {', '.join(filter(None, made))}")
    if report.num_skipped:
        console.say(f"  {_count(report.num_skipped, 'file')} passed over: already here")
    if report.num_skipped_as_other:
        console.say(
            f"    {report.num_skipped_as_other} of them with other options; --reindex begins those anew"
        )
    if report.num_replaced:
        console.say(f"  {_count(report.num_replaced, 'video')} left the library: replaced by other content")
    if report.num_left_to_others:
        console.say(
            f"  {_count(report.num_left_to_others, 'file')} left to another run that is at work on it"
        )
    for warning in report.warnings:
        console.warn(console.printable(warning))
    if report.failures:
        console.say(f"  {_count(report.num_failed, 'file')} failed:", colour="red")
    for failure in report.failures:
        kept = f" (kept the first {format_duration(failure.seconds_kept)})" if failure.seconds_kept else ""
        again = " (known from before; --retry-failed tries again)" if failure.known_before else ""
        console.say(
            f"    {console.shown_path(failure.path)}: {console.printable(failure.reason)}{kept}{again}"
        )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
