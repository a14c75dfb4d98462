"""Which instants a plan means."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsearch.media.sampling import instants, num_grid_instants, spread
from vidsearch.types import SamplingPlan


@pytest.mark.parametrize(
    ("plan", "duration", "expected"),
    [
        (SamplingPlan(fps=1), 3.0, [0.0, 1.0, 2.0]),
        (SamplingPlan(fps=1), 3.2, [0.0, 1.0, 2.0, 3.0]),
        (SamplingPlan(fps=0.5), 5.0, [0.0, 2.0, 4.0]),
        (SamplingPlan(fps=2, start_seconds=0.6), 2.0, [1.0, 1.5]),
        (SamplingPlan(fps=2, start_seconds=1.0, end_seconds=2.0), 9.0, [1.0, 1.5]),
        (SamplingPlan(fps=2, end_seconds=2.0), 1.0, [0.0, 0.5]),
        (SamplingPlan(fps=0.1), 5.0, [0.0]),
        (SamplingPlan(fps=1, start_seconds=4.0), 3.0, []),
        (SamplingPlan(fps=1, max_frames=2), 8.0, [2.0, 6.0]),
        (SamplingPlan(fps=1, max_frames=8), 8.0, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
        (SamplingPlan(fps=1, max_frames=2, start_seconds=4.0), 8.0, [5.0, 7.0]),
        (SamplingPlan(fps=1), 0.0, []),
    ],
)
def test_instants(plan: SamplingPlan, duration: float, expected: list[float]) -> None:
    assert list(instants(plan, duration)) == expected


def test_no_known_end_goes_on_for_ever() -> None:
    assert list(instants(SamplingPlan(fps=4), None)[:5]) == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_an_unknown_end_cannot_be_spread_over() -> None:
    with pytest.raises(ValueError, match="known end"):
        instants(SamplingPlan(max_frames=3), None)


def test_rounding_loses_no_instant_and_adds_none() -> None:
    """Guards against 0.1 + 0.1 + 0.1 != 0.3: over a day, every tenth is there once."""
    found = list(instants(SamplingPlan(fps=10), 86_400.0))
    assert found == [number / 10 for number in range(864_000)]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (SamplingPlan(fps=0), "fps must be above 0, not 0"),
        (SamplingPlan(fps=float("nan")), "fps must be above 0, not nan"),
        (SamplingPlan(max_frames=0), "max_frames must be 1 or more, not 0"),
        (SamplingPlan(start_seconds=-1), "start must be 0 or later, not -1"),
        (SamplingPlan(start_seconds=2, end_seconds=2), "end .2. must be after start .2."),
    ],
)
def test_plans_that_mean_nothing(plan: SamplingPlan, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        instants(plan, 10.0)


@given(
    fps=st.floats(0.01, 30),
    max_frames=st.none() | st.integers(1, 50),
    start=st.floats(0, 20),
    duration=st.floats(0, 30),
)
@settings(deadline=None, max_examples=60)
def test_instants_ascend_inside_the_span(
    fps: float, max_frames: int | None, start: float, duration: float
) -> None:
    plan = SamplingPlan(fps=fps, max_frames=max_frames, start_seconds=start)
    found = list(instants(plan, duration))
    assert all(start - 1e-5 <= instant < duration for instant in found)
    assert found == sorted(set(found))
    if max_frames is not None:
        assert len(found) == min(max_frames, num_grid_instants(plan, duration))


def test_spread() -> None:
    assert spread([1, 2, 3], 5) == [1, 2, 3]
    assert spread(list(range(10)), 2) == [2, 7]
    assert spread(list(range(10)), 1) == [5]
