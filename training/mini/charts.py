"""Charts, diagrams, maps, test cards and patterns, drawn at random."""

import itertools

import numpy as np
from PIL import Image

from training.mini.canvas import Canvas, mixed, rgb


def plot(c: Canvas, x: float, y: float, width: float, height: float) -> None:
    """Lines, bars or points over axes, or a pie, in a part of the picture."""
    kind = c.rng.integers(4)
    count = int(c.rng.integers(4, 12))
    values = (
        c.rng.random((3, count)).cumsum(axis=1) if c.rng.random() < 0.5 else c.rng.random((3, count)) + 0.1
    )
    values = values / values.max()
    if kind == 0:
        ends = np.cumsum(c.rng.dirichlet(np.full(count, 3.0))) * 360
        side = min(width, height)
        for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            c.draw.pieslice(
                (x, y, x + side, y + side), start, end, c.accents[number % 5] if number % 2 else c.bright()
            )
        return
    xs = x + width * (np.arange(count) + 0.5) / count
    for step in range(5):
        level = y + height * step / 4
        c.draw.line((x, level, x + width, level), mixed(c.paper, c.ink, 0.2), 1)
        c.write(x - 0.01 * c.width, level, str(100 - 25 * step), 0.022 * c.height, c.ink, "rm")
    c.draw.line((x, y, x, y + height, x + width, y + height), c.ink, 2)
    for number, row in enumerate(values[: c.rng.integers(1, 4)]):
        ys, fill = y + height * (1 - 0.95 * row), c.accents[number]
        if kind == 1:
            c.draw.line(
                [(float(a), float(b)) for a, b in zip(xs, ys, strict=True)], fill, max(2, c.height // 200)
            )
        for a, b in zip(xs.tolist(), ys.tolist(), strict=True):
            if kind == 2:
                wide = width / count / 4
                c.box(a + (number - 1) * wide, b, wide, y + height - b, fill)
            else:
                c.draw.ellipse((a - 4, b - 4, a + 4, b + 4), fill)


def chart(c: Canvas) -> None:
    """Axes with lines, bars or points, or a pie."""
    c.write(0.5 * c.width, 0.04 * c.height, c.words(2, 6), 0.045 * c.height, c.ink, "mt")
    plot(c, 0.1 * c.width, 0.15 * c.height, 0.82 * c.width, 0.72 * c.height)
    c.write(0.5 * c.width, 0.95 * c.height, c.words(1, 3), 0.03 * c.height, c.ink, "ms")


def diagram(c: Canvas) -> None:
    """Boxes with words, joined by lines."""
    places = [
        (c.uniform(0.1, 0.85) * c.width, c.uniform(0.12, 0.85) * c.height)
        for _ in range(int(c.rng.integers(4, 10)))
    ]
    for before, after in itertools.pairwise(places):
        c.draw.line((*before, *after), c.ink, max(2, c.height // 240))
    for x, y in places:
        wide, high = 0.08 * c.width, 0.05 * c.height
        outline = (x - wide, y - high, x + wide, y + high)
        draw = c.draw.ellipse if c.rng.random() < 0.3 else c.draw.rectangle
        draw(outline, c.accents[int(c.rng.integers(5))], c.ink, 2)
        c.write(x, y, c.words(1, 2), 0.03 * c.height, c.ink, "mm")


def road_map(c: Canvas) -> None:
    """Streets, blocks, a river, a park, names."""
    w, h = c.width, c.height
    c.image.paste(rgb(c.uniform(0.05, 0.18), c.uniform(0.02, 0.15), c.uniform(0.88, 0.98)), (0, 0, w, h))
    for hue, count in ((0.33, 4), (0.57, 2)):
        for _ in range(count):
            angles = np.sort(c.rng.uniform(0, 2 * np.pi, 9))
            radii = c.rng.uniform(0.05, 0.25, 9) * w
            x, y = c.uniform(0, w), c.uniform(0, h)
            points = [(x + r * np.cos(a), y + r * np.sin(a)) for a, r in zip(angles, radii, strict=True)]
            c.draw.polygon(points, rgb(hue, c.uniform(0.2, 0.45), c.uniform(0.8, 0.95)))
    turn = c.uniform(-0.6, 0.6)
    for number in range(int(c.rng.integers(15, 45))):
        x, y = c.uniform(0, w), c.uniform(0, h)
        angle = turn + (np.pi / 2) * (number % 2) + c.uniform(-0.1, 0.1) * (c.rng.random() < 0.4)
        reach = c.uniform(0.1, 1.2) * w
        ends = (
            x - reach * np.cos(angle),
            y - reach * np.sin(angle),
            x + reach * np.cos(angle),
            y + reach * np.sin(angle),
        )
        wide = int(c.rng.integers(2, 9)) * h // 720 + 1
        c.draw.line(ends, (190, 190, 190), wide + 2)
        c.draw.line(ends, (255, 255, 255) if number % 5 else rgb(0.13, 0.5, 1), wide)
    for _ in range(int(c.rng.integers(5, 20))):
        c.write(c.uniform(0, 0.9) * w, c.uniform(0, 0.95) * h, c.words(1, 2), 0.025 * h, (60, 60, 60))


def test_card(c: Canvas) -> None:
    """Colour bars, or a grid with a circle and steps of grey."""
    w, h = c.width, c.height
    bars = [
        (191, 191, 191),
        (191, 191, 0),
        (0, 191, 191),
        (0, 191, 0),
        (191, 0, 191),
        (191, 0, 0),
        (0, 0, 191),
    ]
    if c.rng.random() < 0.5:
        low = c.uniform(0.55, 1) * h
        for number, fill in enumerate(bars):
            c.box(w * number / 7, 0, w / 7 + 1, low, fill)
        for number in range(7):
            c.box(
                w * number / 7, low, w / 7 + 1, h - low, bars[6 - number] if number % 2 == 0 else (20, 20, 20)
            )
    else:
        c.image.paste((110, 110, 110), (0, 0, w, h))
        step = h // int(c.rng.integers(8, 18))
        for at in range(0, max(w, h), step):
            c.draw.line((at, 0, at, h), (230, 230, 230), 2)
            c.draw.line((0, at, w, at), (230, 230, 230), 2)
        r = 0.45 * h
        c.draw.ellipse((w / 2 - r, h / 2 - r, w / 2 + r, h / 2 + r), None, (255, 255, 255), 4)
        for number, fill in enumerate(bars):
            c.box(w / 2 - 0.35 * h + 0.1 * h * number, 0.35 * h, 0.1 * h, 0.12 * h, fill)
            c.box(w / 2 - 0.35 * h + 0.1 * h * number, 0.5 * h, 0.1 * h, 0.12 * h, (number * 40,) * 3)
    if c.rng.random() < 0.5:
        c.write(w / 2, 0.85 * h, c.words(1, 2), 0.07 * h, (255, 255, 255), "mm")


def pattern(c: Canvas) -> None:
    """Stripes, checks, rings, dots, or coloured shapes."""
    w, h, kind = c.width, c.height, c.rng.integers(4)
    step = int(c.uniform(0.03, 0.16) * h)
    for row, y in enumerate(range(0, h, step)):
        for column, x in enumerate(range(0, w, step)):
            fill = c.accents[
                (row + column) % 2 if kind == 0 else column % 3 if kind == 1 else (3 * row + column) % 5
            ]
            if kind <= 1:
                c.box(x, y, step, step, fill)
            elif kind == 2:
                c.draw.ellipse((x, y, x + 0.8 * step, y + 0.8 * step), fill)
    if kind == 3:
        for _ in range(int(c.rng.integers(8, 60))):
            left, top, r = c.uniform(0, w), c.uniform(0, h), c.uniform(0.02, 0.2) * h
            draw = c.draw.ellipse if c.rng.random() < 0.5 else c.draw.rectangle
            draw((left - r, top - r, left + r, top + r), c.bright())


def plain(c: Canvas) -> None:
    """One colour, or one that goes over into another."""
    one, other = (c.bright(), c.bright()) if c.rng.random() < 0.5 else (c.paper, c.paper)
    if c.rng.random() < 0.4:
        other = one
    if c.rng.random() < 0.25:
        one = other = (255, 255, 255) if c.rng.random() < 0.3 else (0, 0, 0)
    share = np.linspace(0, 1, c.width if c.rng.random() < 0.5 else c.height)
    ramp = np.array(one) + share[:, None] * (np.array(other, float) - np.array(one))
    rows = ramp[None] if len(share) == c.width else ramp[:, None]
    shown = np.broadcast_to(rows, (c.height, c.width, 3))
    shown = shown + c.rng.normal(0, c.uniform(0, 4), (c.height, c.width, 1))
    c.image.paste(Image.fromarray(np.clip(shown, 0, 255).astype(np.uint8)))


def noise(c: Canvas) -> None:
    """Static, fine or coarse, grey or coloured."""
    coarse = int(c.rng.integers(1, 12))
    shape = (c.height // coarse + 1, c.width // coarse + 1, 3 if c.rng.random() < 0.5 else 1)
    shown = np.broadcast_to(c.rng.integers(0, 256, shape), (*shape[:2], 3)).astype(np.uint8)
    c.image.paste(Image.fromarray(shown).resize((c.width, c.height), Image.Resampling.NEAREST))
