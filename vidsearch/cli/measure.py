"""`vidsearch bench` and `eval`: how fast this machine indexes, and how well models find things."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from vidsearch.cli import console, options
from vidsearch.cli.index_options import Captions

if TYPE_CHECKING:
    from vidsearch.service.models import LoadedModels, ModelOptions

BENCH_SECONDS = 60
RandomWeights: TypeAlias = Literal["clip", "blip"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(bench)
    group = typer.Typer(no_args_is_help=True, help="Measure models on your own data sets.")
    group.callback()(lambda: None)
    group.command()(retrieval)
    group.command()(speech)
    group.command()(text)
    app.add_typer(group, name="eval")


def bench(
    video: Annotated[
        Path | None,
        typer.Argument(
            help="Video to measure with. [default: one minute of generated 1080p]", show_default=False
        ),
    ] = None,
    models: Annotated[str, options.model_option(help="As in `vidsearch index`.")] = "mini",
    random_weights: Annotated[
        RandomWeights | None,
        options.model_option(help="Use random weights of the published size: no download, same speed."),
    ] = None,
    captions: Captions = True,
    fps: options.Fps = 1.0,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    batch_size: options.BatchSize = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure how fast this machine indexes, part by part.

    Measures each part alone, the whole, and how well the parts overlap.

    Examples:

    - `vidsearch bench`

    - `vidsearch bench holiday.mp4 --random-weights clip --no-captions`
    """
    from vidsearch.bench import bench as measure
    from vidsearch.bench import write_clip
    from vidsearch.service.indexing import sampling_plan
    from vidsearch.service.models import ModelOptions

    loaded = _bench_models(
        models,
        random_weights,
        ModelOptions(
            models=models, wants_captions=captions, device=device, precision=precision, batch_size=batch_size
        ),
    )
    with tempfile.TemporaryDirectory(prefix="vidsearch-bench-") as folder:
        if video is None:
            console.note(f"Making {BENCH_SECONDS} seconds of 1080p ...")
            video = write_clip(Path(folder) / "bench.mp4", seconds=BENCH_SECONDS)
        console.note(f"Measuring on {loaded.device.describe()} ...")
        report = measure(
            video,
            embedders=loaded.embedders,
            captioner=loaded.captioner,
            plan=sampling_plan(fps=fps),
        )
    if as_json:
        console.say_json(
            {
                **asdict(report),
                "path": str(report.video),
                "device": loaded.device.describe(),
                "times_real_time": report.times_real_time,
                "whole_to_slowest_part": report.whole_to_slowest_part,
                "whole_to_ideal": report.whole_to_ideal,
            }
        )
        return
    parts = (*report.parts, report.whole)
    console.say_table(
        (
            (
                part.name,
                part.num_frames,
                f"{part.frames_per_second:.1f}",
                f"{report.video_seconds / part.wall_seconds:.1f}" if part.wall_seconds else "",
                f"{part.wall_seconds:.2f}",
                f"{part.cpu_seconds:.2f}",
            )
            for part in parts
        ),
        header=("part", "frames", "frames/s", "x real time", "seconds", "CPU seconds"),
        right=frozenset(range(1, 6)),
    )
    console.say(f"The whole takes {report.whole_to_slowest_part:.2f} times its slowest part, and")
    console.say(f"{report.whole_to_ideal:.2f} times the parts' CPU seconds over {report.num_cores} cores.")
    console.say(
        f"Memory: {report.models_memory_bytes / 1e6:,.0f} MB with the models loaded, "
        f"{report.peak_memory_bytes / 1e6:,.0f} MB at the most."
    )


def _bench_models(
    models: str, random_weights: RandomWeights | None, model_options: ModelOptions
) -> LoadedModels:
    from vidsearch.service.models import LoadedModels, load_models, pick_device

    if random_weights is None:
        from vidsearch.models.registry import resolve_models

        return load_models(resolve_models(models).models, model_options)
    from vidsearch.models.random_weights import random_captioner, random_embedder

    device = pick_device(random_weights, device=model_options.device, precision=model_options.precision)
    return LoadedModels(
        embedders=[random_embedder(random_weights, device=device, batch_size=model_options.batch_size)],
        captioner=random_captioner("blip", device=device, batch_size=model_options.batch_size)
        if model_options.wants_captions
        else None,
        device=device,
    )


def retrieval(
    dataset: Annotated[Path, typer.Argument(help="Folder that holds the data set.")],
    models: Annotated[
        str, options.model_option(help="Embedders to measure, with commas: mini,clip.")
    ] = "mini",
    kind: Annotated[
        str,
        typer.Option(
            help="Format of the data set: auto, flickr8k, coco, msrvtt, msvd, didemo or qvhighlights."
        ),
    ] = "auto",
    split: Annotated[
        str | None, typer.Option(help="Split to measure. [default: the usual test split]")
    ] = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Measure retrieval of pictures, videos or moments by text.

    Prints 95% intervals and baselines.

    Examples:

    - `vidsearch eval retrieval flickr8k/ --models mini,clip`

    - `vidsearch eval retrieval qvhighlights/ --models clip --json`
    """
    from vidsearch.evaluation.datasets import open_dataset
    from vidsearch.evaluation.retrieval import evaluate
    from vidsearch.models.registry import load_embedder
    from vidsearch.service.models import pick_device

    names = [name.strip() for name in models.split(",") if name.strip()]
    chosen = pick_device(*names, device=device, precision=precision)
    opened = open_dataset(dataset, kind=kind, split=split)
    reports = [evaluate(opened, load_embedder(name, device=chosen)) for name in names]
    if as_json:
        console.say_json([report.as_dict() for report in reports])
        return
    for report in reports:
        console.say(
            f"{report.dataset}, {report.split}: {report.num_files:,} files, {report.num_texts:,} texts",
            bold=True,
        )
        for problem in report.problems:
            console.warn(problem)
        rows = list(report.rows())
        width = max(map(len, rows))
        console.say_table([(*row, *[""] * (width - len(row))) for row in rows], header=[""] * width)
        console.say()


def speech(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder of sound files and their words: metadata.csv with name|words per line, or a .txt "
            "file beside each."
        ),
    ],
    models: Annotated[
        str, options.speech_option(help="Whisper models to measure, with commas: whisper-tiny,whisper.")
    ] = "whisper",
    language: Annotated[str, options.speech_option(help="As in `vidsearch index`.")] = "auto",
    device: options.Device = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Measure speech recognition: the word error rate.

    Prints a 95% interval.

    Examples:

    - `vidsearch eval speech LJSpeech/ --models whisper-tiny`

    - `vidsearch eval speech interviews/ --models whisper,whisper-turbo --language de --json`
    """
    from vidsearch.evaluation.speech import evaluate_speech, open_speech
    from vidsearch.service.listening import speech_analyzer

    utterances = open_speech(folder)
    names = [name.strip() for name in models.split(",") if name.strip()]
    reports = [
        evaluate_speech(utterances, speech_analyzer(name, language=language, device=device)) for name in names
    ]
    if as_json:
        console.say_json([report.as_dict() for report in reports])
        return
    console.say(f"{folder}: {len(utterances):,} files, {reports[0].num_words:,} words", bold=True)
    console.say_table(
        (
            (
                report.model,
                f"{report.word_error_rate:.1%}",
                f"{report.low:.1%} to {report.high:.1%}",
                f"{report.times_real_time:.1f}",
            )
            for report in reports
        ),
        header=("model", "word errors", "95% interval", "x real time"),
        right=frozenset({1, 2, 3}),
    )
    for report in reports:
        for name, rate, written in report.worst:
            console.say(f"  {report.model}, {name}: {rate:.0%}: {written}")


def text(
    folder: Annotated[
        Path, typer.Argument(help="Folder of pictures, with a .txt file of its text beside each.")
    ],
    as_json: options.AsJson = False,
) -> None:
    """Measure reading of text in pictures: the character error rate.

    Prints a 95% interval.

    Example: `vidsearch eval text slides/`
    """
    from vidsearch.evaluation.reading import evaluate_reading, open_pages
    from vidsearch.models.ocr import PPOcr

    report = evaluate_reading(open_pages(folder), PPOcr())
    if as_json:
        console.say_json(report.as_dict())
        return
    console.say(
        f"{report.model}: character error rate {report.character_error_rate:.2%} ({report.low:.2%} to "
        f"{report.high:.2%}), {report.num_whole:,} of {report.num_files:,} pictures without an error, "
        f"{report.seconds_per_picture:.2f} s each"
    )
    for name, rate, read in report.worst:
        if rate:
            console.say(f"  {name}: {rate:.1%}, read as {read!r}")
