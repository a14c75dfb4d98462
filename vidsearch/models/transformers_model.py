"""Loads the networks that transformers brings, for models without a network of the program's own."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import torch
import transformers
from safetensors import SafetensorError

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
