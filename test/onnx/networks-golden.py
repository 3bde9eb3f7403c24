"""Writes networks-golden.json: logits of networks with weights from a formula, computed by PyTorch. Run by hand, with torch."""

import json
import math
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F


class ShortcutA(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.before, self.after = before, after

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))


class Block(nn.Module):
    def __init__(self, inputs, filters, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        name, module = shortcut
        self.crossing = name
        setattr(self, name, module)

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + getattr(self, self.crossing)(x))


def projection(inputs, filters, stride):
    return nn.Sequential(nn.Conv2d(inputs, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))


class ResNet(nn.Module):
    def __init__(self, stages, blocks, crossing, classifier):
        super().__init__()
        self.conv1 = nn.Conv2d(3, stages[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(stages[0])
        inputs = stages[0]
        self.layers = []
        for stage, (filters, count) in enumerate(zip(stages, blocks)):
            row = []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                same = ("shortcut", nn.Sequential())
                row.append(Block(inputs, filters, stride, crossing(inputs, filters, stride) if stride == 2 else same))
                inputs = filters
            self.layers.append(f"layer{stage + 1}")
            setattr(self, f"layer{stage + 1}", nn.Sequential(*row))
        self.classifier = classifier
        setattr(self, classifier, nn.Linear(inputs, 10))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for layer in self.layers:
            x = getattr(self, layer)(x)
        return getattr(self, self.classifier)(x.mean((2, 3)))


class InvertedResidual(nn.Module):
    def __init__(self, inputs, filters, expansion, stride):
        super().__init__()
        planes = expansion * inputs
        self.stride = stride
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, groups=planes, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, filters, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(filters)
        self.shortcut = nn.Sequential()
        if stride == 1 and inputs != filters:
            self.shortcut = projection(inputs, filters, 1)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return out + self.shortcut(x) if self.stride == 1 else out


class MobileNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        rows = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
        blocks, inputs = [], 32
        for expansion, filters, count, stride in rows:
            for index in range(count):
                blocks.append(InvertedResidual(inputs, filters, expansion, stride if index == 0 else 1))
                inputs = filters
        self.layers = nn.Sequential(*blocks)
        self.conv2 = nn.Conv2d(320, 1280, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(1280)
        self.linear = nn.Linear(1280, 10)

    def forward(self, x):
        x = self.layers(F.relu(self.bn1(self.conv1(x))))
        return self.linear(F.relu(self.bn2(self.conv2(x))).mean((2, 3)))


def wave(count, shift):
    """sin(i^1.1 + shift) for i = 0 to count - 1, in float64: neither periodic nor equal for two parameters."""
    index = torch.arange(count, dtype=torch.float64)
    return torch.sin(index**1.1 + shift)


def fill(model):
    number = 0
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        values = wave(tensor.numel(), number).reshape(tensor.shape)
        if tensor.dim() > 1:
            values = values * math.sqrt(2 / tensor[0].numel())
        elif name.endswith("running_var"):
            values = 1 + values / 2
        elif name.endswith("weight"):
            values = 1 + values / 4
        else:
            values = values / 10
        tensor.copy_(values.float())
        number += 1


def block_a(before_share):
    def crossing(inputs, filters, stride):
        before = int((filters - inputs) * before_share)
        return ("shortcut", ShortcutA(before, filters - inputs - before))

    return crossing


networks = {
    "resnet-14": lambda: ResNet([16, 32, 64], [2, 2, 2], block_a(0.5), "linear"),
    "resnet-14-a-end": lambda: ResNet([16, 32, 64], [2, 2, 2], block_a(0), "linear"),
    "resnet-14-b": lambda: ResNet([16, 32, 64], [2, 2, 2], lambda *sizes: ("downsample", projection(*sizes)), "fc"),
    "resnet-18": lambda: ResNet([64, 128, 256, 512], [2, 2, 2, 2], lambda *sizes: ("shortcut", projection(*sizes)), "linear"),
    "mobilenet-v2": MobileNetV2,
}

mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.25, 0.3])
images = (wave(2 * 3 * 32 * 32, 0.5).reshape(2, 3, 32, 32) / 2 + 0.5).float()
golden = {}
for name, make in networks.items():
    with torch.no_grad():
        model = make().eval()
        fill(model)
        model, prepared = model.double(), (images.double() - mean.double().view(3, 1, 1)) / std.double().view(3, 1, 1)
        golden[name] = model(prepared).tolist()
        print(name, [round(value, 4) for value in golden[name][0]], (model(prepared)[0] - model(prepared)[1]).abs().max())
Path(__file__).with_suffix(".json").write_text(json.dumps(golden, indent=1) + "\n")
