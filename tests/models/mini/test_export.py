"""What `training/mini/export.py` does to a graph changes its speed and size, and no result."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from training.mini.export import fold_padding
from vidsearch.models.mini import weights

SIDE, CHANNELS = 8, 6


def two_convolutions(*, scale_after_padding=6 / 255):
    """Pixels -> a strided convolution -> a strided depthwise one, each behind a Pad and quantised."""
    rng = np.random.default_rng(0)
    constants = {
        "127": np.float32(127), "128": np.float32(128), "0": np.float32(0), "6": np.float32(6),
        "pixel scale": np.float32(1 / 128), "pixel zero": np.uint8(127),
        "scale": np.float32(6 / 255), "scale after": np.float32(scale_after_padding), "zero": np.uint8(0),
        "padding": np.array([0, 0, 0, 0, 0, 0, 1, 1], np.int64),
        "wider padding": np.array([0, 0, 1, 1, 0, 0, 2, 2], np.int64),
        "first": rng.normal(size=(CHANNELS, 3, 3, 3)).astype(np.float32),
        "second": rng.normal(size=(CHANNELS, 1, 5, 5)).astype(np.float32),
    }  # fmt: skip
    node = helper.make_node

    def convolution(kind, source, weight, target, **how):
        return [
            node("QuantizeLinear", [source, *kind], [f"{source} codes"]),
            node("DequantizeLinear", [f"{source} codes", *kind], [f"{source} wide"]),
            node("Conv", [f"{source} wide", weight], [target], strides=[2, 2], pads=[0, 0, 0, 0], **how),
        ]

    nodes = [
        node("Transpose", ["images"], ["planes"], perm=[0, 3, 1, 2]),
        node("Cast", ["planes"], ["floats"], to=TensorProto.FLOAT),
        node("Sub", ["floats", "127"], ["centred"]),
        node("Div", ["centred", "128"], ["normal"]),
        node("Pad", ["normal", "padding"], ["padded"]),
        *convolution(["pixel scale", "pixel zero"], "padded", "first", "grown"),
        node("Clip", ["grown", "0", "6"], ["clipped"]),
        node("QuantizeLinear", ["clipped", "scale", "zero"], ["clipped codes"]),
        node("DequantizeLinear", ["clipped codes", "scale", "zero"], ["clipped wide"]),
        node("Pad", ["clipped wide", "wider padding"], ["padded again"]),
        *convolution(["scale after", "zero"], "padded again", "second", "out", group=CHANNELS),
    ]
    graph = helper.make_graph(
        nodes,
        "two convolutions",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", CHANNELS, 2, 2])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(path, images):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(["out"], {"images": images})[0]


def test_padding_goes_into_the_convolutions_and_no_result_changes(tmp_path):
    onnx.save(two_convolutions(), tmp_path / "before.onnx")
    fold_padding(tmp_path / "before.onnx", tmp_path / "after.onnx")
    nodes = onnx.load(tmp_path / "after.onnx").graph.node
    assert [node.op_type for node in nodes] == [
        "Transpose", "DequantizeLinear", "Conv", "Clip", "QuantizeLinear", "DequantizeLinear", "Conv",
    ]  # fmt: skip
    images = np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.uint8)
    np.testing.assert_array_equal(run(tmp_path / "after.onnx", images), run(tmp_path / "before.onnx", images))


def test_padding_between_two_scales_is_refused(tmp_path):
    onnx.save(two_convolutions(scale_after_padding=0.5), tmp_path / "before.onnx")
    with pytest.raises(ValueError, match="the codes before"):
        fold_padding(tmp_path / "before.onnx", tmp_path / "after.onnx")


def test_the_shipped_image_tower_moves_no_floats_to_pad():
    """Guards against an export that is right and half as fast."""
    graph = onnx.load(weights.FOLDER / "image.onnx").graph
    assert "Pad" not in {node.op_type for node in graph.node}
