"""Makes operators.safetensors: the gradient of one small ONNX graph for every operator and its variants.

    python test/onnx/gradient/golden.py

Each gradient is by central differences in float64 of the graph as the `onnx` package's reference evaluator runs it, which agrees with
ONNX Runtime about the graph's answers (checked here). Needs numpy, onnx, onnxruntime and safetensors.
"""

import pathlib

import further_cases  # adds to the cases
import numpy as np
import onnx
import onnxruntime
from cases import cases, normal
from onnx import TensorProto, inliner, numpy_helper
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import save_file

STEP = 1e-5
FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}


def without_functions(model):
    """The same graph with its functions written out, by the `onnx` package; it leaves out what their attributes are by default."""
    if not model.functions:
        return model
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for function in copy.functions:
        for node in copy.graph.node:
            if node.op_type == function.name:
                given = {attribute.name for attribute in node.attribute}
                node.attribute.extend(default for default in function.attribute_proto if default.name not in given)
    return inliner.inline_local_functions(copy)


def as_double(model):
    """The same graph on float64."""
    copy = onnx.ModelProto()
    copy.CopyFrom(without_functions(model))
    widen = lambda tensor: tensor.CopyFrom(
        numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name)
    )
    for tensor in copy.graph.initializer:
        if tensor.data_type in FLOATS:
            widen(tensor)
    for value in [*copy.graph.input, *copy.graph.output]:
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in copy.graph.node:
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i in FLOATS:
                attribute.i = TensorProto.DOUBLE
            if attribute.HasField("t") and attribute.t.data_type in FLOATS:
                widen(attribute.t)
    return copy


def differences(reference, images, cotangent):
    """d <logits, cotangent> / d images, by central differences in float64."""
    wide = images.astype(np.float64)
    gradient = np.zeros_like(wide)
    for index in np.ndindex(*wide.shape):
        value = wide[index]
        side = []
        for step in (STEP, -STEP):
            wide[index] = value + step
            side.append(float((reference.run(None, {"images": wide})[0] * cotangent).sum()))
        wide[index] = value
        gradient[index] = (side[0] - side[1]) / (2 * STEP)
    return gradient


options = onnxruntime.SessionOptions()
options.log_severity_level = 3
tensors = {}
for name, (model, images, own) in cases.items():
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        answer = session.run(None, {"images": images})[0]
        reference = ReferenceEvaluator(as_double(model), new_ops=list(own))
        expected = reference.run(None, {"images": images.astype(np.float64)})[0]
        error = np.abs(answer - expected).max() / max(1, np.abs(expected).max())
        assert answer.shape == expected.shape, (answer.shape, expected.shape)
        assert error < 1e-5, f"ONNX Runtime differs from the reference by {error}"
        cotangent = normal(*answer.shape)
        gradient = differences(reference, images, cotangent.astype(np.float64))
    except Exception as problem:
        print(f"FAILED {name}: {str(problem)[:300]}")
        continue
    tensors[f"{name}/model"] = np.frombuffer(model.SerializeToString(), np.uint8)
    tensors[f"{name}/images"] = images
    tensors[f"{name}/cotangent"] = cotangent
    tensors[f"{name}/gradient"] = gradient.astype(np.float32)
print(len(tensors) // 4, "graphs")
save_file(tensors, pathlib.Path(__file__).parent / "operators.safetensors")
