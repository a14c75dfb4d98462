"""Names for exported files: valid on all file systems, and never outside the chosen folder."""

from __future__ import annotations

import re
import unicodedata

_NOT_IN_NAMES = re.compile(
    r"""[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"""
)
_RESERVED_ON_WINDOWS = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_MAX_NAME_BYTES = 180


class Names:
    """Assigns unique file names to videos, which are valid on all common file systems."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def name_for(self, wanted: str) -> str:
        """Return a unique name without suffix for a video called `wanted`. Deterministic."""
        base = name = safe_name(wanted)
        number = 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{base}-{number}"
        self._taken.add(name.casefold())
        return name


def safe_name(wanted: str) -> str:
    """Return `wanted` as a file name that is valid on all common file systems."""
    name = _NOT_IN_NAMES.sub("_", unicodedata.normalize("NFC", wanted))
    name = name.strip(" .")
    if name.startswith(("-", "~")):
        name = f"_{name[1:]}"
    if _RESERVED_ON_WINDOWS.fullmatch(name):
        name = f"{name}_"
    name = name.encode()[:_MAX_NAME_BYTES].decode("utf-8", "ignore").strip(" .")
    return name or "video"
