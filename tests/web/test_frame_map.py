"""Where frames lie on the map, and where their groups' names stand."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from vidsearch.service.overview import principal_places
from vidsearch.web import frame_map
from vidsearch.web.frame_map import LEAST_FRAMES, Arranger, label_places


def groups(num_each):
    """Three groups of unit rows, and the group of each."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), num_each)
    rows = np.eye(3, 32)[labels] + rng.normal(size=(len(labels), 32)) * 0.05
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


def arranged(arranger, vectors):
    """Wait for an arrangement as the page does."""
    give_up = time.monotonic() + 300
    places = arranger.places(vectors)
    while arranger.is_working and time.monotonic() < give_up:
        time.sleep(0.02)
        places = arranger.places(vectors)
    return places


def test_two_components_are_there_for_one_frame_and_for_none_that_differ():
    assert principal_places(np.ones((1, 4), dtype=np.float32)).tolist() == [[0.0, 0.0]]
    assert np.allclose(principal_places(np.ones((5, 4), dtype=np.float32)), 0.0)


@pytest.mark.slow  # UMAP compiles itself, in half a minute of a busy processor
def test_umap_keeps_groups_apart_and_is_not_imported_here():
    pytest.importorskip("umap")
    vectors, labels = groups(40)
    places = arranged(Arranger(), vectors)
    assert places is not None
    assert places.shape == (120, 2)
    centres = np.stack([places[labels == number].mean(axis=0) for number in range(3)])
    spread = np.linalg.norm(places - centres[labels], axis=1).mean()
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * spread
    code = "import sys, vidsearch.web.explore_page; sys.exit('umap' in sys.modules or 'numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_few_frames_or_no_umap_leave_the_map_as_it_is(monkeypatch):
    arranger = Arranger()
    assert arranger.places(groups(LEAST_FRAMES // 3)[0][: LEAST_FRAMES - 1]) is None
    monkeypatch.setattr(frame_map, "find_spec", lambda name: None)
    assert arranger.places(groups(100)[0]) is None
    assert not arranger.is_working


def test_work_is_done_once_for_the_same_frames_and_one_at_a_time(monkeypatch):
    asked = []

    def work(vectors):
        asked.append(len(vectors))
        time.sleep(0.1)
        return vectors[:, :2]

    monkeypatch.setattr(frame_map, "find_spec", lambda name: True)
    monkeypatch.setattr(frame_map, "_in_own_process", work)
    arranger, few, many = Arranger(), groups(20)[0], groups(30)[0]
    assert arranger.places(few) is None
    assert arranger.places(many) is None  # waits for its turn
    assert np.array_equal(arranged(arranger, few), few[:, :2])
    assert asked == [60]
    assert np.array_equal(arranged(arranger, many), many[:, :2])
    assert asked == [60, 90]


def test_a_process_that_fails_leaves_the_map_as_it_is_and_is_not_tried_again(monkeypatch, caplog):
    monkeypatch.setattr(frame_map, "find_spec", lambda name: True)
    monkeypatch.setattr(frame_map, "_RUN", "raise SystemExit('no memory left')")
    arranger, vectors = Arranger(), groups(20)[0]
    assert arranged(arranger, vectors) is None
    assert "no memory left" in caplog.text
    assert arranger.places(vectors) is None
    assert not arranger.is_working


def test_names_stand_where_most_of_a_group_is_and_not_on_each_other():
    crowd = np.full((10, 2), 0.2) + np.linspace(0, 0.01, 10)[:, None]
    places = np.concatenate([crowd, [[1.0, 1.0]], crowd + 0.001, [[0.0, 0.9]]])
    clusters = np.asarray([0] * 11 + [1] * 10 + [2])
    first, second, third = label_places(places, clusters)
    assert third.tolist() == pytest.approx([0.0, 0.9])
    assert abs(first[0] - 0.2) < 0.02
    assert abs(second[0] - 0.2) < 0.02
    assert abs(first[1] - second[1]) > 0.04
