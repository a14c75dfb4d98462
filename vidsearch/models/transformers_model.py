"""Loads the networks that transformers brings, for models without a network of the program's own."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import torch
import transformers
from safetensors import SafetensorError
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from vidsearch.errors import ModelUnavailable

if TYPE_CHECKING:
    from vidsearch.models.weights import Checkpoint

_UNREADABLE = (
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    pickle.UnpicklingError,
    SafetensorError,
)


class SharedSourceCache(EncoderDecoderCache):  # type: ignore[misc]
    """What a decoder has read, for `generate`, with the keys and values of the source left where they are.

    A beam goes on from a beam of the same source, whose keys and values are the same. `EncoderDecoderCache`
    copies them at each step all the same.
    """

    def __init__(self) -> None:
        super().__init__(DynamicCache(), DynamicCache())

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        """Go on from these rows of what was written."""
        self.self_attention_cache.reorder_cache(beam_idx)


def load_pretrained(model_class: Any, checkpoint: Checkpoint) -> Any:
    """Load a model of transformers in fp32 on the CPU, ready for inference. Runs no code of the checkpoint.

    Raises ModelUnavailable where the checkpoint lacks a weight: transformers would go on with random numbers.
    """
    logging = transformers.utils.logging
    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        model, report = model_class.from_pretrained(
            checkpoint.folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
    except _UNREADABLE as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelUnavailable(
            f"The weights of {checkpoint.model} in {checkpoint.folder} cannot be loaded: {reason[:300]}"
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    lacking = sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]]))
    if lacking:
        raise ModelUnavailable(
            f"{checkpoint.folder} is not a whole {model_class.__name__}: {len(lacking)} weights are "
            f"missing or of another shape, such as {lacking[0]}."
        )
    return model.eval().requires_grad_(False)
