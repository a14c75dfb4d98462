"""What a schema library costs the start of a command: the time to import it, and to read one query with it.

    python benchmarks/schema_imports.py

Each library is imported in a fresh process that has already loaded what any command loads (json, dataclasses,
typing, pathlib); CPU milliseconds, the median of `--runs`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

LIBRARIES = {
    "dataclasses alone": "",
    "msgspec": "import msgspec",
    "pydantic": "import pydantic; from pydantic import BaseModel, ConfigDict",
}
_BEFORE = "import dataclasses, datetime, enum, json, pathlib, time, typing; start = time.process_time()"
_AFTER = "print((time.process_time() - start) * 1000)"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=15)
    runs: int = parser.parse_args().runs
    print("| library | import, CPU ms |\n|---|---|")
    for name, statement in LIBRARIES.items():
        times = [measure(statement) for _ in range(runs)]
        print(f"| {name} | {statistics.median(times):.1f} |")


def measure(statement: str) -> float:
    """Return the CPU milliseconds that a statement takes in a fresh process."""
    program = "\n".join((_BEFORE, statement, _AFTER))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    main()
