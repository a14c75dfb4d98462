"""Views of a photograph as a video would show it: cropped, stretched, letterboxed, dark, blurred,
blocky, grey."""

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
SIZE = 224


def _crop(image: Image, rng: np.random.Generator) -> Image:
    """A random part, at least 55 % of the area, of any shape up to 16:9 either way, squeezed back
    to a square."""
    height, width = image.shape[:2]
    area, aspect = rng.uniform(0.55, 1.0), np.exp(rng.uniform(-0.45, 0.45))
    crop_w, crop_h = (
        min(width, int(width * np.sqrt(area * aspect))),
        min(height, int(height * np.sqrt(area / aspect))),
    )
    left, top = rng.integers(0, width - crop_w + 1), rng.integers(0, height - crop_h + 1)
    part = image[top : top + crop_h, left : left + crop_w]
    return np.asarray(cv2.resize(part, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)


def letterboxed(image: Image, rng: np.random.Generator) -> tuple[Image, slice, slice]:
    """Black bars, above and below or at the sides, over up to 38 % of the picture.

    Returns the picture, and which of its rows and columns are not bars.
    """
    inner = int(SIZE * rng.uniform(0.62, 0.92))
    offset = (SIZE - inner) // 2
    canvas = np.full((SIZE, SIZE, 3), rng.integers(0, 18), np.uint8)
    middle, whole = slice(offset, offset + inner), slice(0, SIZE)
    rows, columns = (middle, whole) if rng.random() < 0.6 else (whole, middle)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    canvas[rows, columns] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return canvas, rows, columns


def _light(image: Image, rng: np.random.Generator) -> Image:
    """Gain, offset, gamma and saturation: from night to washed out."""
    x = image.astype(np.float32) / 255
    x = x ** np.exp(rng.uniform(-0.35, 0.7)) * rng.uniform(0.55, 1.15) + rng.uniform(-0.05, 0.05)
    grey = x.mean(axis=2, keepdims=True)
    saturation = 0.0 if rng.random() < 0.12 else rng.uniform(0.5, 1.3)
    x = grey + (x - grey) * saturation
    x = x * (1 + rng.uniform(-0.08, 0.08, size=(1, 1, 3)).astype(np.float32))
    return np.asarray(np.clip(x, 0, 1) * 255, np.uint8)


def _degrade(image: Image, rng: np.random.Generator) -> Image:
    """Blur (focus or motion), low resolution, or the blocks of a low bit rate."""
    kind = rng.integers(0, 4)
    if kind == 0:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 2.2)).astype(np.uint8, copy=False)
    elif kind == 1:
        length = int(rng.integers(3, 12))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        image = cv2.filter2D(image, -1, kernel).astype(np.uint8, copy=False)
    elif kind == 2:
        small = int(rng.integers(72, 160))
        image = cv2.resize(cv2.resize(image, (small, small)), (SIZE, SIZE)).astype(np.uint8, copy=False)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 60))])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def spoiled(image: Image, rng: np.random.Generator) -> Image:
    """Half of the pictures in another light, a third degraded; nothing moves."""
    if rng.random() < 0.5:
        image = _light(image, rng)
    if rng.random() < 0.35:
        image = _degrade(np.ascontiguousarray(image), rng)
    return image


def augmented(image: Image, rng: np.random.Generator) -> Image:
    """One random view: uint8 (224, 224, 3) in, same out. About a third of the views keep their
    pixels but are cropped."""
    view = _crop(image, rng) if rng.random() < 0.85 else image
    if rng.random() < 0.5:
        view = view[:, ::-1]
    view = spoiled(view, rng)
    if rng.random() < 0.2:
        view, _, _ = letterboxed(view, rng)
    return np.ascontiguousarray(view)
