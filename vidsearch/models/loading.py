"""From weight files to a torch model: safetensors or pickled tensors, whole or sharded, in any precision."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, TypeVar

import torch
from safetensors import SafetensorError, safe_open

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
    make: Callable[[], Model],
    checkpoint: Checkpoint,
    *,
    same_as: Mapping[str, str] | None = None,
    name_of: Callable[[str], str] = lambda name: name,
) -> Model:
    """Load a model in fp32 on the CPU, ready for inference.

    Args:
        make: makes the model.
        checkpoint: where the weights are. Weights that the model has no use for are passed over.
        same_as: weights that a checkpoint may leave out, and the ones that they then equal.
        name_of: what the checkpoint calls a weight of the model; by default as the model does.

    Raises:
        ModelUnavailable: where a weight is missing or of another shape, or a file cannot be read.
    """
    with torch.device("meta"):
        model = make()
    expected = model.state_dict()
    published = {name_of(name): name for name in expected}
    same_as = same_as or {}
    state = _read(checkpoint, {*published, *same_as.values()})
    for name, other in same_as.items():
        if name not in state and other in state:
            state[name] = state[other]
    state = {published[name]: weight for name, weight in state.items() if name in published}
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


def _read(checkpoint: Checkpoint, wanted: Collection[str]) -> dict[str, torch.Tensor]:
    """Read at least the weights of these names, where they are there."""
    state: dict[str, torch.Tensor] = {}
    try:
        if checkpoint.is_open_clip:
            for path in checkpoint.weight_files:
                state.update(_read_file(path, None))
            return open_clip.rename_weights(state)
        for path in checkpoint.weight_files:
            state.update(_read_file(path, wanted))
    except _UNREADABLE as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelUnavailable(
            f"The weights of {checkpoint.model} in {checkpoint.folder} cannot be loaded: {reason[:300]}"
        ) from error
    return state


def _read_file(path: Path, wanted: Collection[str] | None) -> dict[str, torch.Tensor]:
    """Read a file; of one that can be read in parts, the weights of these names alone, or all."""
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            names = file.keys()  # it is no dictionary, and gives no names by itself
            return {name: file.get_tensor(name) for name in names if wanted is None or name in wanted}
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
