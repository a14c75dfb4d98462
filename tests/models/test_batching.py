"""Batches shrink until they fit, and nothing is lost, doubled or out of order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from vidsearch.errors import ModelOutOfMemory
from vidsearch.models.batching import BatchRunner, fastest_batch_size, is_out_of_memory


class OutOfMemoryError(RuntimeError):
    """Named as torch names its own."""


class Memory:
    """A device on which `fits` items fit at once."""

    def __init__(self, fits: int) -> None:
        self.fits = fits
        self.sizes: list[int] = []
        self.num_releases = 0

    def double(self, items: Sequence[int]) -> list[int]:
        self.sizes.append(len(items))
        if len(items) > self.fits:
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return [2 * item for item in items]

    def release(self) -> None:
        self.num_releases += 1


def test_halves_until_it_fits_and_remembers():
    memory = Memory(fits=3)
    runner = BatchRunner(16, release=memory.release)
    assert runner.run(range(10), memory.double) == [2 * item for item in range(10)]
    assert memory.sizes == [10, 5, 2, 2, 2, 2, 2]
    assert runner.size == 2
    assert memory.num_releases == 2
    memory.sizes.clear()
    runner.run(range(4), memory.double)
    assert memory.sizes == [2, 2]


def test_one_item_that_does_not_fit_is_an_error():
    memory = Memory(fits=0)
    with pytest.raises(ModelOutOfMemory, match="--precision"):
        BatchRunner(4).run([1, 2], memory.double)
    assert memory.sizes == [2, 1]


def test_other_errors_pass_through():
    def broken(items: Sequence[int]) -> list[int]:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        BatchRunner(4).run([1, 2], broken)


def test_no_items_run_nothing():
    memory = Memory(fits=1)
    assert BatchRunner(4).run([], memory.double) == []
    assert memory.sizes == []


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_has_an_item(size: int):
    with pytest.raises(ValueError, match="at least 1"):
        BatchRunner(size)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OutOfMemoryError("CUDA out of memory"), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
            True,
        ),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("expected scalar type"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_knows_the_ways_in_which_memory_runs_out(error: Exception, expected: bool):
    assert is_out_of_memory(error) is expected


def test_torch_runs_out_of_memory_in_a_way_that_is_known():
    import torch

    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_the_fastest_batch_size_is_measured_once(tmp_path, monkeypatch):
    """As on a CPU with AMX, where 16 images at once are slower than 8 or 32."""
    monkeypatch.setenv("VIDSEARCH_CACHE", str(tmp_path))
    milliseconds = {8: 11.1, 16: 12.8, 32: 9.2}
    now = 0.0
    sizes_run: list[int] = []

    def run(num_images: int) -> None:
        nonlocal now
        sizes_run.append(num_images)
        now += num_images * milliseconds[num_images] / 1000

    for _ in range(2):
        assert fastest_batch_size(run, (8, 16, 32), key="this machine", clock=lambda: now) == 32
    assert sizes_run == [8, 8, 8, 16, 16, 32, 32]
    milliseconds[8] = 1.0
    assert fastest_batch_size(run, (8, 16, 32), key="another", clock=lambda: now) == 8


def test_a_torn_note_is_measured_again(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDSEARCH_CACHE", str(tmp_path))
    fastest_batch_size(lambda size: None, (1, 2), key="k")
    (note,) = (tmp_path / "batch-sizes").iterdir()
    for content in (b"", b"\xff", b"999999"):
        note.write_bytes(content)
        assert fastest_batch_size(lambda size: None, (1, 2), key="k") in (1, 2)
