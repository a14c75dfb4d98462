"""From weight files to a torch model: safetensors or pickled tensors, whole or sharded, in any precision."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from vidsearch.errors import ModelUnavailable
from vidsearch.models import open_clip

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.models.weights import Checkpoint
    from vidsearch.types import Float32

Model = TypeVar("Model", bound=torch.nn.Module)

_UNREADABLE = (
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    EOFError,
    pickle.UnpicklingError,
    SafetensorError,
)


def load_model(
    make: Callable[[], Model], checkpoint: Checkpoint, *, same_as: Mapping[str, str] | None = None
) -> Model:
    """Load a model in fp32 on the CPU, ready for inference.

    Args:
        make: makes the model; its parameters have the names that they have in the checkpoint.
        checkpoint: where the weights are. Weights that the model has no use for are passed over.
        same_as: weights that a checkpoint may leave out, and the ones that they then equal.

    Raises:
        ModelUnavailable: where a weight is missing or of another shape, or a file cannot be read.
    """
    with torch.device("meta"):
        model = make()
    state = _read(checkpoint)
    for name, other in (same_as or {}).items():
        if name not in state and other in state:
            state[name] = state[other]
    expected = model.state_dict()
    lacking = sorted(
        name for name, weight in expected.items() if name not in state or state[name].shape != weight.shape
    )
    if lacking:
        raise ModelUnavailable(
            f"{checkpoint.folder} is not a whole {type(model).__name__}: {len(lacking)} weights are "
            f"missing or of another shape, such as {lacking[0]}."
        )
    model.load_state_dict({name: state[name].float() for name in expected}, assign=True)
    return model.eval().requires_grad_(False)


def numpy_state(model: torch.nn.Module) -> dict[str, Float32]:
    """Return a model's weights by name, as fp32 arrays."""
    return {name: tensor.float().cpu().numpy() for name, tensor in model.state_dict().items()}


def _read(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = {}
    try:
        for path in checkpoint.weight_files:
            state.update(_read_file(path))
        if checkpoint.is_open_clip:
            state = open_clip.rename_weights(state)
    except _UNREADABLE as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelUnavailable(
            f"The weights of {checkpoint.model} in {checkpoint.folder} cannot be loaded: {reason[:300]}"
        ) from error
    return state


def _read_file(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        return load_file(path)
    content = torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    content = content.get("state_dict", content)
    state = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
    if not state:
        raise ValueError(f"{path.name} holds no tensors")
    return state


def _is_zip(path: Path) -> bool:
    """Return whether a pickled file is in torch's newer format, which can be mapped into memory."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"
