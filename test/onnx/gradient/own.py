"""Operators as ONNX specifies them, where the `onnx` package's reference evaluator does not follow."""

import math

import numpy as np
from onnx.reference.op_run import OpRun


class FlatSoftmax(OpRun):
    """Before operator set 13: all axes from `axis` on are one."""

    op_domain = ""

    def _run(self, x, axis=None):
        # What is left out arrives as the newest operator set's default.
        axis = axis if any(attribute.name == "axis" for attribute in self.onnx_node.attribute) else 1
        axis += x.ndim if axis < 0 else 0
        rows = x.reshape(int(np.prod(x.shape[:axis])), -1)
        shifted = rows - rows.max(axis=1, keepdims=True)
        return (self.finish(shifted).reshape(x.shape),)


class Softmax(FlatSoftmax):
    def finish(self, rows):
        return np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True)


class LogSoftmax(FlatSoftmax):
    def finish(self, rows):
        return rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))


class BatchNormalization(OpRun):
    """Before operator set 14: inference where the statistics are not outputs."""

    op_domain = ""

    def _run(self, x, scale, bias, mean, variance, epsilon=None, **_):
        channel = (-1,) + (1,) * (x.ndim - 2)
        factor = scale / np.sqrt(variance + epsilon)
        return (x * factor.reshape(channel) + (bias - mean * factor).reshape(channel),)


class ConvTranspose(OpRun):
    """With groups; no padding, no dilation."""

    op_domain = ""

    def _run(self, x, w, strides=None, group=None, **_):
        images, _, height, width = x.shape
        _, outputs, rows, columns = w.shape
        y = np.zeros((images, group * outputs, (height - 1) * strides[0] + rows, (width - 1) * strides[1] + columns))
        for part in range(group):
            inputs = slice(part * x.shape[1] // group, (part + 1) * x.shape[1] // group)
            taken = slice(part * outputs, (part + 1) * outputs)
            for i, j in np.ndindex(height, width):
                window = np.einsum("nc,cohw->nohw", x[:, inputs, i, j], w[inputs])
                top, left = i * strides[0], j * strides[1]
                y[:, taken, top : top + rows, left : left + columns] += window
        return (y,)


class Pad(OpRun):
    """With zeros, and negative padding, which crops."""

    op_domain = ""

    def _run(self, x, pads, mode=None):
        before, after = pads[: x.ndim], pads[x.ndim :]
        cropped = x[tuple(slice(max(-b, 0), e - max(-a, 0)) for b, a, e in zip(before, after, x.shape))]
        return (np.pad(cropped, [(max(b, 0), max(a, 0)) for b, a in zip(before, after)]),)


class Erf(OpRun):
    """In float64, where the reference has float32."""

    op_domain = ""

    def _run(self, x):
        return (np.vectorize(math.erf)(x),)


class Gelu(OpRun):
    op_domain = ""

    def _run(self, x, approximate=None):
        if approximate == "tanh":
            return (x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,)
        return (x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,)
