"""Pictures in terminals that show them: by kitty's protocol, iTerm2's, or sixels."""

from __future__ import annotations

import base64
import io
import os
import sys
from typing import TYPE_CHECKING, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    from PIL import Image

Protocol: TypeAlias = Literal["kitty", "iterm2", "sixel"]

VARIABLE = "VIDSEARCH_PICTURES"
"""kitty, iterm2 or sixel for a terminal that is not recognised; off for none."""
_ITERM2 = ("iTerm.app", "WezTerm", "mintty", "WarpTerminal")
_KITTY = ("ghostty",)
_SIXEL = ("foot", "foot-extra", "mlterm", "contour", "yaft-256color")
MOST_PIXELS = 480
"""The height of a picture. iTerm2 refuses a sequence of more than a megabyte."""
_CHUNK = 4096
_LEVELS = 6
"""Steps of red, green and blue in sixels: 216 colours."""
_ROWS = 6
"""Rows of pixels in one line of sixels."""


def protocol() -> Protocol | None:
    """How stdout shows pictures; None where it is no terminal, or one that does not.

    Terminals are known by what they say in the environment: asking them would wait for those that are silent.
    """
    if not sys.stdout.isatty():
        return None
    asked = os.environ.get(VARIABLE, "").strip().lower()
    if asked:
        return asked if asked in ("kitty", "iterm2", "sixel") else None  # type: ignore[return-value]
    if "TMUX" in os.environ or os.environ.get("TERM", "").startswith("screen"):
        return None  # what multiplexes terminals passes no pictures on
    program, term = os.environ.get("TERM_PROGRAM", ""), os.environ.get("TERM", "")
    if "KITTY_WINDOW_ID" in os.environ or term == "xterm-kitty" or program in _KITTY:
        return "kitty"
    if program in _ITERM2:
        return "iterm2"
    return "sixel" if term in _SIXEL or "sixel" in term else None


def show_image(data: bytes, *, height_pixels: int = MOST_PIXELS) -> bool:
    """Draw a PNG or JPEG into the terminal. Returns False where it shows no pictures."""
    how = protocol()
    if how is None:
        return False
    typer.echo(drawn(data, how, height_pixels=height_pixels))
    return True


def drawn(data: bytes, how: Protocol, *, height_pixels: int = MOST_PIXELS) -> str:
    """Return what draws a PNG or JPEG, made smaller to a height."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((4 * height_pixels, height_pixels))
    if how == "sixel":
        return _sixels(picture)
    out = io.BytesIO()
    picture.save(
        out, "JPEG" if how == "iterm2" else "PNG", quality=90
    )  # kitty knows of compressed ones PNG only
    text = base64.standard_b64encode(out.getvalue()).decode("ascii")
    if how == "iterm2":
        return f"\x1b]1337;File=inline=1;size={len(out.getvalue())}:{text}\a"
    chunks = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    return "".join(
        f"\x1b_G{'a=T,f=100,' if number == 0 else ''}m={int(number < len(chunks) - 1)};{chunk}\x1b\\"
        for number, chunk in enumerate(chunks)
    )


def _sixels(picture: Image.Image) -> str:
    """A picture as sixels (DEC, VT330/VT340 Programmer Reference Manual, chapter 14)."""
    import numpy as np

    pixels = np.asarray(picture, dtype=np.int64)
    height, width, _ = pixels.shape
    steps = (pixels * (_LEVELS - 1) + 127) // 255
    colours = (steps[..., 0] * _LEVELS + steps[..., 1]) * _LEVELS + steps[..., 2]
    out = [f'\x1bPq"1;1;{width};{height}']
    for colour in np.unique(colours).tolist():
        red, green, blue = colour // _LEVELS**2, colour // _LEVELS % _LEVELS, colour % _LEVELS
        out.append(
            f"#{colour};2;" + ";".join(f"{100 * each // (_LEVELS - 1)}" for each in (red, green, blue))
        )
    for top in range(0, height, _ROWS):
        band = colours[top : top + _ROWS]
        bits = (1 << np.arange(len(band)))[:, None]
        lines = []
        for colour in np.unique(band).tolist():
            values = ((band == colour) * bits).sum(axis=0) + 63
            lines.append(f"#{colour}{_runs(values.tolist())}")
        out.append("$".join(lines) + "-")
    return "".join(out) + "\x1b\\"


def _runs(values: list[int]) -> str:
    """Sixels with those that come several times in a row written once, with their number."""
    out, start = [], 0
    for at in range(1, len(values) + 1):
        if at == len(values) or values[at] != values[start]:
            count, character = at - start, chr(values[start])
            out.append(f"!{count}{character}" if count > 3 else character * count)
            start = at
    return "".join(out)
