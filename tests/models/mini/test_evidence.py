"""What the network that sees people is taught: where the detector's boxes are in a window of a photograph."""

from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="what training needs")
evidence = pytest.importorskip("training.mini.evidence")

from training.mini.data import Photo  # noqa: E402
from training.mini.detector import PERSON, Box  # noqa: E402

WHOLE = (0.0, 0.0, 1.0, 1.0)
SOMEBODY = Photo(Path("a.jpg"), "train", ("a man walks",) * 5)
NOBODY = Photo(Path("b.jpg"), "train", ("a red car",) * 5)
LEFT = Box(PERSON, 0.9, 0.0, 0.0, 0.5, 1.0)


def view(window=WHOLE, inner=WHOLE, *, mirrored=False):
    return evidence.View(0, window, inner, mirrored)


def taught(photo, boxes, shown):
    """What is wanted of the cells for people, rows from the top, and of the view."""
    cells, views = evidence.targets([shown], [photo], [boxes])
    return cells[0, :, 0].reshape(9, 9), float(views[0, 0])


def test_a_box_in_a_mirrored_window():
    shown = view((0.25, 0.0, 0.75, 1.0), mirrored=True)
    assert shown.seen(LEFT) == pytest.approx((0.5, 0.0, 1.0, 1.0))


def test_cells_on_a_person_are_told_from_the_others():
    cells, is_seen = taught(SOMEBODY, [LEFT], view())
    assert is_seen == 1
    assert (cells[:, :4] == 1).all()
    assert (cells[:, 5:] == 0).all()


def test_bars_move_the_cells():
    cells, _ = taught(SOMEBODY, [LEFT], view(inner=(0.0, 0.25, 1.0, 0.75)))
    assert (cells[:2] == 0).all()
    assert (cells[3:6, :4] == 1).all()
    assert (cells[7:] == 0).all()


def test_a_window_beside_a_person_shows_nobody():
    """Guards against learning from captions alone, by which every part of this photograph shows a man."""
    cells, is_seen = taught(SOMEBODY, [LEFT], view((0.6, 0.0, 1.0, 1.0)))
    assert is_seen == 0
    assert (cells == 0).all()


def test_what_detector_and_captions_disagree_about_is_not_learnt():
    doubted = Box(PERSON, 0.25, 0.0, 0.0, 0.5, 1.0)
    cells, is_seen = taught(NOBODY, [doubted], view())
    assert is_seen == -1
    assert (cells[:, :4] == -1).all()
    cells, is_seen = taught(SOMEBODY, [], view())
    assert is_seen == 1
    assert (cells == -1).all()
    assert taught(NOBODY, [], view())[1] == 0
