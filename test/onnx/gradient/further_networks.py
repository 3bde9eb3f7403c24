"""More networks for networks.py: normalisations, resizing, places of values, attention, and models with functions of their own."""

import onnx
import torch
import torch.nn.functional as F
from onnx import helper, parser
from torch import nn

CLASSES = 5


class Cosine(nn.Module):
    """Group, instance and local response normalisation, newer activations, and a head that compares directions."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.group = nn.GroupNorm(4, 8)
        self.second = nn.Conv2d(8, 6, 3, 1, 1)
        self.instance = nn.InstanceNorm2d(6, affine=True)
        self.head = nn.Parameter(torch.randn(CLASSES, 6))

    def forward(self, x):
        x = F.mish(self.group(self.first(x)))
        x = F.selu(F.local_response_norm(x, 3, alpha=0.5))
        x = F.celu(self.instance(self.second(x)), 0.7) + F.hardshrink(x[:, 2:], 0.2)
        x = x.flatten(2).norm(dim=2)
        return 8 * F.linear(F.normalize(x), F.normalize(self.head))


class Resized(nn.Module):
    """Channels reversed, resizing in every mode, pixel shuffling, padding by wrapping."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.second = nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular")
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x):
        x = x[:, [2, 1, 0]] * 2 - x.flip(1)
        x = self.first(F.interpolate(x, scale_factor=1.5, mode="bilinear"))
        small = F.interpolate(x, size=(4, 5), mode="bicubic")
        x = torch.relu(self.second(F.interpolate(small, scale_factor=2, mode="nearest")))
        x = F.pixel_shuffle(x, 2)
        x = torch.cat([x, F.pixel_unshuffle(F.interpolate(x[:, :1], size=(32, 40), mode="bilinear", align_corners=True), 2)], 1)
        return self.head(F.adaptive_avg_pool2d(torch.tanh(x), 1).flatten(1))


class Choosing(nn.Module):
    """The larger, the smaller, the largest, chosen and ordered values; sums, repeats and triangles."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, 3)
        self.head = nn.Linear(16, CLASSES)
        self.register_buffer("places", torch.tensor([[3, 0, 0, 2]] * 4))

    def forward(self, x):
        x = self.first(x)
        x = torch.where(x > 0.1, torch.maximum(x, x.mean(1, keepdim=True)), torch.minimum(x * 0.5, x.flip(2)))
        x = x - x.amax(dim=(2, 3), keepdim=True) + x.abs().amin(dim=1, keepdim=True)
        x = torch.tril(x) + x.cumsum(3) * 0.2 + x.gather(3, self.places.expand(x.shape[0], 6, 4, 4))
        x = x.repeat(1, 1, 1, 2)[:, :, :, ::2] * torch.logsumexp(x, 1, keepdim=True)
        x = torch.topk(x, 3, dim=1).values.sum(1) + x.square().sum(1).sqrt() + x.abs().sum(1) + torch.clamp(x, -0.5, 1.5).prod(1)
        return self.head(x.to(torch.float64).exp().log().type_as(x).flatten(1) / 3)


class Attending(nn.Module):
    """Attention as PyTorch's own function, RMS normalisation, and sums of products."""

    def __init__(self, width=8, heads=2):
        super().__init__()
        self.heads = heads
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.qkv = nn.Linear(width, 3 * width)
        self.head = nn.Parameter(torch.randn(CLASSES, width))

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.norm(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        x = x + F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = torch.einsum("bij,bjd->bid", torch.einsum("bid,bjd->bij", x, x).softmax(2), x)
        return torch.einsum("bid,cd->bc", self.norm(x), self.head)


FUNCTIONS = """<ir_version: 10, opset_import: ["" : 18, "local" : 1]> g (float[N] x) => (float[N] y) { y = Neg(x) }
<domain: "local", opset_import: ["" : 18]> leaky <slope: float = 0.0> (x) => (y) { y = LeakyRelu<alpha: float = @slope>(x) }
<domain: "local", opset_import: ["" : 18, "local" : 1]> Relu (x) => (y) { twice = Add(x, x) half = Constant<value = float {0.5}>() x1 = Mul(twice, half) y = local.leaky(x1) }"""


def with_functions(model):
    """The same model with every ReLU as a function of its own, which calls another."""
    model = onnx.load_from_string(model)
    model.functions.extend(parser.parse_model(FUNCTIONS).functions)
    model.opset_import.append(helper.make_opsetid("local", 1))
    for node in model.graph.node:
        if node.op_type == "Relu":
            node.domain = "local"
    return model.SerializeToString()
