from __future__ import annotations

import numpy as np
import pytest

from vidsearch.errors import QueryError
from vidsearch.ingest.policy import LookMemory, LookPolicy, needs_look, parse_policy

EAST = np.array([1, 0], dtype=np.float32)
NEAR_EAST = np.array([0.95, np.sqrt(1 - 0.95**2)], dtype=np.float32)
NORTH = np.array([0, 1], dtype=np.float32)


def test_policies_are_read_from_a_word_or_a_number():
    assert parse_policy("novel") == LookPolicy(rule="novel")
    assert parse_policy("Shot ") == LookPolicy(rule="shot")
    assert parse_policy("frame") == LookPolicy(rule="frame")
    assert parse_policy("12") == LookPolicy(rule="every", every=12)


@pytest.mark.parametrize("text", ["", "0", "-3", "1.5", "sometimes"])
def test_other_words_are_refused_by_name(text):
    with pytest.raises(QueryError, match="per novel, shot, frame or a number"):
        parse_policy(text)


@pytest.mark.parametrize("rule", ["novel", "shot", "frame", "every"])
def test_the_first_frame_is_captioned_under_every_policy(rule):
    assert needs_look(LookPolicy(rule=rule, every=9), None, frame_index=4, vector=EAST)


def test_novel_measures_from_the_last_captioned_frame():
    policy = LookPolicy(rule="novel", min_distance=0.1)
    memory = LookMemory(frame_index=0, time_seconds=0.0, vector=EAST)
    assert not needs_look(policy, memory, frame_index=1, vector=NEAR_EAST)
    assert needs_look(policy, memory, frame_index=2, vector=NORTH)


@pytest.mark.parametrize(("distance", "is_new"), [(0.099, False), (0.101, True)])
@pytest.mark.parametrize("min_distance", [0.1, 0.06])
def test_novel_turns_at_its_distance(min_distance, distance, is_new):
    """A threshold that is off by half shows in no test with vectors that are the same or at right angles."""
    cosine = 1 - distance * min_distance / 0.1
    vector = np.array([cosine, np.sqrt(1 - cosine**2)], dtype=np.float32)
    memory = LookMemory(frame_index=0, time_seconds=0.0, vector=EAST)
    policy = LookPolicy() if min_distance == 0.06 else LookPolicy(min_distance=min_distance)
    assert needs_look(policy, memory, frame_index=1, vector=vector) is is_new


def test_every_counts_from_the_last_captioned_frame():
    # A blank frame at the turn of the Nth must not cost the N frames after it their caption.
    policy = LookPolicy(rule="every", every=3)
    memory = LookMemory(frame_index=2, time_seconds=2.0, vector=EAST)
    needed = [needs_look(policy, memory, frame_index=index, vector=NORTH) for index in (3, 4, 5, 6)]
    assert needed == [False, False, True, True]


def test_shot_captions_the_first_frame_after_a_cut():
    policy = LookPolicy(rule="shot")
    memory = LookMemory(frame_index=3, time_seconds=3.0, vector=EAST)
    assert not needs_look(policy, memory, frame_index=4, vector=NORTH, shot_start_seconds=2.5)
    assert needs_look(policy, memory, frame_index=4, vector=EAST, shot_start_seconds=3.5)
