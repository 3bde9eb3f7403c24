"""Writes golden.json: parameter counts and logits of every network, with weights from a formula, computed by PyTorch in float64.

Run by hand, with torch: python test/networks/golden.py
"""

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
    def __init__(self, classes, stages, blocks, crossing, classifier):
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
        setattr(self, classifier, nn.Linear(inputs, classes))

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
    def __init__(self, classes):
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
        self.linear = nn.Linear(1280, classes)

    def forward(self, x):
        x = self.layers(F.relu(self.bn1(self.conv1(x))))
        return self.linear(F.relu(self.bn2(self.conv2(x))).mean((2, 3)))


class PreActBlock(nn.Module):
    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, filters, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        if stride != 1 or inputs != filters:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, filters, 1, stride, bias=False))

    def forward(self, x):
        active = F.relu(self.bn1(x))
        out = self.conv2(F.relu(self.bn2(self.conv1(active))))
        return out + (self.shortcut(active) if hasattr(self, "shortcut") else x)


class PreActResNet(nn.Module):
    def __init__(self, classes, blocks, final_norm=False):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        inputs = 64
        for stage, count in enumerate(blocks):
            row = []
            for index in range(count):
                row.append(PreActBlock(inputs, 64 * 2**stage, 2 if stage > 0 and index == 0 else 1))
                inputs = 64 * 2**stage
            setattr(self, f"layer{stage + 1}", nn.Sequential(*row))
        if final_norm:
            self.bn = nn.BatchNorm2d(512)
        self.linear = nn.Linear(512, classes)

    def forward(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.conv1(x)))))
        if hasattr(self, "bn"):
            x = F.relu(self.bn(x))
        return self.linear(x.mean((2, 3)))


class TradesBlock(nn.Module):
    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, filters, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        if inputs != filters:
            self.convShortcut = nn.Conv2d(inputs, filters, 1, stride, bias=False)

    def forward(self, x):
        active = F.relu(self.bn1(x))
        out = self.conv2(F.relu(self.bn2(self.conv1(active))))
        return out + (self.convShortcut(active) if hasattr(self, "convShortcut") else x)


class Group(nn.Module):
    """A row of blocks under the attribute `row`, the first of them with the stride."""

    def __init__(self, row, block, count, inputs, filters, stride, *options):
        super().__init__()
        self.row = row
        blocks = [block(inputs if i == 0 else filters, filters, stride if i == 0 else 1, *options) for i in range(count)]
        setattr(self, row, nn.Sequential(*blocks))

    def forward(self, x):
        return getattr(self, self.row)(x)


class TradesWideResNet(nn.Module):
    def __init__(self, classes, depth, width):
        super().__init__()
        count = (depth - 4) // 6
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.block1 = Group("layer", TradesBlock, count, 16, 16 * width, 1)
        self.block2 = Group("layer", TradesBlock, count, 16 * width, 32 * width, 2)
        self.block3 = Group("layer", TradesBlock, count, 32 * width, 64 * width, 2)
        self.bn1 = nn.BatchNorm2d(64 * width)
        self.fc = nn.Linear(64 * width, classes)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(F.relu(self.bn1(x)).mean((2, 3)))


class DeepMindBlock(nn.Module):
    def __init__(self, inputs, filters, stride, activation):
        super().__init__()
        self.activation = activation
        self.pad = (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1)
        self.batchnorm_0 = nn.BatchNorm2d(inputs)
        self.conv_0 = nn.Conv2d(inputs, filters, 3, stride, bias=False)
        self.batchnorm_1 = nn.BatchNorm2d(filters)
        self.conv_1 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        if inputs != filters:
            self.shortcut = nn.Conv2d(inputs, filters, 1, stride, bias=False)

    def forward(self, x):
        active = self.activation(self.batchnorm_0(x))
        out = self.activation(self.batchnorm_1(self.conv_0(F.pad(active, self.pad))))
        return self.conv_1(out) + (self.shortcut(active) if hasattr(self, "shortcut") else x)


class DeepMindWideResNet(nn.Module):
    def __init__(self, classes, depth, width, activation=F.silu):
        super().__init__()
        count = (depth - 4) // 6
        self.activation = activation
        self.init_conv = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.layer = nn.Sequential(
            Group("block", DeepMindBlock, count, 16, 16 * width, 1, activation),
            Group("block", DeepMindBlock, count, 16 * width, 32 * width, 2, activation),
            Group("block", DeepMindBlock, count, 32 * width, 64 * width, 2, activation),
        )
        self.batchnorm = nn.BatchNorm2d(64 * width)
        self.logits = nn.Linear(64 * width, classes)

    def forward(self, x):
        return self.logits(self.activation(self.batchnorm(self.layer(self.init_conv(x)))).mean((2, 3)))


def uniform(name, count):
    """count numbers in [-1, 1), in float64: a hash of the name and the index. test/networks/formula.ts has the same."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    mask = torch.tensor(0xFFFFFFFF, dtype=torch.int64)
    h = (torch.arange(count, dtype=torch.int64) * 0x9E3779B1 + seed) & mask
    h = ((h ^ (h >> 15)) * 0x2C1B3C6D) & mask
    h = ((h ^ (h >> 12)) * 0x297A2D39) & mask
    h = h ^ (h >> 15)
    return h.double() / 2**31 - 1


def fill(model):
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        values = uniform(name, tensor.numel()).reshape(tensor.shape)
        if tensor.dim() > 1:
            values = values * math.sqrt(3 / tensor[0].numel())
        elif name.endswith("running_var"):
            values = 1 + values / 2
        elif name.endswith("weight"):
            values = 1 + values / 4
        else:
            values = values / 10
        tensor.copy_(values.float())


def block_a(before_share):
    def crossing(inputs, filters, stride):
        before = int((filters - inputs) * before_share)
        return ("shortcut", ShortcutA(before, filters - inputs - before))

    return crossing


def cifar(depth, crossing, classifier):
    return lambda classes: ResNet(classes, [16, 32, 64], [(depth - 2) // 6] * 3, crossing, classifier)


def shortcut_b(*sizes):
    return ("downsample", projection(*sizes))


def stages(counts):
    return lambda classes: ResNet(
        classes, [64, 128, 256, 512], counts, lambda *sizes: ("shortcut", projection(*sizes)), "linear"
    )


own_cifar10 = ([0.4914, 0.4822, 0.4465], [0.2471, 0.2435, 0.2616])
own_cifar100 = ([0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762])
cases = [
    *((f"resnet-{depth}", 32, 10, cifar(depth, block_a(0.5), "linear"), None) for depth in (8, 14, 20, 32, 44, 56, 110)),
    ("resnet-14-a-end", 32, 10, cifar(14, block_a(0), "linear"), None),
    ("resnet-56-b", 32, 100, cifar(56, shortcut_b, "fc"), None),
    ("resnet-18", 32, 10, stages([2, 2, 2, 2]), None),
    ("resnet-34", 32, 10, stages([3, 4, 6, 3]), None),
    ("mobilenet-v2", 32, 10, MobileNetV2, None),
    ("mobilenet-v2", 64, 200, MobileNetV2, None),
    ("preact-resnet-18", 32, 10, lambda classes: PreActResNet(classes, [2, 2, 2, 2]), None),
    ("preact-resnet-18-bn", 32, 10, lambda classes: PreActResNet(classes, [2, 2, 2, 2], True), None),
    ("preact-resnet-18", 64, 200, lambda classes: PreActResNet(classes, [2, 2, 2, 2]), None),
    ("preact-resnet-34", 64, 200, lambda classes: PreActResNet(classes, [3, 4, 6, 3]), None),
    ("wide-resnet-34-10", 32, 10, lambda classes: TradesWideResNet(classes, 34, 10), None),
    ("wide-resnet-34-10-c", 32, 10, lambda classes: TradesWideResNet(classes, 34, 10), None),
    ("wide-resnet-28-10", 32, 10, lambda classes: TradesWideResNet(classes, 28, 10), None),
    ("wide-resnet-16-1", 32, 10, lambda classes: TradesWideResNet(classes, 16, 1), None),
    ("wide-resnet-16-2-deepmind-relu", 32, 10, lambda classes: DeepMindWideResNet(classes, 16, 2, F.relu), own_cifar10),
    ("wide-resnet-22-6", 32, 100, lambda classes: DeepMindWideResNet(classes, 22, 6), own_cifar100),
    ("wide-resnet-70-16", 32, 100, lambda classes: DeepMindWideResNet(classes, 70, 16), own_cifar100),
]

golden = []
with torch.no_grad():
    for name, size, classes, make, own in cases:
        mean, std = (torch.tensor(part, dtype=torch.float64).view(3, 1, 1) for part in own or ([0.4, 0.5, 0.6], [0.2, 0.25, 0.3]))
        images = (uniform("images", 2 * 3 * size * size) / 2 + 0.5).float().double().reshape(2, 3, size, size)
        model = make(classes).eval()
        fill(model)
        parameters = sum(p.numel() for p in model.parameters())
        logits = model.double()((images - mean) / std)
        golden.append({"id": name, "size": size, "classes": classes, "parameters": parameters, "logits": logits.tolist()})
        print(name, size, classes, parameters, "logits", logits.abs().max().item(), "differ", (logits[0] - logits[1]).abs().max().item(), flush=True)
        del model
Path(__file__).with_suffix(".json").write_text("[\n" + ",\n".join(json.dumps(case) for case in golden) + "\n]\n")
