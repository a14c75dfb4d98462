"""Heat maps as pictures."""

from __future__ import annotations

import numpy as np
import pytest

from vidsearch.models.heatmap import heat_map, overlay, word_sheet
from vidsearch.models.relevance import WHOLE, Region, Relevance, WordRelevance


def _relevance(grid, region=WHOLE, text="a dog"):
    return Relevance(
        text=text, grid=np.asarray(grid, dtype=np.float32), region=region, score=0.3, method="made up"
    )


def test_the_hottest_place_is_where_the_grid_says():
    grid = np.zeros((4, 4), dtype=np.float32)
    grid[1, 2] = 5
    heat = heat_map(grid, WHOLE, 80, 120)
    assert heat.shape == (80, 120)
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    assert (int(row) // 20, int(column) // 30) == (1, 2)
    assert heat.max() == pytest.approx(1, abs=0.05)
    assert heat[70, 10] == pytest.approx(0, abs=0.02)


def test_the_colder_half_stays_as_it_is():
    """A veil over all of a picture hides what is in it."""
    image = np.full((40, 40, 3), 90, dtype=np.uint8)
    drawn = overlay(image, _relevance([[1, 2], [4, 9]]), with_legend=False)
    corners = [drawn[0, 0].tolist(), drawn[0, -1].tolist()]
    assert corners == [[90, 90, 90]] * 2
    assert drawn[-1, -1].tolist() == pytest.approx([195, 197, 138], abs=2)


@pytest.mark.parametrize("grid", [[[0, 1], [1, 1]], [[0, 0], [0, 1]]])
def test_a_grid_of_two_values_has_a_hottest_place(grid):
    assert heat_map(np.asarray(grid, dtype=np.float32), WHOLE, 20, 20)[-1, -1] > 0.9


def test_nothing_is_hot_outside_the_crop():
    heat = heat_map(np.eye(3, dtype=np.float32), Region(0.25, 0, 0.75, 1), 50, 100)
    assert not heat[:, :25].any()
    assert not heat[:, 75:].any()
    assert heat[:, 25:75].any()


@pytest.mark.parametrize("grid", [np.zeros((3, 3)), np.full((3, 3), -0.2), np.ones((1, 1))])
def test_a_flat_grid_is_cold(grid):
    image = np.full((30, 40, 3), 90, dtype=np.uint8)
    np.testing.assert_array_equal(overlay(image, _relevance(grid), with_legend=False), image)


def test_a_legend_stands_under_the_image():
    image = np.full((60, 200, 3), 90, dtype=np.uint8)
    short = overlay(image, _relevance(np.eye(3)))
    long = overlay(
        image, _relevance(np.eye(3), text="a very long question about many dogs on the grass " * 4)
    )
    assert short.shape[1:] == (200, 3)
    assert 60 < short.shape[0] < long.shape[0]
    assert short.dtype == np.uint8


def test_a_legend_grows_with_the_image():
    """What is 15 pixels high cannot be read under a picture of 1,920."""
    small, large = (
        overlay(np.zeros((9, width, 3), np.uint8), _relevance(np.eye(3))) for width in (640, 1920)
    )
    assert (small.shape[0] - 9, large.shape[0] - 9) == (62, 112)


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (400, 3)])
def test_images_of_any_shape_can_be_drawn_on(size):
    image = np.zeros((*size, 3), dtype=np.uint8)
    drawn = overlay(image, _relevance(np.eye(7), region=Region(0.4, 0.4, 0.6, 0.6)))
    assert drawn.shape[1] == size[1]


def test_a_word_sheet_has_a_tile_for_the_text_and_for_each_word():
    grid = np.eye(2, dtype=np.float32)
    words = tuple(WordRelevance(word, grid) for word in ("a", "cat", "asleep", "here"))
    relevance = Relevance("a cat asleep here", grid, WHOLE, 0.5, "method", words)

    sheet = word_sheet(np.zeros((100, 200, 3), dtype=np.uint8), relevance)

    # Five tiles of 280 pixels, four to a row: the second row holds one.
    assert sheet.shape[1] == 4 * 280
    assert (sheet[-20:, 280:] == 255).all()
    assert not (sheet[sheet.shape[0] // 2 :, :280] == 255).all()
