"""Every command explains itself, quickly, and the docs name all of them."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from tests.conftest import REPOSITORY
from vidsearch.cli.app import app

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
def test_every_option_has_help(words):
    silent = [
        parameter.name
        for parameter in COMMANDS[words].params
        if not getattr(parameter, "help", None) and not getattr(parameter, "hidden", False)
    ]

    assert silent == []


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


def test_version_is_printed():
    result = CliRunner().invoke(app, ["--version"])

    assert result.exit_code == 0
    assert result.output.startswith("vidsearch ")
