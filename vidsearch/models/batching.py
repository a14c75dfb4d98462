"""Work in batches that fit: halved when memory runs out. Knows no model and no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from vidsearch.errors import ModelOutOfMemory

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
