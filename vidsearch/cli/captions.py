"""`vidsearch captions`, `recaption` and `caption`: what videos show, in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer
from typer.core import TyperGroup

from vidsearch.cli import console, loading, options
from vidsearch.errors import QueryError
from vidsearch.outputs import OutputRule
from vidsearch.times import format_duration, format_time

if TYPE_CHECKING:
    from vidsearch.captions.describe import Describer, Description
    from vidsearch.store.library import Library
    from vidsearch.types import IndexedFrame, Video

CaptionLevel: TypeAlias = Literal["video", "chapter", "shot", "frame"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(cls=_ShowsByDefault, help="What videos show, in words: read it, or put it right.")
    group.command("show")(show)
    group.command("find")(find)
    group.command("edit")(edit)
    app.add_typer(group, name="captions")
    app.command()(recaption)
    app.command()(caption)


class _ShowsByDefault(TyperGroup):
    """Lets `vidsearch captions VIDEO` mean `vidsearch captions show VIDEO`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args.insert(0, "show")
        return super().parse_args(ctx, args)


def show(
    video: Annotated[
        str | None, typer.Argument(help="Path, file name, a unique part of it, or #id.", show_default=False)
    ] = None,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    level: Annotated[
        CaptionLevel,
        typer.Option(help="frame: every frame's caption; shot or chapter: a timeline; video: one line."),
    ] = "frame",
    every_video: Annotated[
        bool, typer.Option("--all", help="One line for each video, and one for the whole library.")
    ] = False,
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write there which parts of the frames each word came from. Names one video."
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Say what a video shows: its captions, then the one line that sums them up.

    Examples:

    - `vidsearch captions holiday.mp4` (`show` may be left out)

    - `vidsearch captions show holiday.mp4 --level chapter`

    - `vidsearch captions --all --json`
    """
    from vidsearch.captions.describe import Describer, encoder_for

    if (video is None) != every_video:
        raise typer.BadParameter("Name one video, or give --all.", param_hint="VIDEO")
    with loading.open_library(library) as opened:
        describer = Describer(opened, encoder=encoder_for(opened))
        if video is None:
            _print_library(opened, describer, as_json=as_json)
        else:
            found = opened.video(video)
            _print_video(opened, describer, found, level, as_json=as_json)
            if explain is not None:
                _explain(opened, found, explain, OutputRule.for_library(opened, overwrite=overwrite))


def _explain(library: Library, video: Video, folder: Path, rule: OutputRule) -> None:
    from vidsearch.cli import heatmaps

    captioner = library.models.captioner if library.models else None
    if captioner is None:
        raise QueryError("The library has no captioner whose words could be explained.")
    explainer = heatmaps.load_caption_explainer(captioner, device="auto")
    heatmaps.explain_captions(library, video, folder, explainer, rule)


def _print_library(library: Library, describer: Describer, *, as_json: bool) -> None:
    videos = [(video, describer.video(video)) for video in library.videos()]
    whole = describer.library()
    if as_json:
        console.say_json(
            {
                "caption": whole.text if whole else None,
                "videos": [{"video": str(v.path), **_description_as_dict(d)} for v, d in videos],
            }
        )
        return
    console.say_table(
        (
            (console.shown_path(video.path), described.caption.text if described else "(no captions)")
            for video, described in videos
        ),
        header=("video", "caption"),
    )
    if whole is not None:
        console.say()
        console.say(f"All of it: {console.printable(whole.text)}")


def _print_video(
    library: Library, describer: Describer, video: Video, level: CaptionLevel, *, as_json: bool
) -> None:
    frames = library.frames(video.id)
    summary = describer.video(video)
    sections = describer.sections(video, level=level) if level in ("shot", "chapter") else []
    if as_json:
        shown: dict[str, Any] = {"video": str(video.path), **_description_as_dict(summary)}
        if level == "frame":
            shown["frames"] = [_frame_as_dict(frame) for frame in frames]
        elif level != "video":
            shown[f"{level}s"] = [_description_as_dict(section) for section in sections]
        console.say_json(shown)
        return
    if level == "frame":
        for frame in frames:
            if frame.caption is not None:
                text = console.printable(frame.caption.text)
                console.say(f"{format_time(frame.time_seconds)}  {text}", dim=frame.caption.carried_over)
    for section in sections:
        span = f"{format_duration(section.start_seconds)}-{format_duration(section.end_seconds)}"
        console.say(f"{span}  {console.printable(section.caption.text)}")
    if summary is None:
        console.note("This video has no captions. It was indexed with --no-captions, or shows nothing.")
    elif level == "video":
        console.say(console.printable(summary.caption.text))
    else:
        console.say()
        console.say(f"Whole video: {console.printable(summary.caption.text)}", bold=True)


def _description_as_dict(description: Description | None) -> dict[str, Any]:
    if description is None:
        return {"caption": None}
    return {
        "caption": description.caption.text,
        "start_seconds": round(description.start_seconds, 6),
        "end_seconds": round(description.end_seconds, 6),
        "frame_id": description.frame_id,
        "support": round(description.caption.support, 4),
        "method": description.caption.method,
    }


def _frame_as_dict(frame: IndexedFrame) -> dict[str, Any]:
    caption = frame.caption
    return {
        "frame_id": frame.id,
        "time_seconds": round(frame.time_seconds, 6),
        "end_seconds": round(frame.end_seconds, 6),
        "caption": caption.text if caption else None,
        "origin": caption.origin.value if caption else None,
        "model": caption.model if caption else None,
        "carried_over": caption.carried_over if caption else False,
    }


def caption(
    video: Annotated[Path, typer.Argument(help="A video file.")],
    sample_fps: Annotated[
        float,
        typer.Option(min=0.001, help="Frames per second of video.", rich_help_panel=options.SAMPLING_PANEL),
    ] = 1.0,
    max_frames: options.MaxFrames = 12,
    start: options.Start = None,
    end: options.End = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for frame_01.jpg, frame_01.txt and so on.")
    ] = Path("results"),
    overwrite: options.Overwrite = False,
    models: options.Models = None,
    num_beams: options.NumBeams = None,
    prompt: options.Prompt = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    batch_size: options.BatchSize = None,
) -> None:
    """Caption one video at once, with no library: frames and captions as files, and one line for all.

    Example: `vidsearch caption holiday.mp4 --sample-fps 1 --max-frames 12 --output results/`
    """
    from vidsearch.captions.aggregate import aggregate
    from vidsearch.captions.export import write_frame_files
    from vidsearch.media.decode import frames
    from vidsearch.media.images import encode_jpeg
    from vidsearch.models.registry import resolve_models
    from vidsearch.types import Caption

    rule = OutputRule(overwrite, inputs=(video,))
    rule.check(output / "frame_01.jpg")
    model_options = loading.ModelOptions(
        models=models,
        device=device,
        precision=precision,
        batch_size=batch_size,
        num_beams=num_beams,
        prompt=prompt,
    )
    chosen = resolve_models(models or "auto")
    if chosen.reason:
        console.note(chosen.reason)
    loaded = loading.load(chosen.models, model_options)
    if loaded.captioner is None:
        raise typer.BadParameter(f"{models!r} writes no captions; try blip or mini.", param_hint="--models")
    console.note(f"Captioning on {loaded.device.describe()}.")
    plan = options.sampling_plan(fps=sample_fps, max_frames=max_frames, start=start, end=end)
    pictures = list(frames(video, plan, short_side_pixels=None))
    generated = loaded.captioner.captions([picture.image for picture in pictures])
    said = [Caption(text=each.text, raw_text=each.raw_text) for each in generated]
    write_frame_files(
        output,
        ((encode_jpeg(p.image), c.text) for p, c in zip(pictures, said, strict=True)),
        num_frames=len(pictures),
        rule=rule,
    )
    console.say("Per-frame captions:")
    for number, each in enumerate(said, start=1):
        console.say(f" [{number}] {console.printable(each.text)}")
    embedder = loaded.embedders[0]
    final = aggregate(
        said,
        [1.0] * len(said),
        image_vectors=embedder.embed_images([picture.image for picture in pictures]),
        embed_texts=embedder.embed_texts,
    )
    console.say()
    console.say("===== Final aggregated caption =====")
    console.say(console.printable(final.text) if final else "")


def find(
    words: Annotated[
        str, typer.Argument(help='Words: stemmed, sun* for a beginning, "red car" as it stands.')
    ],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    num_hits: Annotated[
        int, typer.Option("--top", "-k", min=1, help="How many captions and subtitles.")
    ] = 20,
    as_json: options.AsJson = False,
) -> None:
    """Find words in captions and in the subtitles that were imported, and mark them.

    Example: `vidsearch captions find "birthday cake"`
    """
    with loading.open_library(library) as opened:
        matches = _word_matches(opened, words, num_hits)
    if as_json:
        console.say_json([match.as_dict() for match in matches])
        return
    if not matches:
        console.note("No caption and no subtitle has these words.")
    for match in matches:
        where = f"{console.shown_path(match.video.path)}  {format_time(match.time_seconds)}"
        console.say(f"{where}  ", console.highlighted(match.highlighted))


@dataclass(frozen=True, slots=True)
class _WordMatch:
    """A caption or a subtitle that has the words, and where."""

    video: Video
    time_seconds: float
    track: str | None
    """The subtitle track's name; None for a caption."""
    highlighted: str
    score: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "video": str(self.video.path),
            "time_seconds": round(self.time_seconds, 6),
            "track": self.track,
            "text": console.unmarked(self.highlighted),
            "score": self.score,
        }


def _word_matches(library: Library, words: str, num_hits: int) -> list[_WordMatch]:
    """The best captions and subtitles, best first."""
    from vidsearch.store.word_ranking import WordKind

    kinds = (WordKind("caption"), WordKind("caption", is_human=True), WordKind("subtitle"))
    videos = {video.id: video for video in library.videos()}
    names = {track.id: track.name for video_id in videos for track in library.subtitles(video_id)}
    return [
        _WordMatch(
            videos[match.video_id],
            match.start_seconds,
            names.get(match.track_id),
            match.highlighted,
            match.score,
        )
        for match in library.match(words, num_hits, kinds=kinds)
    ]


def edit(
    moment: Annotated[
        str, typer.Argument(metavar="VIDEO@TIME", help="A video and a time: holiday.mp4@12.5.")
    ],
    text: Annotated[str, typer.Argument(help="What is to be seen, in your words.")],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    only_here: Annotated[
        bool, typer.Option("--only-here", help="This one frame, not the run of look-alike frames around it.")
    ] = False,
) -> None:
    """Put a caption right, for as long as the picture stays alike. Search finds it, no model overwrites it.

    Example: `vidsearch captions edit holiday.mp4@12.5 "our dog Bello on the beach"`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        done = opened.correct(moment, text, only_here=only_here)
    span = f"{format_time(done.start_seconds)} to {format_time(done.end_seconds)}"
    console.note(
        f"{console.printable(done.video.path.name)}, {span}, now says: {console.printable(done.text)}"
    )


def recaption(
    video: Annotated[str, typer.Argument(help="Path, file name, a unique part of it, #id, or all.")],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    models: Annotated[
        str | None,
        typer.Option(help="The captioner. [default: the library's own]", rich_help_panel=options.MODEL_PANEL),
    ] = None,
    num_beams: options.NumBeams = None,
    prompt: options.Prompt = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    batch_size: options.BatchSize = None,
) -> None:
    """Caption videos anew, with another model or prompt. Old captions are kept as versions, corrections stay.

    Examples:

    - `vidsearch recaption holiday.mp4 --models blip-large`

    - `vidsearch recaption all --prompt "a photo of"`
    """
    from vidsearch.captions.rewrite import recaption as rewrite
    from vidsearch.models.registry import load_captioner

    with loading.open_library(library) as opened:
        name = models or (opened.models.captioner if opened.models else None)
        if name is None:
            raise typer.BadParameter("The library has no captioner: name one.", param_hint="--models")
        chosen = loading.pick_device(name, device=device, precision=precision)
        captioner = load_captioner(
            name, device=chosen, batch_size=batch_size, num_beams=num_beams, prompt=prompt
        )
        console.note(f"Captioning with {name} on {chosen.describe()}.")
        videos = opened.videos() if video == "all" else [opened.video(video)]
        report = rewrite(opened, videos, captioner)
    counts = report.counts
    console.say(
        f"{report.num_indexed} videos: {counts.num_captions_written} captions written, "
        f"{counts.num_captions_carried_over} carried over"
    )
    for failure in report.failures:
        console.say(f"  {console.shown_path(failure.path)}: {console.printable(failure.reason)}")
    if report.failures and not report.num_indexed:
        raise typer.Exit(console.EXIT_FAILED)
