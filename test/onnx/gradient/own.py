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


class Swish(OpRun):
    op_domain = ""

    def _run(self, x, alpha=None):
        return (x / (1 + np.exp(-(1 if alpha is None else alpha) * x)),)


class Scatter(OpRun):
    """`ScatterElements` by its first name."""

    op_domain = ""

    def _run(self, x, places, updates, axis=None):
        y = x.copy()
        np.put_along_axis(y, places, updates, axis)
        return (y,)


class Upsample(OpRun):
    """And the first `Resize`: the row of an output is its own divided by the scale."""

    op_domain = ""

    def _run(self, x, scales=None, mode=None, **_):
        for axis, scale in enumerate(scales):
            place = np.arange(int(x.shape[axis] * scale)) / scale
            below = np.floor(place).astype(int)
            above = np.minimum(below + 1, x.shape[axis] - 1)
            share = (place - below if mode == "linear" else 0 * place).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
            x = x.take(below, axis) * (1 - share) + x.take(above, axis) * share
        return (x,)


class Resize(Upsample):
    pass


class LpNormalization(OpRun):
    """By the sum of magnitudes, where the reference adds the numbers themselves."""

    op_domain = ""

    def _run(self, x, axis=None, p=None):
        return (x / (np.abs(x) ** p).sum(axis=axis, keepdims=True) ** (1 / p),)


class LRN(OpRun):
    """With the channels to both sides alike, as ONNX Runtime has them."""

    op_domain = ""

    def _run(self, x, alpha=None, beta=None, bias=None, size=None):
        alpha, beta, bias = 1e-4 if alpha is None else alpha, 0.75 if beta is None else beta, 1 if bias is None else bias
        squares = np.zeros_like(x)
        for channel in range(x.shape[1]):
            near = slice(max(channel - size // 2, 0), channel + size // 2 + 1)
            squares[:, channel] = (x[:, near] ** 2).sum(axis=1)
        return (x / (bias + alpha / size * squares) ** beta,)


class GroupNormalization(OpRun):
    """From operator set 21 on, in float64, where the reference casts to float32."""

    op_domain = ""

    def _run(self, x, scale, offset, epsilon=None, num_groups=None, **_):
        groups = x.reshape(x.shape[0], num_groups, -1)
        centred = groups - groups.mean(axis=2, keepdims=True)
        y = (centred / np.sqrt((centred**2).mean(axis=2, keepdims=True) + epsilon)).reshape(x.shape)
        channel = (-1,) + (1,) * (x.ndim - 2)
        return (y * scale.reshape(channel) + offset.reshape(channel),)
