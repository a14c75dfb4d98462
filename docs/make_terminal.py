"""Makes docs/terminal.svg: real commands on the sample videos, and what they print.

python docs/make_terminal.py
"""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
COMMANDS = (
    "vidsearch index sample_data --models mini",
    'vidsearch search "a cat looking at the camera" -n 3',
    'vidsearch search "a rocket on a launch pad" -n 2',
    "vidsearch captions show space.mp4 --level chapter",
)
WIDTH = 124


def main() -> None:
    """Run the commands in a temporary library, and draw them."""
    console = Console(record=True, width=WIDTH, force_terminal=True, file=io.StringIO())
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "VIDSEARCH_LIBRARY": str(Path(folder) / "library")}
        for command in COMMANDS:
            console.print(Text(f"$ {command}", style="bold green"))
            result = subprocess.run(
                shlex.split(command), cwd=ROOT, env=environment, capture_output=True, text=True, check=True
            )
            console.print(Text.from_ansi(result.stdout.rstrip()), soft_wrap=False)
            console.print()
    (ROOT / "docs" / "terminal.svg").write_text(console.export_svg(title="vidsearch"), encoding="utf-8")


if __name__ == "__main__":
    main()
