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
    "index": ("index", "Index videos and folders, so that they can be searched."),
    "watch": ("watch", "Index folders, and new or changed videos in them, until Ctrl-C."),
    "search": ("search", "Find moments by describing them."),
    "shell": (
        "shell",
        "Answer queries one per line, keeping the library open.",
    ),
    "teach": (
        "concepts",
        "Teach a name by examples, to use in searches.",
    ),
    "concepts": ("concepts", "List, show, forget, export and import taught concepts."),
    "label": (
        "labels",
        "Look for labels in every frame, and record where each is seen.",
    ),
    "captions": ("captions", "Show, find and correct captions."),
    "recaption": (
        "recaption",
        "Write captions again, with another model or prompt.",
    ),
    "caption": (
        "captions",
        "Caption one video without a library, into files.",
    ),
    "export": ("export", "Export captions or another track, to one file or one per video."),
    "import": ("export", "Import subtitles."),
    "clip": ("moments", "Cut a moment out of its video, with sound."),
    "explain": (
        "moments",
        "Show which parts of a frame match a query, as a heat map.",
    ),
    "list": ("library", "List the videos in a library."),
    "info": ("library", "Show what a library holds, its models and its size."),
    "tracks": (
        "library",
        "Show the tracks of a video: their kind, source, extent and state.",
    ),
    "upgrade": (
        "library",
        "Move a library to other models, in place.",
    ),
    "remove": (
        "library",
        "Remove videos, or one track, from a library; the video files stay.",
    ),
    "verify": (
        "library",
        "Check a library and its files, and repair it.",
    ),
    "copy": ("copying", "Copy a library to a folder or a server, and compare both."),
    "models": ("models", "List, download and locate models."),
    "ui": (
        "page",
        "Search and manage a library in a browser.",
    ),
    "serve": (
        "serving",
        "Serve a library over HTTP, for other programs.",
    ),
    "mcp": ("serving", "Serve a library to assistants, over the Model Context Protocol."),
    "bench": (
        "measure",
        "Measure how fast this machine indexes, part by part.",
    ),
    "eval": ("measure", "Measure models on your own data sets."),
    "demo": (
        "demo",
        "Index the sample videos and search them; downloads nothing.",
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
