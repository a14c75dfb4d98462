"""Slides, code, pages, tables, titles and windows, drawn at random."""

from training.mini.canvas import Canvas, mixed
from training.mini.charts import plain, plot


def slide(c: Canvas) -> None:
    """A title, points below it, often a drawing beside them."""
    w, h = c.width, c.height
    if c.rng.random() < 0.4:
        c.box(0, 0, w, 0.17 * h, c.accents[0])
    size, left = c.uniform(0.06, 0.1) * h, 0.07 * w
    c.write(left, 0.06 * h, c.words(2, 5), size, c.ink)
    beside = c.rng.random() < 0.4
    y = 0.27 * h
    for _ in range(int(c.rng.integers(2, 7))):
        small = 0.55 * size
        c.draw.ellipse((left, y + 0.3 * small, left + 0.35 * small, y + 0.65 * small), c.accents[1])
        c.write(left + small, y, c.words(2, 5 if beside else 9), small, c.ink)
        y += 0.105 * h
    if beside:
        draw = plot if c.rng.random() < 0.5 else Canvas.picture
        draw(c, 0.58 * w, 0.28 * h, 0.36 * w, 0.5 * h)
    if c.rng.random() < 0.6:
        c.write(0.95 * w, 0.95 * h, str(c.rng.integers(1, 60)), 0.03 * h, c.ink, "rb")


def _code_lines(c: Canvas, left: float, top: float, size: float, bottom: float) -> None:
    for at, line in enumerate(c.code(), start=int(c.rng.integers(1, 900))):
        if top > bottom:
            return
        c.write(left - 0.8 * size, top, str(at), size, c.accents[4], "rt")
        x = left + 0.55 * size * (len(line) - len(line.lstrip()))
        comment = line.lstrip().startswith(("#", '"'))
        for number, word in enumerate(line.split()):
            fill = (
                c.accents[0]
                if comment
                else (c.ink, c.accents[1], c.ink, c.accents[2])[(number + len(word)) % 4]
            )
            x += c.write(x, top, word + " ", size, fill)
        top += 1.4 * size


def code(c: Canvas) -> None:
    """An editor."""
    w, h = c.width, c.height
    c.is_mono = bool(c.rng.random() < 0.6)
    size = c.uniform(0.02, 0.045) * h
    side = 0.2 * w * (c.rng.random() < 0.5)
    _code_lines(c, side + 3.5 * size, 0.07 * h, size, 0.97 * h)
    if side:
        c.box(0, 0, side, h, c.colour(dark=c.is_dark))
        for row in range(int(c.rng.integers(5, 20))):
            c.write(0.02 * w, (0.08 + 0.04 * row) * h, c.words(1, 2), 0.02 * h, c.ink)
    if c.rng.random() < 0.7:
        c.box(0, 0, w, 0.05 * h, c.colour(dark=c.is_dark))
        c.write(0.02 * w, 0.015 * h, c.words(1, 3), 0.022 * h, c.ink)


def terminal(c: Canvas) -> None:
    """Lines of a shell on black."""
    c.is_mono = bool(c.rng.random() < 0.6)
    size, y = c.uniform(0.022, 0.045) * c.height, 0.03 * c.height
    for _ in range(int(c.rng.integers(6, 40))):
        prompt = c.rng.random() < 0.3
        x = 0.01 * c.width
        if prompt:
            x += c.write(x, y, "user@host:~$ ", size, c.accents[0])
        c.write(x, y, c.words(1, 14).lower(), size, c.ink)
        y += 1.3 * size


def web_page(c: Canvas) -> None:
    """A bar, headings, paragraphs, boxes; or text without any style."""
    w, h = c.width, c.height
    if c.rng.random() < 0.35:
        _plain_page(c)
        return
    c.box(0, 0, w, 0.08 * h, c.accents[0] if c.rng.random() < 0.5 else c.colour(dark=c.is_dark))
    for number in range(int(c.rng.integers(3, 7))):
        c.write((0.05 + 0.13 * number) * w, 0.03 * h, c.words(1, 1), 0.026 * h, c.ink)
    left = c.uniform(0.04, 0.25) * w
    y = 0.13 * h
    c.write(left, y, c.words(2, 6), 0.055 * h, c.ink)
    y += 0.1 * h
    while y < 0.95 * h:
        if c.rng.random() < 0.3:
            for number in range(3):
                c.picture(left + 0.23 * w * number, y, 0.2 * w, 0.16 * h)
                c.write(left + 0.23 * w * number, y + 0.18 * h, c.words(2, 3), 0.025 * h, c.ink)
            y += 0.25 * h
        else:
            y = c.paragraph(left, y, 0.65 * w, 0.025 * h, c.ink, int(c.rng.integers(2, 6))) + 0.04 * h


def _plain_page(c: Canvas) -> None:
    """Headings, paragraphs and lists of links, as a browser shows them by itself."""
    c.image.paste((255, 255, 255), (0, 0, c.width, c.height))
    ink, blue, left, size = (0, 0, 0), (0, 0, 238), 0.01 * c.width, c.uniform(0.02, 0.03) * c.height
    y = size
    while y < c.height:
        kind = c.rng.integers(3)
        if kind == 0:
            c.write(left, y, c.words(2, 6), c.uniform(1.2, 2) * size, ink)
            y += 3 * size
        elif kind == 1:
            y = c.paragraph(left, y, 0.97 * c.width, size, ink, int(c.rng.integers(1, 7))) + size
        else:
            for _ in range(int(c.rng.integers(2, 9))):
                c.write(left + 2 * size, y, c.words(1, 6), size, blue)
                y += 1.3 * size


def page(c: Canvas) -> None:
    """Printed text from edge to edge."""
    c.image.paste(c.colour(dark=False), (0, 0, c.width, c.height))
    ink = c.colour(dark=True)
    y, size = 0.05 * c.height, c.uniform(0.02, 0.045) * c.height
    columns = int(c.rng.integers(1, 3))
    for column in range(columns):
        y = 0.05 * c.height
        while y < 0.92 * c.height:
            left, width = (0.06 + 0.46 * column) * c.width, (0.88 / columns - 0.02) * c.width
            y = c.paragraph(left, y, width, size, ink, int(c.rng.integers(3, 9))) + size


def table(c: Canvas) -> None:
    """A sheet of numbers."""
    rows, columns = int(c.rng.integers(6, 26)), int(c.rng.integers(3, 11))
    top, down, across = 0.08 * c.height, 0.9 * c.height / rows, c.width / columns
    c.box(0, 0, c.width, top, c.accents[0])
    line = mixed(c.paper, c.ink, 0.25)
    for row in range(rows):
        c.draw.line((0, top + row * down, c.width, top + row * down), line)
        for column in range(columns):
            said = c.words(1, 1) if column == 0 or row == 0 else f"{c.uniform(0, 999):.1f}"
            c.write(
                (column + 0.1) * across,
                top + (row + 0.2) * down,
                said,
                min(0.5 * down, 0.03 * c.height),
                c.ink,
            )
    for column in range(columns):
        c.draw.line((column * across, top, column * across, c.height), line)


def title(c: Canvas) -> None:
    """A few words in the middle: a title, credits, a logo's name."""
    if c.rng.random() < 0.4:
        x, y, r = 0.5 * c.width, 0.36 * c.height, c.uniform(0.08, 0.18) * c.height
        draw = c.draw.ellipse if c.rng.random() < 0.5 else c.draw.rectangle
        draw((x - r, y - r, x + r, y + r), c.accents[0])
        draw((x - r / 2, y - r / 2, x + r / 2, y + r / 2), c.accents[1])
    lines = int(c.rng.integers(1, 8))
    size = c.uniform(0.04, 0.14 if lines < 3 else 0.06) * c.height
    for line in range(lines):
        c.write(
            0.5 * c.width,
            0.55 * c.height + (line - lines / 2) * 1.5 * size + 0.1 * c.height,
            c.words(1, 3),
            size,
            c.ink,
            "mm",
        )


def windows(c: Canvas) -> None:
    """A desktop: a bar, windows over each other, icons; or one window alone."""
    w, h = c.width, c.height
    if c.rng.random() < 0.35:
        _dialog(c)
        return
    plain(c)
    if c.rng.random() < 0.3:
        c.picture(0, 0, w, h)
    for _ in range(int(c.rng.integers(1, 4))):
        wide, high = c.uniform(0.3, 0.7) * w, c.uniform(0.3, 0.7) * h
        x, y = c.uniform(0, w - wide), c.uniform(0.05 * h, h - high)
        paper = c.colour(dark=c.is_dark)
        c.draw.rectangle((x, y, x + wide, y + high), paper, mixed(paper, c.ink, 0.4), 2)
        c.box(x, y, wide, 0.045 * h, c.colour(dark=c.is_dark) if c.rng.random() < 0.5 else c.accents[0])
        c.write(x + 0.5 * wide, y + 0.022 * h, c.words(1, 3), 0.024 * h, c.ink, "mm")
        kind, top = c.rng.integers(3), y + 0.08 * h
        if kind == 0:
            c.paragraph(
                x + 0.02 * w, top, wide - 0.04 * w, 0.024 * h, c.ink, int((high - 0.12 * h) / (0.036 * h))
            )
        elif kind == 1:
            for row in range(int((high - 0.12 * h) / (0.05 * h))):
                c.box(x + 0.02 * w, top + 0.05 * row * h, 0.03 * h, 0.03 * h, c.accents[row % 5])
                c.write(x + 0.05 * w, top + 0.05 * row * h, c.words(1, 4), 0.024 * h, c.ink)
        else:
            across, down = int(wide / (0.1 * w)), int((high - 0.1 * h) / (0.15 * h))
            for number in range(across * down):
                left, over = x + (0.03 + 0.1 * (number % across)) * w, top + 0.15 * (number // across) * h
                c.picture(left, over, 0.05 * w, 0.08 * h)
                c.write(left + 0.025 * w, over + 0.1 * h, c.words(1, 1), 0.02 * h, c.ink, "mt")
    c.box(0, 0 if c.rng.random() < 0.5 else 0.96 * h, w, 0.04 * h, c.colour(dark=True))
    c.write(0.5 * w, 0.02 * h, "12:34", 0.024 * h, (230, 230, 230), "mm")


def _dialog(c: Canvas) -> None:
    """A window that fills the picture: a heading, labels beside fields and switches, buttons."""
    w, h = c.width, c.height
    c.box(0, 0, w, 0.09 * h, c.colour(dark=c.is_dark))
    c.write(0.5 * w, 0.045 * h, c.words(1, 3), 0.04 * h, c.ink, "mm")
    rows = int(c.rng.integers(3, 10))
    for row in range(rows):
        y, high = (0.13 + 0.72 * row / rows) * h, 0.5 * h / rows
        c.write(0.06 * w, y, c.words(1, 4), min(0.05 * h, 0.5 * high), c.ink)
        kind = c.rng.integers(4)
        if kind == 0:
            c.draw.rounded_rectangle((0.84 * w, y, 0.92 * w, y + 0.04 * h), 0.02 * h, c.accents[row % 2])
        elif kind == 1:
            c.draw.rectangle((0.5 * w, y, 0.92 * w, y + 0.06 * h), None, mixed(c.paper, c.ink, 0.4), 2)
            c.write(0.52 * w, y + 0.03 * h, c.words(1, 2), 0.03 * h, c.ink, "lm")
        elif kind == 2:
            c.picture(0.8 * w, y, 0.12 * w, high)
        c.draw.line((0.04 * w, y + 1.2 * high, 0.96 * w, y + 1.2 * high), mixed(c.paper, c.ink, 0.15))
    for number in range(int(c.rng.integers(0, 4))):
        left = (0.76 - 0.2 * number) * w
        c.draw.rounded_rectangle((left, 0.9 * h, left + 0.18 * w, 0.97 * h), 0.015 * h, c.accents[number])
        c.write(left + 0.09 * w, 0.935 * h, c.words(1, 1), 0.035 * h, c.paper, "mm")
