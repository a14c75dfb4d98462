"""Where models run, and in which number format.

Choosing the CPU, or choosing on a machine without an accelerator, never imports torch: the NVIDIA driver is
asked directly, and the CPU's flags are read from the kernel.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast, get_args

from vidsearch.errors import ModelUnavailable

if TYPE_CHECKING:
    import torch

DeviceKind: TypeAlias = Literal["cpu", "cuda", "mps"]
Precision: TypeAlias = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, slots=True)
class Device:
    """A device and the number format of a model's weights and activations on it."""

    kind: DeviceKind = "cpu"
    precision: Precision = "fp32"
    name: str = ""
    """What the hardware calls itself, for people: "NVIDIA H200"."""
    index: int | None = None
    """Which GPU; None is the first."""

    def describe(self) -> str:
        """Return one short line for people: "CUDA (NVIDIA H200), bf16"."""
        label = {"cpu": "CPU", "cuda": "CUDA", "mps": "Apple GPU"}[self.kind]
        if self.index is not None:
            label += f" {self.index}"
        return f"{label} ({self.name}), {self.precision}" if self.name else f"{label}, {self.precision}"

    @property
    def torch_device(self) -> torch.device:
        import torch

        return torch.device(self.kind) if self.index is None else torch.device(self.kind, self.index)

    @property
    def torch_dtype(self) -> torch.dtype:
        import torch

        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.precision]


def choose_device(device: str = "auto", precision: str = "auto") -> Device:
    """Choose where to run.

    Automatic precision is bf16 on a CUDA GPU that has it (compute capability 8.0) and fp16 on an older one,
    fp16 on an Apple GPU, bf16 on a CPU with native bf16 arithmetic (AVX512-BF16 or AMX), else fp32.

    Args:
        device: "auto" (CUDA, else an Apple GPU, else the CPU), "cpu", "cuda", "cuda:N" (the GPU of that
            number, from 0) or "mps".
        precision: "auto", "fp32", "bf16" or "fp16".

    Raises:
        ModelUnavailable: where the device is not there, or has no such precision.
    """
    numbered = re.fullmatch(r"cuda:(\d{1,3})", device)
    index = int(numbered[1]) if numbered else None
    device = "cuda" if numbered else device
    if device not in ("auto", *get_args(DeviceKind)):
        raise ModelUnavailable(f"There is no device {device!r}: choose auto, cpu, cuda, cuda:1 or mps.")
    if precision not in ("auto", *get_args(Precision)):
        raise ModelUnavailable(f"There is no precision {precision!r}: choose auto, fp32, bf16 or fp16.")
    kind = _best_kind() if device == "auto" else cast("DeviceKind", device)
    if kind == "cuda":
        return _cuda_device(precision, index)
    if kind == "mps":
        return _mps_device(precision)
    if precision == "fp16":
        raise ModelUnavailable(
            "A CPU has no fast fp16: choose --precision bf16 or fp32, or another --device."
        )
    chosen = ("bf16" if cpu_has_bf16() else "fp32") if precision == "auto" else cast("Precision", precision)
    return Device("cpu", chosen, _cpu_name())


def idle_gpu_warning(device: Device) -> str | None:
    """Return a warning where an NVIDIA GPU is present and `device` leaves it idle, else None."""
    if device.kind != "cpu" or not cuda_gpus_present():
        return None
    if _torch_is_built_for_cuda() is False:
        return (
            "an NVIDIA GPU stands idle: the installed torch is a CPU build. "
            "Install a CUDA build (https://pytorch.org/get-started/locally/) to use it."
        )
    return "an NVIDIA GPU stands idle: models run on the CPU. Use --device cuda to use it."


@functools.cache
def cuda_gpus_present() -> int:
    """Return how many NVIDIA GPUs the driver offers: 0 without a driver. Does not import torch."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


@functools.cache
def cpu_has_bf16() -> bool:
    """Return whether the CPU multiplies bf16 in hardware, as far as the kernel says (Linux only)."""
    flags = _cpu_fields().get("flags", "").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


@functools.cache
def cpu_has_amx() -> bool:
    """Return whether the CPU multiplies tiles of bf16, as far as the kernel says (Linux only)."""
    return "amx_bf16" in _cpu_fields().get("flags", "").split()


def cpu_abilities() -> str:
    """Return what kernels for CPUs are chosen by: the architecture and, on Linux, the CPU's flags."""
    fields = _cpu_fields()
    return f"{platform.machine()} {fields.get('flags') or fields.get('Features', '')}"


def _best_kind() -> DeviceKind:
    if cuda_gpus_present() or Path("/dev/kfd").exists():  # AMD GPUs are "cuda" to a ROCm build of torch
        import torch

        if torch.cuda.is_available():
            return "cuda"
    if sys.platform == "darwin" and platform.machine() == "arm64":
        import torch

        if torch.backends.mps.is_available():
            return "mps"
    return "cpu"


def _cuda_device(precision: str, index: int | None) -> Device:
    import torch

    if not torch.cuda.is_available():
        reason = (
            "the installed torch is a CPU build"
            if _torch_is_built_for_cuda() is False
            else "torch finds no GPU"
        )
        raise ModelUnavailable(f"--device cuda: {reason}. Choose --device cpu or auto.")
    count = torch.cuda.device_count()
    if index is not None and index >= count:
        known = "cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise ModelUnavailable(
            f"--device cuda:{index}: torch finds {count} GPU{'s' * (count != 1)}, {known}."
        )
    if precision == "auto":
        chosen: Precision = "bf16" if torch.cuda.get_device_capability(index)[0] >= 8 else "fp16"
    else:
        chosen = cast("Precision", precision)
    return Device("cuda", chosen, torch.cuda.get_device_name(index), index)


def _mps_device(precision: str) -> Device:
    import torch

    if not torch.backends.mps.is_available():
        raise ModelUnavailable("--device mps: there is no Apple GPU here. Choose --device cpu or auto.")
    chosen: Precision = "fp16" if precision == "auto" else cast("Precision", precision)
    return Device("mps", chosen, platform.machine())


def _torch_is_built_for_cuda() -> bool | None:
    """Return whether the installed torch can use CUDA; None where its version does not say."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        local = version("torch").partition("+")[2]
    except PackageNotFoundError:
        return None
    if not local:
        return None
    return local.startswith(("cu", "rocm"))


@functools.cache
def _cpu_fields() -> dict[str, str]:
    """Return the first processor's fields from /proc/cpuinfo; empty where there is none."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            first = list(itertools.takewhile(str.strip, file))
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _cpu_name() -> str:
    return _cpu_fields().get("model name", "") or platform.processor() or platform.machine()
