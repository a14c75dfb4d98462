"""What pictures are drawn on: chance, colours, words, and photographs to show."""

import colorsys
import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Pixels = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
_NAMES: list[str] = json.loads((Path(__file__).parent / "imagenet_classes.json").read_text(encoding="utf-8"))
_WORDS = [word.lower() for name in _NAMES for word in name.replace("-", " ").split() if word.isalpha()]
_STATEMENTS = (
    "import {0}", "from {0}.{1} import {2}", "", "class {3}({4}):", "    # {0} {1} of {2}",
    "    def {0}(self, {1}):", "        for {0} in self.{1}({2}):", "            if {0} == {1}[{2}]:",
    "                return {0} + {1} * 2", "        self.{0}.append({1})",
    "        {0} = {1}({2}, key={0}.{1})", '        """{3} {0}, {1}."""', "",
)  # fmt: skip
_SIZES = ((1280, 720), (960, 540), (1024, 768), (640, 480), (640, 360), (1280, 800))


class Canvas:
    """One picture being drawn, and the chance that draws it."""

    def __init__(
        self, rng: np.random.Generator, photographs: Sequence[Pixels], *, dark: bool | None = None
    ) -> None:
        self.rng, self._photographs = rng, photographs
        self.width, self.height = _SIZES[rng.integers(len(_SIZES))]
        self.is_dark = bool(rng.random() < 0.4) if dark is None else dark
        self.is_mono = False
        self.paper = self.colour(dark=self.is_dark)
        self.ink = self.colour(dark=not self.is_dark)
        self.accents = [self.bright() for _ in range(5)]
        self.image = Image.new("RGB", (self.width, self.height), self.paper)
        self.draw = ImageDraw.Draw(self.image)

    def uniform(self, low: float, high: float) -> float:
        """A number between two."""
        return float(self.rng.uniform(low, high))

    def colour(self, *, dark: bool) -> Colour:
        """Nearly black or nearly white, sometimes tinted."""
        value = self.uniform(0, 0.2) if dark else self.uniform(0.86, 1)
        tint = self.uniform(0, 0.6 if dark else 0.1) * (self.rng.random() < 0.6)
        return rgb(self.uniform(0, 1), tint, value)

    def bright(self) -> Colour:
        """A colour that stands out."""
        return rgb(self.uniform(0, 1), self.uniform(0.4, 1), self.uniform(0.5, 1))

    def words(self, least: int, most: int) -> str:
        """Words, the first with a capital."""
        start = int(self.rng.integers(len(_WORDS) - most))
        return " ".join(_WORDS[start : start + int(self.rng.integers(least, most + 1))]).capitalize()

    def code(self) -> Iterator[str]:
        """Lines of a program, without an end."""
        while True:
            names = [_WORDS[int(self.rng.integers(len(_WORDS)))] for _ in range(3)]
            statement = _STATEMENTS[int(self.rng.integers(len(_STATEMENTS)))]
            yield statement.format(*names, *map(str.capitalize, names[:2]))

    def write(self, x: float, y: float, said: str, size: float, fill: Colour, anchor: str = "lt") -> float:
        """Write a line, and return how wide it is. All letters have one width where the canvas `is_mono`."""
        chosen = font(max(8, round(size)))
        if not self.is_mono or anchor != "lt":
            self.draw.text((x, y), said, fill, chosen, anchor)
            return float(chosen.getlength(said))
        step = 0.6 * size
        for number, letter in enumerate(said):
            self.draw.text((x + (number + 0.5) * step, y), letter, fill, chosen, "ma")
        return step * len(said)

    def paragraph(self, x: float, y: float, width: float, size: float, fill: Colour, lines: int) -> float:
        """Write lines as wide as `width`, and return where they end."""
        for number in range(lines):
            said = self.words(20, 40)
            while (
                font(round(size)).getlength(said) > width * (1 if number < lines - 1 else 0.6) and " " in said
            ):
                said = said.rsplit(" ", 1)[0]
            self.write(x, y, said, size, fill)
            y += 1.45 * size
        return y

    def picture(self, x: float, y: float, width: float, height: float) -> None:
        """A photograph, where there are any, else a box."""
        if not self._photographs or self.rng.random() < 0.4:
            self.box(x, y, width, height, self.bright())
        else:
            chosen = self._photographs[int(self.rng.integers(len(self._photographs)))]
            shown = Image.fromarray(chosen).resize((round(width), round(height)))
            self.image.paste(shown, (round(x), round(y)))

    def box(self, x: float, y: float, width: float, height: float, fill: Colour) -> None:
        """A rectangle."""
        self.draw.rectangle((x, y, x + width, y + height), fill)


def rgb(hue: float, saturation: float, value: float) -> Colour:
    """A colour by numbers from 0 to 1."""
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, saturation, value))
    return red, green, blue


@lru_cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that Pillow ships."""
    return ImageFont.load_default(size)


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """A colour between two."""
    red, green, blue = (round((1 - share) * a + share * b) for a, b in zip(one, other, strict=True))
    return red, green, blue
