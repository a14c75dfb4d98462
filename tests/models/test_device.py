"""Choosing where to run, told of machines that this one is not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vidsearch.errors import ModelUnavailable
from vidsearch.models import device as device_module
from vidsearch.models.device import Device, choose_device, idle_gpu_warning


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(device_module, "cuda_gpus_present", lambda: 0)
    monkeypatch.setattr(device_module, "_best_kind", lambda: "cpu")


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, "bf16"), (False, "fp32")])
def test_cpu_precision_follows_the_cpu(no_gpu, monkeypatch, has_bf16, expected):
    monkeypatch.setattr(device_module, "cpu_has_bf16", lambda: has_bf16)
    chosen = choose_device()
    assert (chosen.kind, chosen.precision) == ("cpu", expected)
    assert choose_device("cpu", "fp32").precision == "fp32"


@pytest.mark.parametrize(
    ("device", "precision", "reason"),
    [
        ("gpu", "auto", "no device 'gpu'"),
        ("auto", "int3", "no precision 'int3'"),
        ("cpu", "fp16", "no fast fp16"),
    ],
)
def test_what_is_not_there_is_an_error(no_gpu, device, precision, reason):
    with pytest.raises(ModelUnavailable, match=reason):
        choose_device(device, precision)


def test_asking_for_cuda_without_it_says_why(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelUnavailable, match="--device cuda"):
        choose_device("cuda")


@pytest.mark.parametrize(("capability", "expected"), [((9, 0), "bf16"), ((7, 5), "fp16")])
def test_cuda_precision_follows_the_gpu(monkeypatch, capability, expected):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "Some GPU")
    chosen = choose_device("cuda")
    assert chosen == Device("cuda", expected, "Some GPU")
    assert chosen.describe() == f"CUDA (Some GPU), {expected}"


@pytest.fixture
def two_gpus(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: [(7, 5), (9, 0)][index or 0])
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: ["Old GPU", "New GPU"][index or 0])


def test_a_gpu_can_be_named_by_its_number(two_gpus):
    """Guards against asking the first GPU for the second one's precision and name."""
    import torch

    second = choose_device("cuda:1")
    assert second == Device("cuda", "bf16", "New GPU", 1)
    assert second.torch_device == torch.device("cuda:1")
    assert second.describe() == "CUDA 1 (New GPU), bf16"
    assert choose_device("cuda:0").precision == "fp16"
    assert choose_device("cuda").torch_device == torch.device("cuda")


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        ("cuda:2", r"2 GPUs, cuda:0 to cuda:1"),
        ("cuda:x", "no device"),
        ("cuda:", "no device"),
        ("cpu:1", "no device"),
    ],
)
def test_a_gpu_that_is_not_there_is_an_error(two_gpus, device, reason):
    with pytest.raises(ModelUnavailable, match=reason):
        choose_device(device)


def test_an_idle_gpu_is_warned_about(monkeypatch):
    monkeypatch.setattr(device_module, "cuda_gpus_present", lambda: 1)
    monkeypatch.setattr(device_module, "_torch_is_built_for_cuda", lambda: False)
    assert "CPU build" in str(idle_gpu_warning(Device("cpu")))
    monkeypatch.setattr(device_module, "_torch_is_built_for_cuda", lambda: True)
    assert "--device cuda" in str(idle_gpu_warning(Device("cpu")))
    assert idle_gpu_warning(Device("cuda")) is None
    monkeypatch.setattr(device_module, "cuda_gpus_present", lambda: 0)
    assert idle_gpu_warning(Device("cpu")) is None


def test_the_cpu_is_chosen_without_torch():
    """Guards the start-up time of every command that runs no torch model."""
    program = (
        "import sys\n"
        "from vidsearch.models.device import choose_device, idle_gpu_warning\n"
        "device = choose_device('cpu')\n"
        "idle_gpu_warning(device), device.describe()\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
