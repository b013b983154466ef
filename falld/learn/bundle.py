"""Writes a detector bundle."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingClassifier

from falld.detect.bundle import CARD, MODEL
from falld.detect.features import NAMES
from falld.learn.calibrate import Calibration
from falld.learn.network import Network
from falld.learn.reference import seal
from falld.learn.train import AT_TRUNK, NETWORK_SHARE, OF_FOREST, OF_NETWORK, PLAIN_SHARE, SMOOTH_SHARE, Model

_OPSET = {"": 17, "ai.onnx.ml": 3}
"""Old enough for every onnxruntime that still has wheels for a Pi."""
_IR = 8
"""The file format of that time."""
_ROWS = "rows"
"""What members are shown: (2 n, d), each impact as it is, then smoothed."""


def write_bundle(folder: Path, model: Model, calibration: Calibration, card: dict[str, Any]) -> None:
    """Export a model and put its card, reference cases and checksums beside it.

    Args:
        folder: made if need be; files in it are replaced.
        model: a fitted classifier.
        calibration: of its probabilities.
        card: what `falld.detect.bundle` needs to know, and what a reader should.

    Raises:
        FalldError: model and card do not fit, or the model tells too few simulated cases clearly.
    """
    exported = export(model, calibration)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(exported.SerializeToString(deterministic=True))
    text = yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=110)
    (folder / CARD).write_text(text, "utf-8")
    seal(folder)


def export(model: Model, calibration: Calibration) -> onnx.ModelProto:
    """One graph from `features` (n, 2, d), as they are and smoothed, to `probabilities` (n, 2): no fall, fall."""
    graph = _Graph()
    graph.add("Reshape", "features", graph.constant(np.array([-1, len(NAMES)])), out=_ROWS)
    forest = graph.mean([_forest(graph, graph.columns(OF_FOREST), each) for each in model.forests])
    network = graph.mean([_network(graph, graph.columns(OF_NETWORK), each) for each in model.networks])
    parts = [
        graph.add("Mul", logit, graph.constant(np.float32(share)))
        for logit, share in ((forest, 1 - NETWORK_SHARE), (network, NETWORK_SHARE))
    ]
    logit = graph.add("Add", *parts)
    further = graph.add("Sub", _forest(graph, graph.columns(OF_FOREST), model.plain), logit)
    share = graph.add("Mul", graph.columns(AT_TRUNK), graph.constant(np.float32(PLAIN_SHARE)))
    logit = graph.add("Add", logit, graph.add("Mul", share, further))
    logit, smooth = graph.pairs(logit)
    at_trunk, _ = graph.pairs(graph.columns(AT_TRUNK))
    elsewhere = graph.add("Sub", graph.constant(np.float32(1)), at_trunk)
    share = graph.add("Mul", elsewhere, graph.constant(np.float32(SMOOTH_SHARE)))
    logit = graph.add("Add", logit, graph.add("Mul", share, graph.add("Sub", smooth, logit)))
    scaled = graph.add("Mul", logit, graph.constant(np.float32(calibration.scale)))
    fall = graph.add("Sigmoid", graph.add("Add", scaled, graph.constant(np.float32(calibration.shift))))
    graph.add("Concat", graph.add("Sub", graph.constant(np.float32(1)), fall), fall, out="probabilities", axis=1)
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 2, len(NAMES)])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])
    merged = helper.make_graph(graph.nodes, "falld", [features], [probabilities], graph.constants)
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSET.items()]
    exported = helper.make_model(merged, opset_imports=opsets, ir_version=_IR, producer_name="falld")
    onnx.checker.check_model(exported)
    return exported


class _Graph:
    """Nodes and constants, named as they come."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        name = out or f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, value: npt.NDArray[Any] | np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def columns(self, which: npt.NDArray[np.int64]) -> str:
        return self.add("Gather", _ROWS, self.constant(which), axis=1)

    def pairs(self, column: str) -> tuple[str, str]:
        """(n, 1) each of the impacts as they are and smoothed, of both (2 n, 1)."""
        both = self.add("Reshape", column, self.constant(np.array([-1, 2])))
        own, smooth = (self.add("Gather", both, self.constant(np.array([i])), axis=1) for i in (0, 1))
        return own, smooth

    def mean(self, terms: list[str]) -> str:
        return self.add("Mean", *terms)


def _forest(graph: _Graph, features: str, forest: HistGradientBoostingClassifier) -> str:
    """Its logit, (n, 1): the converter's classifier, without what makes two probabilities of it."""
    types = [("x", FloatTensorType([None, forest.n_features_in_]))]
    with warnings.catch_warnings():
        # The converter hands protobuf truth values as numbers, which it warns of; as an error it becomes another one.
        warnings.simplefilter("ignore", DeprecationWarning)
        converted = to_onnx(forest, initial_types=types, options={"zipmap": False}, target_opset=_OPSET)
    (classifier,) = converted.graph.node
    said = {each.name: helper.get_attribute_value(each) for each in classifier.attribute}
    kept = {name: value for name, value in said.items() if name == "base_values" or _needed(name)}
    leaves = {f"target_{part}": said[f"class_{part}"] for part in ("ids", "nodeids", "treeids", "weights")}
    name = f"forest{len(graph.nodes)}"
    node = helper.make_node("TreeEnsembleRegressor", [features], [name], name, domain="ai.onnx.ml", n_targets=1)
    node.attribute.extend(helper.make_attribute(key, value) for key, value in (kept | leaves).items())
    graph.nodes.append(node)
    return name


def _needed(attribute: str) -> bool:
    """Of a node: not how often it was hit, nor where to go without a value, which no feature is. That is a fifth."""
    return attribute.startswith("nodes_") and attribute not in ("nodes_hitrates", "nodes_missing_value_tracks_true")


def _network(graph: _Graph, features: str, network: Network) -> str:
    """Its logit, (n, 1)."""
    x = features
    for i, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        x = graph.add("Gemm", graph.add("Relu", x) if i else x, graph.constant(weight), graph.constant(bias))
    return x
