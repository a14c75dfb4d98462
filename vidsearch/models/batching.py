"""Work in batches that fit and are fast: halved when memory runs out, measured where the CPU asks for it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from vidsearch.errors import ModelOutOfMemory
from vidsearch.models.weights import user_cache, write_atomically

Item = TypeVar("Item")
Result = TypeVar("Result")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out, on the device or in the machine.

    torch raises `OutOfMemoryError` on a GPU, and a plain RuntimeError that names its allocator on a CPU.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text or "failed to allocate memory" in text
    )


class BatchRunner:
    """Runs a function over items in batches, and remembers the batch size that fits.

    `size` is the present batch size: it only shrinks. `release` is called before a second try, to hand cached
    memory back.
    """

    def __init__(self, size: int, *, release: Callable[[], None] | None = None) -> None:
        if size < 1:
            raise ValueError(f"a batch size is at least 1, not {size}")
        self.size = size
        self._release = release

    def run(
        self, items: Sequence[Item], function: Callable[[Sequence[Item]], Sequence[Result]]
    ) -> list[Result]:
        """Apply `function` to consecutive batches. Returns the results in order, one per item.

        Where memory runs out, the batch size is halved and the same items are tried again.
        Raises ModelOutOfMemory where one item alone does not fit.
        """
        results: list[Result] = []
        while len(results) < len(items):
            batch = items[len(results) : len(results) + self.size]
            try:
                results.extend(function(batch))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if len(batch) == 1:
                    raise ModelOutOfMemory(
                        "One image alone does not fit in the device's memory: use --device cpu, "
                        "--precision bf16 or fp16, or a smaller model."
                    ) from error
                self.size = max(1, len(batch) // 2)
            else:
                continue
            # Only here, outside the handler, has the traceback let go of the failed batch's tensors.
            if self._release is not None:
                self._release()
        return results


def fastest_batch_size(
    run: Callable[[int], object],
    sizes: Sequence[int],
    *,
    key: str,
    clock: Callable[[], float] = time.perf_counter,
) -> int:
    """Return the batch size with the least time for an item. The answer is kept in the user cache.

    Args:
        run: processes so many items.
        sizes: to try; each is run twice, and the quicker run counts.
        key: all that the answer depends on: machine, model, versions.
        clock: seconds.
    """
    note = user_cache() / "batch-sizes" / hashlib.sha256(f"{key} {list(sizes)}".encode()).hexdigest()
    try:
        known = int(note.read_text(encoding="ascii"))
        if known in sizes:
            return known
    except (OSError, ValueError):
        pass
    run(min(sizes))  # the first run also prepares kernels
    best = min(sizes, key=lambda size: min(_seconds(run, size, clock) for _ in range(2)) / size)
    write_atomically(note, str(best).encode("ascii"))
    return best


def _seconds(run: Callable[[int], object], size: int, clock: Callable[[], float]) -> float:
    started = clock()
    run(size)
    return clock() - started
