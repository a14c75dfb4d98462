"""Every command explains itself, quickly, and the docs name all of them."""

import inspect
import re
import shlex
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from tests.conftest import REPOSITORY
from vidsearch.cli.app import app
from vidsearch.cli.index_options import index_settings
from vidsearch.service.index_settings import IndexSettings
from vidsearch.service.indexing import IndexOptions

HEAVY = ("torch", "transformers", "faiss", "onnxruntime", "cv2", "av", "numpy", "sqlite_utils")


def _commands() -> dict[str, typer.core.TyperCommand]:
    """Every command by the words that call it: {"index": ..., "models pull": ...}."""
    found = {}

    def walk(command, words):
        children = getattr(command, "commands", None)
        if children is None:
            found[" ".join(words)] = command
            return
        for name, child in children.items():
            walk(child, [*words, name])

    walk(typer.main.get_command(app), [])
    return found


COMMANDS = _commands()


@pytest.mark.parametrize("words", COMMANDS)
def test_help_has_a_summary_and_an_example_that_calls_the_command(words):
    result = CliRunner().invoke(app, [*words.split(), "--help"])

    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"vidsearch {words}" in result.output


@pytest.mark.parametrize("words", COMMANDS)
def test_examples_are_understood(words):
    """They are only parsed: their files and libraries are made up."""
    examples = re.findall(r"`vidsearch ([^`<]+)", COMMANDS[words].help or "")
    own = [given for given in map(shlex.split, examples) if given[: len(words.split())] == words.split()]

    assert own
    for given in own:
        COMMANDS[words].make_context(words, given[len(words.split()) :])


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_has_help(words):
    silent = [
        parameter.name
        for parameter in COMMANDS[words].params
        if not getattr(parameter, "help", None) and not getattr(parameter, "hidden", False)
    ]

    assert silent == []


def test_commands_that_index_share_their_options():
    """`watch` had no --moving and no --sounds, as each command listed them by itself."""
    shared = set(inspect.signature(index_settings).parameters)
    for words in ("index", "watch"):
        assert shared <= {parameter.name for parameter in COMMANDS[words].params}, words
    assert IndexOptions.of(index_settings()) == IndexOptions()
    own = {"retry_failed", "reindex", "workers"}
    assert set(index_settings()) == set(IndexSettings.__annotations__) - own


@pytest.mark.parametrize("words", COMMANDS)
def test_times_are_given_as_people_write_them(words):
    """Also where they are lengths: --within 1m30s, not --within 90."""
    named = ("start", "end", "after", "before", "within", "timeout", "settle", "join")
    others = {
        parameter.name
        for parameter in COMMANDS[words].params
        if (parameter.name in named or (parameter.name or "").endswith("_duration"))
        and getattr(parameter, "metavar", None) != "TIME"
    }

    assert others == set()


def test_a_time_that_is_none_is_told_with_what_one_is():
    for given in (["search", "x", "--within", "soon"], ["watch", ".", "--timeout", "0"]):
        done = CliRunner().invoke(app, given, env={"COLUMNS": "200"})
        assert done.exit_code == 2
        assert "1m23s" in done.output or "give more than 0" in done.output


def test_readme_names_every_command():
    readme = (REPOSITORY / "README.md").read_text()

    assert [words for words in COMMANDS if f"vidsearch {words}" not in readme] == []


def test_command_reference_documents_every_option():
    reference = (REPOSITORY / "docs" / "commands.md").read_text()

    missing = [
        f"{words} {option}"
        for words, command in COMMANDS.items()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and option not in reference
    ]
    assert missing == []


def test_export_help_names_every_format():
    from vidsearch.captions.export import FORMATS
    from vidsearch.cli.export import FORMAT_HELP

    assert [name for name in FORMATS if name not in FORMAT_HELP] == []


def test_help_imports_nothing_heavy():
    program = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from vidsearch.cli.app import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout == "[]\n"


def test_a_usage_error_exits_with_2():
    assert CliRunner().invoke(app, ["search", "cat", "--no-such-option"]).exit_code == 2


def test_a_bad_value_is_explained_in_plain_words():
    """Pydantic's own words for it are "Value error, ..." and "Input should be ..."."""
    for given, expected in (
        (["--mode", "foo"], "'--mode': 'foo' is not one of 'auto', 'visual', 'caption', 'hybrid'."),
        (["-n", "0"], "must be greater than or equal to 1"),
    ):
        done = CliRunner().invoke(app, ["search", "cat", *given], env={"COLUMNS": "200"})
        assert (done.exit_code, expected in done.output) == (2, True), done.output


def test_version_is_printed():
    result = CliRunner().invoke(app, ["--version"])

    assert result.exit_code == 0
    assert result.output.startswith("vidsearch ")
