"""The detector that teaches: a TensorFlow.js graph as ONNX."""

import base64

import numpy as np
import pytest

pytest.importorskip("onnx", reason="what training needs")
detector = pytest.importorskip("training.mini.detector")
ort = pytest.importorskip("onnxruntime")


def node(kind: str, name: str, inputs: list[str], **attributes: object) -> dict[str, object]:
    return {"op": kind, "name": name, "input": inputs, "attr": attributes}


def ints(*values: int) -> dict[str, object]:
    return {"list": {"i": [str(value) for value in values]}}


def text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def test_a_graph_is_the_same_in_onnx():
    """Kernels change their order of axes, and padding is TensorFlow's: more below and to the right."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 3, 3, 4)).astype(np.float32)
    bias, factor = rng.normal(size=4).astype(np.float32), rng.normal(size=(1, 1, 1, 4)).astype(np.float32)
    nodes = [
        node("Placeholder", "tower_0/images", []),
        node(
            "_FusedConv2D", "conv", ["tower_0/images", "kernel", "bias"], strides=ints(1, 2, 2, 1),
            padding={"s": text(b"SAME")}, fused_ops={"list": {"s": [text(b"BiasAdd"), text(b"Relu")]}},
        ),
        node("Mul", "scaled", ["conv", "factor"]),
        node("Relu6", "tower_0/keypoints", ["scaled"]),
        node("Identity", "tower_0/wh", ["scaled"]),
    ]  # fmt: skip
    model = detector.to_onnx(nodes, {"kernel": kernel, "bias": bias, "factor": factor})
    image = rng.normal(size=(1, 3, detector.SIDE, detector.SIDE)).astype(np.float32)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    heat, sizes = session.run(["heat", "sizes"], {"images": image})
    # An even side and a stride of 2 need one row of padding: below.
    window = image[0, :, -2:, -2:]
    corner = np.maximum(np.einsum("chw,hwco->o", window, kernel[:2, :2]) + bias, 0) * factor.ravel()
    np.testing.assert_allclose(sizes[0, :, -1, -1], corner, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(heat, np.clip(sizes, 0, 6), atol=1e-6)


def test_a_box_holds_its_left_and_top_side():
    box = detector.Box(detector.PERSON, 0.9, 0.25, 0.5, 0.75, 1.0)
    assert box.contains(0.25, 0.5)
    assert not box.contains(0.75, 0.5)
    assert not box.contains(0.5, 0.4)
