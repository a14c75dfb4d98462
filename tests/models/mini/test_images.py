"""What is seen of a picture before the tower looks at it: its black bars, and whether it has colours."""

import numpy as np
import pytest

from vidsearch.models.mini.images import is_grey, without_bars


def framed(*, above=0, below=0, left=0, right=0, step=1):
    """A grey picture, 200 by 300, with black bars, nearly black as decoders leave them."""
    picture = np.full((200 * step, 300 * step, 3), 90, np.uint8)
    bars = ((above * step, below * step), (left * step, right * step), (0, 0))
    return np.pad(picture, bars, constant_values=16)


@pytest.mark.parametrize(
    "bars",
    [
        {"above": 40, "below": 40},
        {"left": 150, "right": 148},
        {"above": 30, "below": 30, "left": 12, "right": 12},
    ],
)
@pytest.mark.parametrize("step", [1, 4])
def test_bars_are_cut_off(bars, step):
    shown = without_bars(framed(**bars, step=step))
    assert shown.shape[:2] == pytest.approx((200 * step, 300 * step), abs=2 * step)
    assert (shown == 90).all()


def night(sky):
    """Black above, and stars in it."""
    picture = framed(above=60, below=10)
    picture[:sky:7, ::9] = 200
    return picture


def title():
    """Letters on black: what is between the bars has no straight edge."""
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[80:130, 40:260:8] = 255
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(framed(), id="none"),
        pytest.param(framed(above=60), id="on one side alone"),
        pytest.param(night(60), id="stars"),
        pytest.param(title(), id="a title"),
        pytest.param(framed(left=900, right=900), id="a strip"),
        pytest.param(np.zeros((40, 60, 3), np.uint8), id="black"),
        pytest.param(np.zeros((1, 1, 3), np.uint8), id="one pixel"),
    ],
)
def test_all_else_is_left_as_it_is(picture):
    assert without_bars(picture) is picture


def test_a_picture_without_colours_is_grey():
    rng = np.random.default_rng(0)
    picture = np.repeat(rng.integers(0, 256, (200, 300, 1)), 3, axis=2).astype(np.int64)
    decoded = np.clip(picture + rng.integers(-1, 2, picture.shape), 0, 255).astype(np.uint8)
    assert is_grey(decoded)
    decoded[:60, :90, 0] = 255 - decoded[:60, :90, 0] // 4
    assert not is_grey(decoded)
