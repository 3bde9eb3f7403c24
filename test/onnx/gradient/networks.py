"""Makes networks.safetensors: gradients of whole networks by PyTorch's autograd in float64.

    python test/onnx/gradient/networks.py [SHARED]

Small networks are exported by PyTorch in several operator sets; of the ONNX files in SHARED only the gradients are kept, from a
PyTorch program that does what their nodes say. Needs torch, onnx, onnxruntime and safetensors.
"""

import io
import pathlib
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from further_networks import Attending, Choosing, Cosine, Resized, with_functions
from onnx import numpy_helper
from safetensors.numpy import save_file
from torch import nn

warnings.filterwarnings("ignore")
torch.manual_seed(0)
CLASSES = 5


class Mobile(nn.Module):
    """What MobileNetV3 and EfficientNet are made of: depthwise convolutions, squeeze and excitation, hard and smooth swishes."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.deep = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1), nn.Hardsigmoid())
        self.project = nn.Sequential(nn.Conv2d(8, 12, 1, bias=False), nn.BatchNorm2d(12), nn.SiLU())
        self.head = nn.Linear(12, CLASSES)

    def forward(self, x):
        x = self.deep(self.stem(x)) + self.stem(x)
        x = self.project(x * self.squeeze(x))
        return self.head(x.mean([2, 3]))


class Pooled(nn.Module):
    """Pools with overlap and rounding up, parts of tensors, padding, and a shortcut that subsamples."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 5, padding=2, padding_mode="reflect")
        self.second = nn.ConvTranspose2d(8, 6, 4, 2, 1)
        self.head = nn.Linear(10, CLASSES)

    def forward(self, x):
        x = F.leaky_relu(self.first(x), 0.1)
        x = F.max_pool2d(x, 3, 2, 1)
        left, right = x.chunk(2, dim=1)
        x = torch.cat([left * torch.sigmoid(right), F.elu(right)], dim=1)
        x = F.softplus(self.second(x))
        x = F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)
        x = x[:, :, ::2, ::2]
        x = F.pad(x, (0, 0, 0, 0, 2, 2)) + x.mean(dim=1, keepdim=True)
        return self.head(torch.flatten(F.adaptive_max_pool2d(torch.tanh(x), 1), 1))


class Transformer(nn.Module):
    """A vision transformer: patches, a class token, positions, attention over heads, layer norm and GELU."""

    def __init__(self, image=16, patch=4, width=16, heads=2, depth=2):
        super().__init__()
        self.heads = heads
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, (image // patch) ** 2 + 1, width) * 0.2)
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                dict(
                    norm1=nn.LayerNorm(width),
                    qkv=nn.Linear(width, 3 * width),
                    out=nn.Linear(width, width),
                    norm2=nn.LayerNorm(width),
                    mlp=nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)),
                )
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, CLASSES)

    def attention(self, block, x):
        batch, tokens, width = x.shape
        qkv = block["qkv"](x).reshape(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        weights = ((q @ k.transpose(-2, -1)) * (width // self.heads) ** -0.5).softmax(dim=-1)
        return block["out"]((weights @ v).transpose(1, 2).reshape(batch, tokens, width))

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        for block in self.blocks:
            x = x + self.attention(block, block["norm1"](x))
            x = x + block["mlp"](block["norm2"](x))
        return self.head(self.norm(x)[:, 0])


def settle(network):
    """Weights larger than PyTorch's first ones, and statistics as after training, so that every node matters."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
        elif isinstance(module, (nn.GroupNorm, nn.InstanceNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
        elif isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
    return network.eval()


def export(network, image, opset):
    file = io.BytesIO()
    names = dict(input_names=["images"], output_names=["logits"])
    axes = {"images": {0: "batch"}, "logits": {0: "batch"}}
    torch.onnx.export(network, torch.rand(2, 3, image, image), file, opset_version=opset, dynamic_axes=axes, dynamo=False, **names)
    return file.getvalue()


def export_by_default(network, image, opset):
    """By PyTorch's default exporter."""
    axes = {"x": {0: torch.export.Dim("batch", min=1, max=64)}}
    program = torch.onnx.export(network, (torch.rand(2, 3, image, image),), opset_version=opset, dynamic_shapes=axes, verbose=False)
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]
    del model.graph.value_info[:]
    return model.SerializeToString()


def input_gradient(logits_of, images, labels):
    x = torch.tensor(images, dtype=torch.float64, requires_grad=True)
    logits = logits_of(x)
    F.cross_entropy(logits, torch.tensor(labels), reduction="sum").backward()
    return logits.detach().numpy(), x.grad.numpy()


def follow(model, x):
    """The logits of an ONNX model, by PyTorch in float64."""
    values = {x.name: torch.tensor(numpy_helper.to_array(x)) for x in model.graph.initializer}
    values = {name: value.double() if value.is_floating_point() else value for name, value in values.items()}
    [images] = [value.name for value in model.graph.input if value.name not in values]
    values[images] = x
    for node in model.graph.node:
        a = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        values[node.output[0]] = NODES[node.op_type](a, *[values[name] if name else None for name in node.input])
    return values[model.graph.output[0].name]


def conv(a, x, w, b=None):
    top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
    return F.conv2d(F.pad(x, (left, right, top, bottom)), w, b, a.get("strides", 1), 0, a.get("dilations", 1), a.get("group", 1))


def constant(a):
    value = torch.tensor(numpy_helper.to_array(a["value"]))
    return value.double() if value.is_floating_point() else value


def sliced(_, x, starts, ends, axes, steps):
    for start, end, axis, step in zip(*(values.tolist() for values in (starts, ends, axes, steps))):
        if step < 0:
            x, start, end, step = x.flip(axis), -start - 1, min(-end - 1, 2**31), -step
        index = [slice(None)] * x.ndim
        index[axis] = slice(start, min(end, 2**31), step)
        x = x[tuple(index)]
    return x


def padded(_, x, pads, value=None):
    pads = pads.tolist()
    ends = [pads[side * x.ndim + axis] for axis in reversed(range(x.ndim)) for side in (0, 1)]
    return F.pad(x, ends)


NODES = {
    "Add": lambda a, x, y: x + y,
    "Clip": lambda a, x, low, high: torch.clamp(x, low, high),
    "Div": lambda a, x, y: x / y,
    "Expand": lambda a, x, shape: x.expand(shape.tolist()),
    "GatherND": lambda a, x, places: x[places[:, 0]],
    "InstanceNormalization": lambda a, x, scale, bias: F.instance_norm(x, weight=scale, bias=bias, eps=a["epsilon"]),
    "MatMul": lambda a, x, y: x @ y,
    "Mul": lambda a, x, y: x * y,
    "ReduceL2": lambda a, x: x.norm(dim=a["axes"], keepdim=bool(a["keepdims"])),
    "Shape": lambda a, x: torch.tensor(x.shape),
    "Cast": lambda a, x: x.long() if a["to"] == onnx.TensorProto.INT64 else x.double(),
    "Concat": lambda a, *xs: torch.cat(xs, a["axis"]),
    "Constant": constant,
    "ConstantOfShape": lambda a, shape: torch.full(
        shape.tolist(), numpy_helper.to_array(a["value"]).item() if "value" in a else 0.0
    ),
    "Conv": conv,
    "Flatten": lambda a, x: x.flatten(a.get("axis", 1)),
    "Gemm": lambda a, x, w, b: x @ (w.T if a.get("transB") else w) + b,
    "MaxPool": lambda a, x: F.max_pool2d(x, a["kernel_shape"], a["strides"]),
    "Pad": padded,
    "ReduceMean": lambda a, x, axes=None: x.mean(a["axes"] if axes is None else axes.tolist(), keepdim=bool(a.get("keepdims", 1))),
    "Relu": lambda a, x: F.relu(x),
    "Reshape": lambda a, x, shape: x.reshape([extent or x.shape[axis] for axis, extent in enumerate(shape.tolist())]),
    "Slice": sliced,
    "Transpose": lambda a, x: x.permute(a["perm"]),
}

tensors = {}


def keep(name, model, logits_of, images, labels, keep_model=True, tolerance=1e-5):
    logits, gradient = input_gradient(logits_of, images, labels)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options)
    entry = session.get_inputs()[0]
    given = images.astype(np.float16) if entry.type == "tensor(float16)" else images
    parts = [session.run(None, {entry.name: given[i : i + 1]})[0] for i in range(len(images))]
    error = np.abs(np.concatenate(parts) - logits).max() / np.abs(logits).max()
    assert error < tolerance, (name, error)
    print(f"{name}: logits within {error:.1e} of ONNX Runtime's, {len(model)} bytes")
    if keep_model:
        tensors[f"{name}/model"] = np.frombuffer(model, np.uint8)
    tensors[f"{name}/images"] = images
    tensors[f"{name}/labels"] = np.array(labels, np.int32)
    tensors[f"{name}/logits"] = logits.astype(np.float32)
    tensors[f"{name}/gradient"] = gradient.astype(np.float32)


networks = {
    "mobile": (settle(Mobile()), 12, [9, 11, 13, 17, 20]),
    "pooled": (settle(Pooled()), 12, [11, 17]),
    "transformer": (settle(Transformer()), 16, [13, 17]),
}
for name, (network, size, opsets) in networks.items():
    images = torch.rand(2, 3, size, size).numpy()
    for opset in opsets:
        model = export(network.float(), size, opset)
        keep(f"{name}, opset {opset}", model, network.double(), images, [1, 3])

further = {
    "cosine": (settle(Cosine()), 12, [12, 17], [18, 21]),
    "resized": (settle(Resized()), 12, [13, 18], [18, 20]),
    "choosing": (settle(Choosing()), 12, [14, 17], [18]),
    "attending": (settle(Attending()), 12, [], [18, 23]),
}
for name, (network, size, opsets, default_opsets) in further.items():
    images = torch.rand(2, 3, size, size).numpy()
    for opset in opsets:
        keep(f"{name}, opset {opset}", export(network.float(), size, opset), network.double(), images, [1, 3])
    for opset in default_opsets:
        model = export_by_default(network.float(), size, opset)
        keep(f"{name}, default exporter, opset {opset}", model, network.double(), images, [1, 3])
network, size = networks["mobile"][:2]
images = torch.rand(2, 3, size, size).numpy()
keep("mobile with functions", with_functions(export(network.float(), size, 17)), network.double(), images, [0, 4])

shared = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "../shared")
for file in sorted((shared / "teachers").glob("*.onnx")):
    images = torch.randint(0, 256, (1, 3, 32, 32)).float().div(255).numpy()
    model = onnx.load(file)
    keep(f"teachers/{file.name}", file.read_bytes(), lambda x: follow(model, x), images, [1], False)

for name in ["bgr-default-export", "cosine-head", "float16", "groupnorm"]:
    file = shared / "inputs" / f"{name}.onnx"
    images = torch.randint(0, 256, (1, 3, 32, 32)).float().div(255).numpy()
    model = onnx.load(file)
    rounded = 1e-2 if name == "float16" else 1e-5
    keep(f"inputs/{name}.onnx", file.read_bytes(), lambda x: follow(model, x), images, [7], False, rounded)

save_file(tensors, pathlib.Path(__file__).parent / "networks.safetensors")
