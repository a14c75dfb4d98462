"""Pictures that no camera took: slides, code, web pages, charts, maps, titles, test cards, plain colours.

Drawn at random by Pillow, each from its number, so that a picture is the same wherever it is drawn. They
teach `mini` what to say of such pictures, and measure it (`training/mini/graphics.py`).
"""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.mini.canvas import Canvas, Pixels, font
from training.mini.charts import chart, diagram, noise, pattern, plain, road_map, test_card
from training.mini.screens import code, page, slide, table, terminal, title, web_page, windows

KINDS: dict[str, Callable[[Canvas], None]] = {
    kind.__name__: kind
    for kind in (
        slide, code, terminal, web_page, page, table, title, windows,
        chart, diagram, road_map, test_card, pattern, plain, noise,
    )
}  # fmt: skip
"""What can be drawn, in the order of `vidsearch.models.mini.graphics.PHRASES`."""


def drawn(kind: str, number: int, photographs: Sequence[Pixels] = ()) -> Pixels:
    """The picture of a kind with a number: uint8 (height, width, 3), RGB.

    One in seven is blurred, one in ten in a black frame. Slides, pages and windows show `photographs`.
    """
    rng = np.random.default_rng([list(KINDS).index(kind), number])
    canvas = Canvas(rng, photographs, dark=True if kind == "terminal" else None)
    KINDS[kind](canvas)
    image = canvas.image
    if rng.random() < 0.15:
        image = image.filter(ImageFilter.GaussianBlur(canvas.uniform(0.5, 2.5) * canvas.height / 720))
    if rng.random() < 0.1:
        framed = Image.new("RGB", image.size)
        share = canvas.uniform(0.7, 0.9)
        inner = image.resize(
            (round(share * image.width), image.height)
            if rng.random() < 0.5
            else (image.width, round(share * image.height))
        )
        framed.paste(inner, ((image.width - inner.width) // 2, (image.height - inner.height) // 2))
        image = framed
    return np.array(image)


def subtitled(photograph: Pixels, rng: np.random.Generator) -> Pixels:
    """A photograph with words over it, as films and news have them."""
    c = Canvas(rng, ())
    image = Image.fromarray(photograph)
    draw, high = ImageDraw.Draw(image), image.height
    size, said, kind = int(rng.integers(9, 18)), c.words(2, 6), rng.integers(3)
    if kind == 0:
        place = (image.width / 2, 0.93 * high)
        draw.text(place, said, (255, 255, 255), font(size), "ms", stroke_width=1, stroke_fill=(0, 0, 0))
    elif kind == 1:
        draw.rectangle((0, 0.8 * high, image.width, 0.93 * high), c.accents[0])
        draw.text((10, 0.87 * high), said, c.ink, font(size), "lm")
    else:
        draw.text((image.width / 2, high / 2), c.words(1, 3), c.paper, font(2 * size), "mm")
    return np.array(image)
