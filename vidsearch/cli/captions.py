"""`vidsearch captions` and `caption`: what videos show, in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer
from typer.core import TyperGroup

from vidsearch.cli import console, options
from vidsearch.errors import QueryError
from vidsearch.times import format_duration, format_moment

if TYPE_CHECKING:
    from vidsearch import Library
    from vidsearch.service.captions import LibraryCaptions, VideoCaptions
    from vidsearch.types import Video

CaptionLevel: TypeAlias = Literal["video", "chapter", "shot", "frame", "transcript"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        cls=_ShowsByDefault,
        no_args_is_help=True,
        help="Show, find and correct captions.",
    )
    group.command("show")(show)
    group.command("find")(find)
    group.command("edit")(edit)
    app.add_typer(group, name="captions")
    app.command()(caption)


class _ShowsByDefault(TyperGroup):
    """Lets `vidsearch captions VIDEO` mean `vidsearch captions show VIDEO`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args.insert(0, "show")
        return super().parse_args(ctx, args)


def show(
    video: Annotated[str | None, typer.Argument(help=options.ONE_VIDEO, show_default=False)] = None,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    level: Annotated[
        CaptionLevel,
        typer.Option(
            help="What to show. frame: every caption; shot or chapter: a timeline; video: one line; "
            "transcript: what is said."
        ),
    ] = "frame",
    every_video: Annotated[
        bool, typer.Option("--all", help="Show one line per video, and one for the whole library.")
    ] = False,
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Save heat maps to this folder: which parts of a frame each word came from. Needs "
            "one video.",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Show a video's captions, and one line that sums them up.

    Examples:

    - `vidsearch captions holiday.mp4` (`show` may be left out)

    - `vidsearch captions show holiday.mp4 --level chapter`

    - `vidsearch captions show talk.mp4 --level transcript`

    - `vidsearch captions --all --json`
    """
    from vidsearch import Library

    if (video is None) != every_video:
        raise typer.BadParameter("Name a video, or use --all.", param_hint="VIDEO")
    with Library.open(library) as opened:
        if video is None:
            _print_library(opened.summary(), as_json=as_json)
            return
        captions = opened.captions(video, level=level)
        _print_video(captions, as_json=as_json)
        if captions.level == "transcript" and not captions.transcript and not as_json:
            console.note(_why_nothing_is_said(opened, captions.video))
        if explain is not None:
            _explain(opened, captions.video, explain, overwrite=overwrite)


def _explain(library: Library, video: Video, folder: Path, *, overwrite: bool) -> None:
    from vidsearch.cli import heatmaps
    from vidsearch.outputs import OutputRule
    from vidsearch.service.models import load_caption_explainer

    models = library.store.models
    if models is None or models.captioner is None:
        raise QueryError("This library has no captioner, so there are no captions to explain.")
    explainer = load_caption_explainer(models.captioner)
    rule = OutputRule.for_library(library.store, overwrite=overwrite)
    heatmaps.explain_captions(library.store, video, folder, explainer, rule)


def _print_library(captions: LibraryCaptions, *, as_json: bool) -> None:
    whole = captions.summary
    if as_json:
        from vidsearch.service.schemas import LibraryCaptionsSchema

        console.say_json(LibraryCaptionsSchema.of(captions))
        return
    console.say_table(
        (
            (
                console.shown_path(each.video.path),
                each.summary.caption.text if each.summary else "(no captions)",
            )
            for each in captions.videos
        ),
        header=("video", "caption"),
    )
    if whole is not None:
        console.say()
        console.say(f"All of it: {whole.text}")


def _print_video(captions: VideoCaptions, *, as_json: bool) -> None:
    if as_json:
        from vidsearch.service.schemas import VideoCaptionsSchema

        console.say_json(VideoCaptionsSchema.of(captions))
        return
    if captions.level == "transcript":
        _print_transcript(captions)
        return
    for frame in captions.frames:
        if frame.caption is not None:
            console.say(
                f"{format_moment(frame.time_seconds)}  {frame.caption.text}", dim=frame.caption.carried_over
            )
    for section in captions.sections:
        span = f"{format_duration(section.start_seconds)}-{format_duration(section.end_seconds)}"
        console.say(f"{span}  {section.caption.text}")
    if captions.summary is None:
        console.note(
            "This video has no captions: it was indexed with --no-captions, or all its frames are blank."
        )
    elif captions.level == "video":
        console.say(captions.summary.caption.text)
    else:
        console.say()
        console.say(f"Whole video: {captions.summary.caption.text}", bold=True)


def _print_transcript(captions: VideoCaptions) -> None:
    for line in captions.transcript:
        console.say(f"{format_moment(line.start_seconds)}  {line.text}{' (yours)' if line.is_human else ''}")


def _why_nothing_is_said(library: Library, video: Video) -> str:
    if any(track.kind == "transcript" for track in library.store.tracks(video.id)):
        return "Nothing is said in this video, or it has no sound."
    return "This video has no transcript. Transcribe it with: vidsearch index --speech VIDEO"


def caption(
    video: Annotated[Path, typer.Argument(help="A video file.")],
    fps: Annotated[
        float, options.sampling_option("--fps", "--sample-fps", min=0.001, help=options.FPS_HELP)
    ] = 1.0,
    max_frames: options.MaxFrames = 12,
    start: options.Start = None,
    end: options.End = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write frame_01.jpg, frame_01.txt and so on to.")
    ] = Path("results"),
    overwrite: options.Overwrite = False,
    models: options.Models = None,
    num_beams: options.NumBeams = None,
    prompt: options.Prompt = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    batch_size: options.BatchSize = None,
    as_json: options.AsJson = False,
) -> None:
    """Caption one video without a library, into files.

    Writes each frame and its caption, and prints one line that sums them up.

    Example: `vidsearch caption holiday.mp4 --fps 1 --max-frames 12 --output results/`
    """
    from vidsearch.captions.export import write_frame_files
    from vidsearch.media.images import encode_jpeg
    from vidsearch.outputs import OutputRule
    from vidsearch.service.captioning import caption_file
    from vidsearch.service.indexing import sampling_plan
    from vidsearch.service.models import ModelOptions

    rule = OutputRule(overwrite, inputs=(video,))
    rule.check(output / "frame_01.jpg")
    plan = sampling_plan(fps=fps, max_frames=max_frames, start_seconds=start or 0.0, end_seconds=end)
    model_options = ModelOptions(
        models=models,
        device=device,
        precision=precision,
        batch_size=batch_size,
        num_beams=num_beams,
        prompt=prompt,
    )
    done = caption_file(video, plan, model_options)
    write_frame_files(
        output,
        ((encode_jpeg(p.image), c.text) for p, c in zip(done.frames, done.captions, strict=True)),
        num_frames=len(done.frames),
        rule=rule,
    )
    if as_json:
        from vidsearch.service.schemas import CaptionedFileSchema

        console.say_json(CaptionedFileSchema.of(video, done))
        return
    console.say("Per-frame captions:")
    for number, each in enumerate(done.captions, start=1):
        console.say(f" [{number}] {each.text}")
    console.say()
    console.say("===== Final aggregated caption =====")
    console.say(done.summary.text if done.summary else "")


def find(
    words: Annotated[
        str,
        typer.Argument(
            help='Words to find, in any inflection; sun* matches a prefix, "red car" an exact phrase.'
        ),
    ],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    num_matches: Annotated[
        int,
        typer.Option("--limit", "-n", "--top", "-k", min=1, max=10_000, help="How many lines."),
    ] = 20,
    as_json: options.AsJson = False,
) -> None:
    """Find words in captions, corrections, subtitles and chapters.

    Example: `vidsearch captions find "birthday cake"`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        matches = opened.find_words(words, num_matches=num_matches)
    if as_json:
        from vidsearch.service.schemas import WordMatchSchema

        console.say_json([WordMatchSchema.of(match) for match in matches])
        return
    if not matches:
        console.note("Nothing has these words.")
    for match in matches:
        where = f"{console.shown_path(match.video.path)}  {format_moment(match.start_seconds)}"
        console.say(f"{where}  ", console.highlighted(match.highlighted))


def edit(
    moment: Annotated[str, typer.Argument(metavar="VIDEO@TIME", help="Video and time: holiday.mp4@12.5.")],
    text: Annotated[str, typer.Argument(help="The right caption; with --speech, the right words.")],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    only_here: Annotated[
        bool,
        typer.Option("--only-here", help="Correct this frame only, not the look-alike frames around it."),
    ] = False,
    speech: Annotated[
        bool,
        typer.Option("--speech", help="Correct the transcript's line at this time instead of the caption."),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Correct a caption, or a line of the transcript.

    A caption is corrected for as long as the picture stays alike. Search finds the correction at once, and no
    model overwrites it.

    Examples:

    - `vidsearch captions edit holiday.mp4@12.5 "our dog Bello on the beach"`

    - `vidsearch captions edit talk.mp4@1:30 "and that is Bello." --speech`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        if speech:
            line = opened.correct_speech(moment, text)
            if as_json:
                from vidsearch.service.schemas import SpokenLineSchema

                console.say_json(SpokenLineSchema.of(line))
            else:
                console.note(f"From {format_moment(line.start_seconds)}, it now says: {line.text}")
            return
        done = opened.correct(moment, text, only_here=only_here)
    if as_json:
        from vidsearch.service.schemas import CorrectionSchema

        console.say_json(CorrectionSchema.of(done))
        return
    span = f"{format_moment(done.start_seconds)} to {format_moment(done.end_seconds)}"
    console.note(f"{done.video.path.name}, {span}, now says: {done.text}")
