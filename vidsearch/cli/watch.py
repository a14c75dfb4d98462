"""`vidsearch watch`: index what comes into folders, and tell of what it shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidsearch.cli import console, options, stopping
from vidsearch.cli.index import print_report, report_schema
from vidsearch.cli.index_options import with_index_options
from vidsearch.service.index_settings import IndexSettings
from vidsearch.text import counted
from vidsearch.times import format_duration

if TYPE_CHECKING:
    from vidsearch.errors import VidsearchError
    from vidsearch.ingest import IngestReport
    from vidsearch.models.device import Device

_watch_option = options.in_panel("Watching")
_alert_option = options.in_panel("Alerts")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(watch)


@with_index_options
def watch(
    folders: Annotated[
        list[Path],
        typer.Argument(
            parser=options.path_or_address,
            metavar="FOLDERS...",
            help="Folders to watch.",
            show_default=False,
        ),
    ],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    *,
    settings: IndexSettings,
    settle: Annotated[
        float,
        _watch_option(
            parser=options.time_above_zero,
            metavar="TIME",
            show_default="5 seconds",
            help="Wait until a file has not changed for this long before indexing it.",
        ),
    ] = 5.0,
    polling: Annotated[
        bool,
        _watch_option(
            "--polling",
            help="Check for changes every half second, for network folders that do not report them.",
        ),
    ] = False,
    alert: Annotated[
        list[str] | None,
        _alert_option(
            metavar="WORDS", help="Report new moments that match: words, or concept:Minka. Repeatable."
        ),
    ] = None,
    command: Annotated[
        str | None,
        _alert_option("--exec", help="Run this command for each alert; it gets the event as JSON on stdin."),
    ] = None,
    webhook: Annotated[str | None, _alert_option(help="POST each alert to this URL, as JSON.")] = None,
    alert_confidence: Annotated[
        float | None,
        _alert_option(
            min=0.0, max=1.0, help="Lowest confidence to report. [default: what a search calls found]"
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Index folders, and new or changed videos in them, until Ctrl-C.

    What fails for a passing reason, such as a full disk, is tried again by itself. With --json, each report
    is one line.

    An alert is told once for a moment, and kept until it is delivered, over restarts and while the other side
    is down.

    Examples:

    - `vidsearch watch ~/Videos /mnt/cameras`

    - `vidsearch watch /mnt/cameras --alert "smoke in a hall" --webhook https://example.org/alerts`
    """
    from vidsearch.service.indexing import IndexOptions
    from vidsearch.service.watching import AlertOptions, watch_into

    stopping.stop_on_terminate()

    def show(report: IngestReport, used: Device) -> None:
        if as_json:
            console.say_json_line(report_schema(report, used))
        else:
            print_report(report, used)

    def show_error(error: VidsearchError) -> None:
        if as_json:
            console.say_error(error, in_one_line=True)
        console.fail(str(error))

    watch_into(
        library,
        folders,
        IndexOptions.of(settings),
        on_ready=lambda: console.note(f"Watching {counted(len(folders), 'folder')}. Ctrl-C stops."),
        on_report=show,
        on_error=show_error,
        settle_seconds=settle,
        force_polling=polling,
        alerts=AlertOptions(tuple(alert or ()), command, webhook, alert_confidence),
        on_alert=lambda event: _print_alert(event, as_json=as_json),
        on_delivery_failure=console.warn,
    )
    console.note("Stopped watching. What was indexed is kept.")


def _print_alert(event: str, *, as_json: bool) -> None:
    """Print an event, JSON, as a line for people or for programs."""
    values = json.loads(event)
    if as_json:
        console.say_json_line({"event": "alert", **values})
        return
    span = f"{format_duration(values['start_seconds'])}-{format_duration(values['end_seconds'])}"
    path = console.shown_path(Path(values["path"]))
    console.say(f"Alert: {values['alert']}: {path} {span} ({values['confidence']:.0%})", bold=True)
