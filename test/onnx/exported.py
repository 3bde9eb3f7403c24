"""Makes exported.safetensors: what PyTorch's two exporters write for small networks when the batch size is fixed, and PyTorch's logits.

    python test/onnx/exported.py

`dynamo` is torch.onnx.export's default, `script` the older one; `inside` is the older one's with only input and output said to be free.
Needs torch, onnx, onnxscript and safetensors.
"""

import contextlib
import io
import pathlib
import warnings

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from torch import nn

warnings.filterwarnings("ignore")
CLASSES = 5


class Convolved(nn.Module):
    """Eight channels of 4x4, and what a network makes of them."""

    def __init__(self, features=128):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 2, 2)
        self.head = nn.Linear(features, CLASSES)


class View(Convolved):
    def forward(self, x):
        return self.head(torch.relu(self.stem(x)).view(x.size(0), -1))


class ChannelShuffle(Convolved):
    def forward(self, x):
        x = self.stem(x)
        b, c, h, w = x.shape
        x = x.view(b, 2, c // 2, h, w).transpose(1, 2).contiguous().view(b, -1, h, w)
        return self.head(x.reshape(b, c * h * w))


class PixelUnshuffle(Convolved):
    def __init__(self):
        super().__init__(32)
        self.mix = nn.Conv2d(32, 8, 1)

    def forward(self, x):
        return self.head(torch.flatten(self.mix(F.pixel_unshuffle(self.stem(x), 2)), 1))


class VisionTransformer(Convolved):
    """A class token before the others, and attention with queries, keys and values from one layer."""

    def __init__(self):
        super().__init__(8)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.place = nn.Parameter(torch.randn(1, 17, 8))
        self.parts = nn.Linear(8, 24)
        self.norm = nn.LayerNorm(8)

    def forward(self, x):
        b = x.shape[0]
        x = self.stem(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(b, -1, -1), x], 1) + self.place
        q, k, v = self.parts(self.norm(x)).reshape(b, 17, 3, 2, 4).permute(2, 0, 3, 1, 4)
        x = x + F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, 17, 8)
        return self.head(x[:, 0])


class SequenceFirst(Convolved):
    """PyTorch's own attention, inside which images are the second axis and are folded with the heads."""

    def __init__(self):
        super().__init__(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        return self.head(self.attention(x, x, x, need_weights=False)[0].mean(1))


class Windows(Convolved):
    """Swin's windows, folded with the images."""

    def __init__(self):
        super().__init__(8)
        self.values = nn.Linear(8, 8)

    def forward(self, x):
        x = self.stem(x).permute(0, 2, 3, 1)
        b, h, w, c = x.shape
        x = x.view(b, 2, 2, 2, 2, c).permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, 4, c)
        x = (x @ x.transpose(1, 2)).softmax(-1) @ self.values(x)
        x = x.view(b, 2, 2, 2, 2, c).permute(0, 1, 3, 2, 4, 5).contiguous().view(b, h, w, c)
        return self.head(x.mean((1, 2)))


class Gated(Convolved):
    """Squeeze and excitation with views, group normalisation, and a channel at a time."""

    def __init__(self):
        super().__init__(40)
        self.squeeze = nn.Linear(8, 8)
        self.norm = nn.GroupNorm(2, 8)
        self.channel = nn.Linear(16, 5)

    def forward(self, x):
        x = self.norm(self.stem(x))
        b, c, h, w = x.shape
        x = x * torch.sigmoid(self.squeeze(x.mean((2, 3)).view(b, c))).view(b, c, 1, 1).expand_as(x)
        return self.head(torch.relu(self.channel(x.view(b * c, h * w))).view(b, c * 5))


class Resized(Convolved):
    """A size that is written down whole, and zeros and ones of the batch's size."""

    def __init__(self):
        super().__init__(12 * 36)

    def forward(self, x):
        x = F.interpolate(self.stem(x), size=(6, 6), mode="bilinear", align_corners=False)
        x = torch.cat([x, torch.zeros(x.shape[0], 4, 6, 6)], 1) + torch.ones(x.shape[0], 1, 1, 1)
        return self.head(x.reshape(x.shape[0], -1))


def export(network, images, kind):
    file = io.BytesIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if kind == "dynamo":
            torch.onnx.export(network, (images,), file, external_data=False)
        else:
            torch.onnx.export(network, images, file, dynamo=False, opset_version=17)
    model = onnx.load_from_string(file.getvalue())
    for node in model.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
    if kind == "inside":
        for value in [*model.graph.input, *model.graph.output]:
            value.type.tensor_type.shape.dim[0].dim_param = "N"
    return model.SerializeToString()


images = torch.from_numpy(np.random.default_rng(0).random((8, 3, 8, 8), dtype=np.float32))
tensors = {"images": images.numpy()}
for kind in [View, ChannelShuffle, PixelUnshuffle, VisionTransformer, SequenceFirst, Windows, Gated, Resized]:
    torch.manual_seed(0)
    network = kind().eval()
    with torch.no_grad():
        tensors[f"{kind.__name__}/logits"] = network(images).numpy()
    for exporter, batch in [("dynamo", 1), ("dynamo", 8), ("script", 1), ("script", 8), ("inside", 1)]:
        model = export(network, images[:batch], exporter)
        tensors[f"{kind.__name__}/{exporter}, {batch}"] = np.frombuffer(model, np.uint8)
    print(kind.__name__)
save_file(tensors, pathlib.Path(__file__).parent / "exported.safetensors")
