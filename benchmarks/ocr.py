"""How well text on the screen is read and found, and what that costs.

    python benchmarks/ocr.py                     # all parts
    python benchmarks/ocr.py read --package      # with the rapidocr package's own code beside it

`read`: lower thirds, slides and subtitles, drawn over dead leaves in DejaVu and Liberation fonts and encoded
by x264 at CRF 23. The phrases are none of those that anything was chosen on.
`languages`: subtitles of the lines in `screen_lines.json`, each twice, at 720 lines, by language and by font.
Fonts that are not installed are left out: the figures in the docs have all eleven (Debian's fonts-lato,
fonts-open-sans, fonts-roboto-unhinted, fonts-crosextra-carlito and -caladea).
`cost`: CPU seconds for a picture without text: made-up scenes of dead leaves.
`find`: words of the phrases, asked for as they are, in lines of which one letter in ten is wrong.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sqlite3
import string
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vidsearch.bench import write_clip
from vidsearch.evaluation.reading import letter_errors
from vidsearch.models.ocr import PPOcr
from vidsearch.outputs import CATALOG_FILE
from vidsearch.store.store import Store
from vidsearch.tracks import SegmentRecord, TrackSpec, WordKind
from vidsearch.types import VideoInfo

if TYPE_CHECKING:
    from vidsearch.types import UInt8Image

FONTS = Path("/usr/share/fonts/truetype")
PLAIN = ("dejavu/DejaVuSans.ttf", "liberation/LiberationSans-Regular.ttf", "dejavu/DejaVuSansCondensed.ttf")
BOLD = ("dejavu/DejaVuSans-Bold.ttf", "liberation/LiberationSans-Bold.ttf")
SERIF = ("dejavu/DejaVuSerif.ttf", "liberation/LiberationSerif-Regular.ttf")

MORE_FONTS = (
    "dejavu/DejaVuSans.ttf",
    "dejavu/DejaVuSerif.ttf",
    "liberation/LiberationSans-Regular.ttf",
    "liberation/LiberationSerif-Italic.ttf",
    "liberation/LiberationSansNarrow-Bold.ttf",
    "lato/Lato-Regular.ttf",
    "open-sans/OpenSans-Semibold.ttf",
    "roboto/unhinted/RobotoTTF/Roboto-Medium.ttf",
    "roboto/unhinted/RobotoCondensed-Regular.ttf",
    "crosextra/Carlito-Regular.ttf",
    "crosextra/Caladea-Regular.ttf",
)

SUBTITLES = (
    "The train leaves at seven, not at eight.",
    "Did anyone call the hospital?",
    "We walked for hours along the river.",
    "She told me everything yesterday.",
    "There are 365 days in most years.",
    "Please, don't touch that button!",
    "Qu'est-ce que vous voulez manger ?",
    "Le château se trouve près de la forêt.",
    "Können Sie mir bitte helfen?",
    "Die Straße ist wegen Schnee gesperrt.",
    "El niño perdió su pequeña mochila.",
    "¿Cuándo volverás a casa?",
    "Perché non mi hai chiamato?",
    "A estação fica ao lado da praça.",
    "Hon bor på en ö långt härifrån.",
    "Blåbær og jordbær på tallerkenen.",
)
LOWER_THIRDS = (
    ("Helen Park", "Marine biologist"),
    ("François Lefèvre", "Mayor of Orléans"),
    ("Prof. Günther Weiß", "Technical University of Graz"),
    ("Sofía Peña", "Meteorologist, Málaga"),
    ("LIVE FROM OSLO", "Elections 2025: first results"),
    ("Zoë Ångström", "Curator"),
)
SLIDES = (
    (
        "Why bees matter",
        ("One third of our crops need them", "Colonies fell by 40% in 2019", "What can be done?"),
    ),
    ("Project timeline", ("Kick-off: 3 February", "Prototype in week 14", "Delivery before 30 September")),
    ("Überblick", ("Gründe für die Verzögerung", "Maßnahmen und Kosten", "Nächste Schritte")),
    ("Los océanos", ("El 71 % de la superficie", "Corrientes cálidas y frías", "Año de referencia: 1998")),
    ("Sorting algorithms", ("Merge sort: O(n log n)", "Quick sort is fast on average", "Stable or not?")),
)
SEED = 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "parts", nargs="*", choices=("read", "languages", "cost", "find"), default=("read", "cost", "find")
    )
    parser.add_argument("--fonts", type=Path, nargs="*", default=[], help="more folders that fonts are in")
    parser.add_argument("--package", action="store_true", help="read with the rapidocr package, too")
    arguments = parser.parse_args()
    if "read" in arguments.parts:
        read(with_package=arguments.package)
    if "languages" in arguments.parts:
        languages([FONTS, *arguments.fonts])
    if "cost" in arguments.parts:
        cost()
    if "find" in arguments.parts:
        find()


def read(*, with_package: bool) -> None:
    """Print the character error rate by kind and height of the picture."""
    readers: dict[str, Callable[[UInt8Image], str]] = {"vidsearch": _reader()}
    if with_package:
        readers["package"] = _package()
    for height in (480, 720, 1080):
        drawn = list(cards(height))
        shown = through_codec([image for _, image, _ in drawn])
        for name, reader in readers.items():
            started = time.process_time()
            texts = [reader(image) for image in shown]
            seconds = (time.process_time() - started) / len(shown)
            for kind in dict.fromkeys(kind for kind, _, _ in drawn):
                pairs = [
                    ("\n".join(lines), text)
                    for (of_kind, _, lines), text in zip(drawn, texts, strict=True)
                    if of_kind == kind
                ]
                wrong = [(want, got) for want, got in pairs if want != got]
                errors, letters = (
                    sum(counts) for counts in zip(*(letter_errors(*pair) for pair in pairs), strict=True)
                )
                print(
                    f"{height} lines, {name}, {kind}: {errors} of {letters} letters wrong, "
                    f"{len(wrong)} of {len(pairs)} pictures not whole"
                )
                for want, got in wrong:
                    print(f"    {want!r} was read as {got!r}")
            print(f"{height} lines, {name}: {seconds:.3f} CPU s a picture")


def languages(folders: Sequence[Path]) -> None:
    """Print the character error rate by language and by font."""
    places = [folder / name for name in MORE_FONTS for folder in folders]
    fonts = [place for place in places if place.is_file()]
    lines = json.loads(Path(__file__).with_name("screen_lines.json").read_text(encoding="utf-8"))
    chance = np.random.default_rng(SEED)
    drawn = [
        (language, line, fonts[number % len(fonts)], number % 3)
        for number, (language, line) in enumerate(
            (language, line) for language, own in lines.items() for line in own for _ in range(2)
        )
    ]
    images = [
        _subtitle(chance, line, 1280, 720, style=style, fonts=(str(font),)) for _, line, font, style in drawn
    ]
    reader = _reader()
    errors: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    not_whole: Counter[str] = Counter()
    for (language, line, font, style), image in zip(drawn, through_codec(images), strict=True):
        text = reader(image)
        num_errors, num_letters = letter_errors(line, text)
        for name in (language, font.stem, f"style {style}", "all"):
            errors[name] += num_errors
            letters[name] += num_letters
            not_whole[name] += num_errors > 0
        if num_errors:
            print(f"    {language}, {font.stem}: {line!r} was read as {text!r}")
    for name, count in letters.items():
        rate = errors[name] / count
        print(f"{name}: {errors[name]} of {count} letters ({rate:.2%}), {not_whole[name]} lines not whole")


def cost() -> None:
    """Print what a picture without text costs."""
    reader = PPOcr(num_threads=1)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_clip(clip, seconds=30)
        with av.open(str(clip)) as video:
            images = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)][::25]
    for height in (720, 1080):
        shown = [np.asarray(Image.fromarray(image).resize((height * 16 // 9, height))) for image in images]
        reader.read(shown[0])
        started = time.process_time()
        num_lines = sum(len(reader.read(image).lines) for image in shown)
        seconds = (time.process_time() - started) / len(shown)
        print(
            f"{height} lines without text: {seconds:.3f} CPU s a picture, {num_lines} lines in {len(shown)}"
        )


def find() -> None:
    """Print how often a word finds its line where one letter in ten is wrong, and what the index takes."""
    chance = random.Random(SEED)
    lines = [line for _, _, lines in cards(240) for line in lines]
    others = [" ".join(_made_up_word(chance) for _ in range(6)) for _ in range(5000)]
    wrong = [_misread(line, chance) for line in lines]
    asked = [
        (number, word)
        for number, line in enumerate(lines)
        for word in line.split()
        if word.isalpha() and len(word) >= 4
    ]
    with tempfile.TemporaryDirectory() as folder, Store.open(folder, create=True) as store:
        track = _put_lines(store, Path(folder), [*wrong, *others])
        num_lines = len(store.segments(track))
        counts = {"exactly": 0, "among the first ten": 0, "first": 0}
        started = time.process_time()
        for number, word in asked:
            found = [match.text for match in store.match(word, 10, kinds=(WordKind("ocr"),))]
            counts["among the first ten"] += wrong[number] in found
            counts["first"] += found[:1] == [wrong[number]]
            counts["exactly"] += word.lower() in wrong[number].lower()
        milliseconds = (time.process_time() - started) / len(asked) * 1000
        print(f"{len(asked)} words in {num_lines:,} lines, a letter in ten wrong; {milliseconds:.1f} ms each")
        for what, count in counts.items():
            print(f"    {what}: {count / len(asked):.0%}")
        with closing(sqlite3.connect(Path(folder) / CATALOG_FILE)) as catalog:
            query = "SELECT sum(pgsize) FROM dbstat WHERE name LIKE ?"
            num_bytes = {
                table: catalog.execute(query, (f"{table}%",)).fetchone()[0]
                for table in ("segments_fts", "segments_trigrams")
            }
        text_bytes = sum(len(line.encode()) for line in (*wrong, *others))
        print(f"    bytes of text {text_bytes:,}; of the indexes {num_bytes}")


def cards(height: int) -> Iterator[tuple[str, UInt8Image, tuple[str, ...]]]:
    """Pictures with text: what they are, the picture, and its lines."""
    chance = np.random.default_rng(SEED)
    width = height * 8 // 9 * 2
    for number, line in enumerate(SUBTITLES):
        yield "subtitle", _subtitle(chance, line, width, height, style=number % 3), (line,)
    for name, what in LOWER_THIRDS:
        yield "lower third", _lower_third(chance, name, what, width, height), (name, what)
    for title, items in SLIDES:
        yield "slide", _slide(chance, title, items, width, height), (title, *items)


def through_codec(images: Sequence[UInt8Image]) -> list[UInt8Image]:
    """Pictures as a video shows them: H.264 at CRF 23, 4:2:0."""
    coded = io.BytesIO()
    with av.open(coded, "w", format="mp4") as output:
        video = output.add_stream("libx264", rate=1, options={"crf": "23"})
        video.height, video.width = images[0].shape[:2]
        video.pix_fmt = "yuv420p"
        for image in images:
            output.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(video.encode(None))
    coded.seek(0)
    with av.open(coded, "r") as decoded:
        return [cast("UInt8Image", frame.to_ndarray(format="rgb24")) for frame in decoded.decode(video=0)]


def _reader() -> Callable[[UInt8Image], str]:
    model = PPOcr(num_threads=1)
    return lambda image: "\n".join(line.text for line in model.read(image).lines)


def _package() -> Callable[[UInt8Image], str]:
    """The rapidocr package with a detector of the same size on wide pictures."""
    from rapidocr import RapidOCR

    settings = {
        "Global.log_level": "error",
        "Det.limit_side_len": 569,
        "Det.limit_type": "max",
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    }
    model: Any = RapidOCR(params=settings)

    def read_one(image: UInt8Image) -> str:
        found = model(image[:, :, ::-1], use_cls=False, text_score=0.8)
        if found.boxes is None:
            return ""
        by_height = sorted(zip(found.boxes, found.txts, strict=True), key=lambda each: each[0][:, 1].mean())
        return "\n".join(text for _, text in by_height)

    return read_one


def _background(chance: np.random.Generator, width: int, height: int) -> Image.Image:
    """Discs of all sizes over each other, and grain."""
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for _ in range(400):
        radius = min(height * 0.4, height / 72 * (1 - chance.random()) ** -0.7)
        x, y = chance.integers(width), chance.integers(height)
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=tuple(chance.integers(0, 256, 3).tolist())
        )
    grain = np.asarray(image) + chance.normal(0, 4, (height, width, 3))
    return Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8))


def _font(chance: np.random.Generator, names: Sequence[str], size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / names[int(chance.integers(len(names)))], round(size))


def _subtitle(
    chance: np.random.Generator,
    text: str,
    width: int,
    height: int,
    *,
    style: int,
    fonts: Sequence[str] = PLAIN,
) -> UInt8Image:
    """White on a black bar, white with an outline, or yellow with one."""
    image = _background(chance, width, height)
    draw = ImageDraw.Draw(image)
    font = _font(chance, fonts, height * chance.uniform(0.04, 0.055))
    stroke = round(height / 360) if style else 0
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font, stroke_width=stroke)
    x, y = (width - (right - left)) // 2, round(height * 0.9) - bottom
    if style == 0:
        draw.rectangle((x + left - 10, y + top - 8, x + right + 10, y + bottom + 8), fill="black")
    colour = "yellow" if style == 2 else "white"
    draw.text((x, y), text, font=font, fill=colour, stroke_width=stroke, stroke_fill="black")
    return np.asarray(image)


def _lower_third(chance: np.random.Generator, name: str, what: str, width: int, height: int) -> UInt8Image:
    image = _background(chance, width, height)
    draw = ImageDraw.Draw(image)
    is_dark = chance.integers(2)
    x, y = round(width * 0.06), round(height * 0.74)
    draw.rectangle(
        (x, y, x + width * 0.45, y + height * 0.15), fill=(20, 40, 90) if is_dark else (240, 240, 240)
    )
    colour = "white" if is_dark else (20, 20, 20)
    inner = x + height * 0.025
    draw.text((inner, y + height * 0.014), name, font=_font(chance, BOLD, height * 0.052), fill=colour)
    draw.text((inner, y + height * 0.086), what, font=_font(chance, PLAIN, height * 0.036), fill=colour)
    return np.asarray(image)


def _slide(
    chance: np.random.Generator, title: str, items: Sequence[str], width: int, height: int
) -> UInt8Image:
    is_dark = chance.integers(2)
    image = Image.new("RGB", (width, height), (25, 28, 40) if is_dark else (250, 250, 248))
    draw = ImageDraw.Draw(image)
    colour = (235, 235, 235) if is_dark else (30, 30, 30)
    names = (PLAIN, SERIF)[int(chance.integers(2))]
    draw.text((width / 16, height / 12), title, font=_font(chance, BOLD, height * 0.075), fill=colour)
    for number, item in enumerate(items):
        place = (width / 12, height * (0.28 + 0.125 * number))
        draw.text(place, item, font=_font(chance, names, height * 0.047), fill=colour)
    return np.asarray(image)


def _misread(line: str, chance: random.Random) -> str:
    """A line with one letter in ten replaced by another one."""
    return "".join(
        chance.choice(string.ascii_lowercase) if letter.isalpha() and chance.random() < 0.1 else letter
        for letter in line
    )


def _made_up_word(chance: random.Random) -> str:
    syllables = chance.randint(2, 4)
    return "".join(chance.choice("bcdfghklmnprstvw") + chance.choice("aeiou") for _ in range(syllables))


def _put_lines(store: Store, folder: Path, lines: Sequence[str]) -> int:
    """A video with lines on its screen, a second each. Returns the id of their track."""
    path = folder / "lines.mp4"
    path.write_bytes(b"lines")
    info = VideoInfo(5, "mp4", "h264", 1280, 720, 0, 25.0, float(len(lines)), 0, None)
    from vidsearch.store.fingerprint import fingerprint

    opened = store.begin_video(path, fingerprint(path), info, [TrackSpec("frames", "sampling")], [])
    records = [SegmentRecord(float(second), second + 1.0, line) for second, line in enumerate(lines)]
    return store.put_track(opened.video.id, TrackSpec("ocr", "pp-ocrv6-small"), records).id


if __name__ == "__main__":
    main()
