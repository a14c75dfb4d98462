"""The commands by name, each loaded when it is called.

What Typer makes of all commands' options takes 60 ms of a process that runs one of them. So the list has each
command's summary in it: `--help` shows that and loads none.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

from vidsearch.cli.plain_values import pass_plain_values, passing

MARKUP: Final = "markdown"
_LIST = {
    "index": ("index", "Index videos, so that they can be searched."),
    "watch": ("watch", "Index what is in folders, and whatever comes or changes there, until Ctrl-C."),
    "search": ("search", "Find moments by describing them."),
    "shell": (
        "shell",
        "Keep a library open and answer one query a line, in milliseconds. "
        "A line may also be a query as JSON.",
    ),
    "teach": (
        "concepts",
        "Teach the library what you call something, by examples. The name then works in every search.",
    ),
    "concepts": ("concepts", "What this library was taught: list, look at, forget, take elsewhere."),
    "label": (
        "labels",
        "Look for labels in every frame, and keep where each is seen as a track of its video.",
    ),
    "captions": ("captions", "What videos show, in words: read it, or put it right."),
    "recaption": (
        "recaption",
        "Write new captions, with another model or prompt. Old ones are kept as versions, corrections stay.",
    ),
    "caption": (
        "captions",
        "Caption one video at once, with no library: frames and captions as files, and one line for all.",
    ),
    "export": ("export", "Write captions, or another track, to a file or a file per video."),
    "import": ("export", "Bring in what you have."),
    "clip": ("moments", "Cut a moment out of its video, with its sound."),
    "explain": (
        "moments",
        "Show which parts of a frame speak for a query. Draws into the terminal where it can show pictures.",
    ),
    "list": ("library", "List the videos of a library."),
    "info": ("library", "Say what a library holds, which models made it, and how large it is."),
    "tracks": (
        "library",
        "Show what is known of a video, track by track: kind, what made it, how far, "
        "and whether it is shown.",
    ),
    "upgrade": (
        "library",
        "Go on with other models. Searches answer by those before until all is there; "
        "a stopped run continues.",
    ),
    "remove": (
        "library",
        "Take videos out of a library, or a track of one. The files themselves are left alone.",
    ),
    "verify": (
        "library",
        "Check a library against itself and against its files. Exits with 1 if anything is wrong.",
    ),
    "copy": ("copying", "Copy a library whole, to a folder or to a server. Both are compared at the end."),
    "models": ("models", "Models: list them, fetch them, find them on disk."),
    "ui": (
        "page",
        "Serve a page on this machine to search, read, correct and index in a browser. Ctrl-C stops it.",
    ),
    "serve": (
        "serving",
        "Serve the library over HTTP, with JSON, pictures, clips and exports. Ctrl-C stops it.",
    ),
    "mcp": ("serving", "Let an assistant search the library and look at it, by the Model Context Protocol."),
    "bench": (
        "measure",
        "Measure how fast this machine indexes: each part alone, the whole, and how well they overlap.",
    ),
    "eval": ("measure", "Measure models on data sets that you have."),
    "demo": (
        "demo",
        "Index the sample videos and run four queries on them: the first thing to try. Downloads nothing.",
    ),
}
"""For each command the module beside this one that has it, and the first paragraph of its help."""


def summaries() -> dict[str, str]:
    """What `--help` says of each command."""
    return {name: summary for name, (_, summary) in _LIST.items()}


class LazyCommands(MutableMapping[str, Any]):
    """The commands by name, in the order of the list."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded.update(_commands_of(_LIST[name][0]))
            pass_plain_values(self._loaded[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in _LIST

    def __iter__(self) -> Iterator[str]:
        return iter(_LIST)

    def __len__(self) -> int:
        return len(_LIST)


class LazyGroup(TyperGroup):
    """A group of the commands in the list, whose help is plain: drawing it with Rich takes 80 ms."""

    def __init__(self, **extra: Any) -> None:
        super().__init__(**extra)
        self.commands = LazyCommands()

    def get_params(self, ctx: Any) -> Any:
        return passing(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        # What Typer's own class would do, were it not for Rich.
        super(TyperGroup, self).format_help(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(summaries().items()))


def _commands_of(module: str) -> dict[str, Any]:
    """The commands of a module beside this one, by name."""
    part = typer.Typer(add_completion=False, rich_markup_mode=MARKUP)
    part.callback()(lambda: None)  # so that Typer makes a group of a single command, too
    import_module(f"vidsearch.cli.{module}").register(part)
    group: Any = typer.main.get_command(part)
    return dict(group.commands)
