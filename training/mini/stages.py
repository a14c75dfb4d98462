"""Which stages of the training are done, and whether what they made is still what would be made now."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any


def stamp_path(output: Path) -> Path:
    """Where the stamp of a stage's output is."""
    return output.with_name(output.name + ".stamp.json")


class Stage:
    """One stage, known by a stamp beside its output: what it was made from, and how.

    A stage is done where its stamp says just what it would say now. So a changed setting, or a changed file
    that it was made from, makes it due again, and all that were made from its output in turn.
    """

    def __init__(self, output: Path, *, made_from: Iterable[Path] = (), **how: Any) -> None:
        self.output = output
        self._stamp = stamp_path(output)
        self._made_from = tuple(made_from)
        self._how = {name: asdict(value) if is_dataclass(value) else value for name, value in how.items()}  # type: ignore[arg-type]

    @property
    def checkpoint(self) -> Path:
        """Where a stage under way keeps what the next run goes on from; other settings, another name."""
        told = hashlib.sha256(json.dumps(self._says(), sort_keys=True).encode()).hexdigest()[:12]
        return self.output.with_name(f"{self.output.stem}.{told}.checkpoint")

    @property
    def is_done(self) -> bool:
        """Whether the output was made as it would be made now."""
        if not self._stamp.exists():
            return False
        return bool(json.loads(self._stamp.read_text(encoding="utf-8")) == self._says())

    def finish(self) -> None:
        """Note that the output is whole."""
        self._stamp.write_text(json.dumps(self._says(), indent=1), encoding="utf-8")

    def _says(self) -> dict[str, Any]:
        digests = {path.name: _digest(path) for path in self._made_from}
        return json.loads(json.dumps({"made_from": digests, "how": self._how}))  # type: ignore[no-any-return]


def _digest(path: Path) -> str:
    """What a file holds, by its SHA-256; for an array's file of gigabytes, by that of its own stamp."""
    stamp = stamp_path(path)
    content = stamp if stamp.exists() else path
    return hashlib.sha256(content.read_bytes()).hexdigest()
