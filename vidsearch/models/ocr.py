"""Reads the text in a picture: PP-OCRv6, a detector of lines and a recognizer of each, on ONNX Runtime.

The two networks are files of the `rapidocr` wheel, of which nothing is imported. The detector gives each
pixel the probability that it is text; its regions are shrunken lines, grown back by their area over their
perimeter (Liao et al., "Real-time scene text detection with differentiable binarization", AAAI 2020,
arXiv:1911.08947). The recognizer gives each column of a line a character or none, and neighbours that agree
are one (CTC: Graves et al., ICML 2006). That this reads as exactly as the package does, in less memory, is
measured by `benchmarks/ocr.py`.
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidsearch.errors import ModelUnavailable

if TYPE_CHECKING:
    import onnxruntime

    from vidsearch.types import Float32, UInt8Image

MODEL = "pp-ocrv6-small"
SCRIPTS = "Latin, Chinese and Japanese"
"""What it was trained to read. Letters of other scripts come out as nothing, or as letters like them."""
MIN_SCORE = 0.8
"""Below this mean probability of its characters, a line is mostly misread, or no text at all."""
PICTURE_PIXELS = 1080
"""The shorter side of pictures that lose nothing: letters smaller than a pixel of the detector's in such a
picture are not found in a larger one either."""

_FILES = {
    "PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
}
"""The detector and the recognizer, by SHA-256."""

_DETECTOR_PIXELS = 320
"""The shorter side of what the detector sees."""
_DETECTOR_STRIDE = 32
_MAX_DETECTOR_PIXELS = 2048
_TEXT_PIXEL = 0.3
"""Probability from which a pixel belongs to a line, ..."""
_TEXT_REGION = 0.5
"""... and mean probability from which its pixels are one."""
_GROWTH = 1.6
_ROOM = 0.2
"""Share of a line's height that is added at both of its ends, where a thin letter (I, 1) goes unnoticed."""
_MIN_LINE_PIXELS = 3.0
"""Of the detector's pixels: lower regions are no lines."""
_LINE_HEIGHT = 48
_LINE_WIDTH = 320
"""Narrower lines are padded to this: the recognizer was trained on no narrower ones."""
_MAX_LINE_WIDTH = 3200
_JOINED_GAP = 0.7
"""Parts of a row that are closer than this share of its height are one line."""
_TALL_GLYPH = 0.2
"""Share of the picture's height from which an ideograph on its own is a thing that looks like one."""
_CLEAR_REGION = 0.7
"""Mean probability from which a region that nothing is read in is text all the same, ..."""
_LONG_LINE = 3.0
"""... where it is so many times as wide as high: blurred backgrounds are regions as large as the picture."""

_NARROW = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
"""Full-width characters to those of ASCII."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line that was read."""

    text: str
    score: float
    """Mean probability of its characters."""
    box: tuple[float, float, float, float]
    """Left, top, right and bottom, as shares of the picture's width and height."""


@dataclass(frozen=True, slots=True)
class ReadText:
    """What a picture says."""

    lines: tuple[TextLine, ...] = ()
    """From top to bottom."""
    num_unread: int = 0
    """Lines that are there, in a script that the model does not read."""
    num_unclear: int = 0
    """Lines that are there, and come out as letters that the model is not sure of."""


class PPOcr:
    """Reads text in pictures. Threads may share one."""

    model = MODEL
    scripts = SCRIPTS
    short_side_pixels = PICTURE_PIXELS

    def __init__(self, *, num_threads: int | None = None) -> None:
        """Load the networks. Raises ModelUnavailable."""
        detector, recognizer = (_checked(name, digest) for name, digest in _FILES.items())
        self._detector = _session(detector, num_threads)
        self._recognizer = _session(recognizer, num_threads)
        known = self._recognizer.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._characters = ("", *known, " ")

    def read(self, image: UInt8Image) -> ReadText:
        """Read a picture, uint8 (height, width, 3) RGB."""
        lines, num_unread, num_unclear = [], 0, 0
        for quad, probability in self._regions(image):
            ways = _upright(_cut_out(image, quad))
            text, score = max(map(self._recognize, ways), key=lambda read: read[1])
            height, width = ways[0].shape[:2]
            is_line = probability >= _CLEAR_REGION and width >= _LONG_LINE * height
            if not is_legible(text):
                num_unread += is_line
            elif score < MIN_SCORE:
                num_unclear += is_line
            else:
                lines.append(TextLine(text, score, _box(quad, image)))
        joined = _joined(lines, image.shape[1] / image.shape[0])
        return ReadText(tuple(line for line in joined if not is_thing(line)), num_unread, num_unclear)

    def _regions(self, image: UInt8Image) -> Iterator[tuple[Float32, float]]:
        """The corners of each line, (4, 2) in pixels from the top left one clockwise, and its probability."""
        size = _detector_size(image.shape[1], image.shape[0])
        probabilities = self._detector.run(None, {"x": _as_input(image, size)[None]})[0][0, 0]
        mask = cv2.dilate((probabilities > _TEXT_PIXEL).astype(np.uint8), np.ones((2, 2), np.uint8))
        contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        scale = np.array([image.shape[1] / size[0], image.shape[0] / size[1]], np.float32)
        for contour in contours:
            middle, (width, height), angle = cv2.minAreaRect(contour)
            if min(width, height) < _MIN_LINE_PIXELS:
                continue
            inner = cv2.boxPoints((middle, (width, height), angle))
            probability = _mean_within(probabilities, inner)
            if probability < _TEXT_REGION:
                continue
            growth = _GROWTH * width * height / (width + height)
            width, height = width + growth, height + growth
            room = 2 * _ROOM * min(width, height)
            width, height = (width + room, height) if width > height else (width, height + room)
            grown = cv2.boxPoints((middle, (width, height), angle))
            yield _clockwise(grown * scale), probability

    def _recognize(self, line: UInt8Image) -> tuple[str, float]:
        """The text of a line, and the mean probability of its characters."""
        width = min(_MAX_LINE_WIDTH, max(1, math.ceil(_LINE_HEIGHT * line.shape[1] / line.shape[0])))
        padded = np.zeros((1, 3, _LINE_HEIGHT, max(_LINE_WIDTH, width)), np.float32)
        padded[0, :, :, :width] = _as_input(line, (width, _LINE_HEIGHT))
        columns = self._recognizer.run(None, {"x": padded})[0][0]
        best = columns.argmax(axis=1)
        is_new = best != 0
        is_new[1:] &= best[1:] != best[:-1]
        if not is_new.any():
            return "", 0.0
        text = "".join(self._characters[number] for number in best[is_new])
        return _narrow(" ".join(text.split())), float(columns.max(axis=1)[is_new].mean())


def is_legible(text: str) -> bool:
    """Whether what was read is text of a script that the model reads: some letter or digit, and no word of
    Greek.

    Of Cyrillic only commas are left. Greek letters stand for quantities (Δt, 5 μs) in text that is read
    well; words of them come out as letters that look like theirs.
    """
    if not any(character.isalnum() for character in text):
        return False
    return not any(len(word) > 2 and any(map(_is_greek, word)) for word in text.split())


def is_thing(line: TextLine) -> bool:
    """Whether a line is more likely a thing in the picture: one ideograph, and as tall as things are.

    Window frames and bottles are read as 日 and 电, and the recognizer is sure of it.
    """
    _, top, _, bottom = line.box
    return len(line.text) == 1 and _is_wide(line.text) and bottom - top >= _TALL_GLYPH


def _narrow(text: str) -> str:
    """Latin text with its punctuation as it is typed: the recognizer takes some for its Chinese likeness."""
    return text if any(map(_is_wide, text)) else text.translate(_NARROW)


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) == "W"


def _is_greek(character: str) -> bool:
    return unicodedata.name(character, "").startswith(("GREEK", "COPTIC"))


def _checked(name: str, digest: str) -> Path:
    spec = find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise ModelUnavailable("Reading text on the screen needs rapidocr: pip install 'vidsearch[text]'.")
    path = Path(spec.submodule_search_locations[0]) / "models" / name
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        found = str(error.strerror)
    if found != digest:
        raise ModelUnavailable(
            f"{path} is not the file that this version of vidsearch reads text with ({found[:12]}, not "
            f"{digest[:12]}): pip install --force-reinstall 'vidsearch[text]'."
        )
    return path


def _session(path: Path, num_threads: int | None) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False  # lines are of all widths: the arena would keep room for each
    # Threads that wait spin by default, and take the cores from those that decode video.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if num_threads is not None:
        options.intra_op_num_threads = num_threads
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base class but Exception
        raise ModelUnavailable(f"ONNX Runtime cannot open {path} ({error}).") from error


def _detector_size(width: int, height: int) -> tuple[int, int]:
    """The (width, height) that the detector sees a picture at."""
    scale = min(1.0, _DETECTOR_PIXELS / min(width, height), _MAX_DETECTOR_PIXELS / max(width, height))
    sides = (max(1, round(side * scale / _DETECTOR_STRIDE)) * _DETECTOR_STRIDE for side in (width, height))
    return next(sides), next(sides)


def _as_input(image: UInt8Image, size: tuple[int, int]) -> Float32:
    """A picture as both networks take it: (3, height, width), BGR in [-1, 1]."""
    is_smaller = size[0] * size[1] < image.shape[0] * image.shape[1]
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR)
    scaled: Float32 = resized[:, :, ::-1].astype(np.float32) / 127.5 - 1
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))


def _mean_within(values: Float32, corners: Float32) -> float:
    """The mean of the values inside a turned box."""
    height, width = values.shape
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width - 1, height - 1))
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, (width - 1, height - 1)) + 1
    mask = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(mask, [(corners - (left, top)).astype(np.int32)], 1)
    return float(cv2.mean(values[top:bottom, left:right], mask)[0])


def _clockwise(corners: Float32) -> Float32:
    """Corners from the top left one clockwise."""
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    top_left, bottom_left = by_x[:2][np.argsort(by_x[:2, 1], kind="stable")]
    top_right, bottom_right = by_x[2:][np.argsort(by_x[2:, 1], kind="stable")]
    return np.array([top_left, top_right, bottom_right, bottom_left], np.float32)


def _cut_out(image: UInt8Image, quad: Float32) -> UInt8Image:
    """The picture within four corners, made straight."""
    width = max(1, round(float(max(_distance(quad[0], quad[1]), _distance(quad[3], quad[2])))))
    height = max(1, round(float(max(_distance(quad[0], quad[3]), _distance(quad[1], quad[2])))))
    straight = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    straightened: UInt8Image = cv2.warpPerspective(
        image,
        cv2.getPerspectiveTransform(quad, straight),
        (width, height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return straightened


def _upright(line: UInt8Image) -> list[UInt8Image]:
    """The ways in which a line may be upright: two for one that stands on end."""
    if line.shape[0] < 1.5 * line.shape[1]:
        return [line]
    return [np.ascontiguousarray(np.rot90(line, turns)) for turns in (1, 3)]


def _distance(one: Float32, other: Float32) -> float:
    return float(np.linalg.norm(one - other))


def _box(quad: Float32, image: UInt8Image) -> tuple[float, float, float, float]:
    size = np.array([image.shape[1], image.shape[0]], np.float32)
    (left, top), (right, bottom) = (
        np.clip(each / size, 0, 1) for each in (quad.min(axis=0), quad.max(axis=0))
    )
    return float(left), float(top), float(right), float(bottom)


def _joined(lines: Sequence[TextLine], aspect: float) -> list[TextLine]:
    """Lines from top to bottom, those that the detector took apart put together again."""
    joined: list[TextLine] = []
    for line in sorted(lines, key=lambda line: line.box[0]):
        before = next((place for place, known in enumerate(joined) if _goes_on(known, line, aspect)), None)
        if before is None:
            joined.append(line)
            continue
        known = joined[before]
        (left, top, right, bottom), (_, above, end, below) = known.box, line.box
        joined[before] = replace(
            known,
            text=f"{known.text} {line.text}",
            score=min(known.score, line.score),
            box=(left, min(top, above), max(right, end), max(bottom, below)),
        )
    return sorted(joined, key=lambda line: ((line.box[1] + line.box[3]) / 2, line.box[0]))


def _goes_on(known: TextLine, line: TextLine, aspect: float) -> bool:
    """Whether a line follows another one in the same row, no more than a space away."""
    (_, top, right, bottom), (left, above, _, below) = known.box, line.box
    height, other = bottom - top, below - above
    shared = min(bottom, below) - max(top, above)
    is_in_row = shared > 0.6 * max(height, other)
    return is_in_row and -height < (left - right) * aspect < _JOINED_GAP * min(height, other)
