"""Reciprocal rank fusion."""

from __future__ import annotations

import pytest

from vidsearch.search.fusion import reciprocal_rank_fusion


def test_what_both_rankings_name_comes_before_what_one_puts_first():
    fused = reciprocal_rank_fusion([["a", "b"], ["c", "b"]])
    assert list(fused) == ["b", "a", "c"]
    assert fused == pytest.approx({"b": 2 / 62, "a": 1 / 61, "c": 1 / 61})
