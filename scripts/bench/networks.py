"""The networks of the comparison as their authors wrote them in PyTorch; parameter names are theirs, and so ours."""

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut: a 1x1 convolution, or zero channels half before and half after (shortcut A)."""

    def __init__(self, channels, filters, stride, pads):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.missing = filters - channels if pads and stride != 1 else 0
        self.shortcut = nn.Sequential()
        if not pads and (stride != 1 or channels != filters):
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters)
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        half = self.missing // 2
        skipped = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, half)) if half else self.shortcut(x)
        return F.relu(y + skipped)


class ResNet(nn.Module):
    """kuangliu/pytorch-cifar's ResNet (from 64 channels) and akamaster/pytorch_resnet_cifar10's (from 16)."""

    def __init__(self, blocks, filters, pads, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, filters, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        channels = filters
        self.stages = [f"layer{stage + 1}" for stage in range(len(blocks))]
        for stage, (name, count) in enumerate(zip(self.stages, blocks)):
            layers = []
            for index in range(count):
                width = filters * 2**stage
                layers.append(Block(channels, width, 2 if stage > 0 and index == 0 else 1, pads))
                channels = width
            self.add_module(name, nn.Sequential(*layers))
        self.linear = nn.Linear(channels, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for name in self.stages:
            x = getattr(self, name)(x)
        return self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))


class PreActBlock(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.shortcut = None
        if stride != 1 or channels != filters:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, filters, 1, stride, bias=False))

    def forward(self, x):
        y = F.relu(self.bn1(x))
        skipped = x if self.shortcut is None else self.shortcut(y)
        return self.conv2(F.relu(self.bn2(self.conv1(y)))) + skipped


class PreActResNet(nn.Module):
    """kuangliu/pytorch-cifar's PreActResNet, pooled over the whole of the last map."""

    def __init__(self, blocks, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        channels = 64
        for stage, count in enumerate(blocks):
            layers = []
            for index in range(count):
                layers.append(PreActBlock(channels, 64 * 2**stage, 2 if stage > 0 and index == 0 else 1))
                channels = 64 * 2**stage
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layers))
        self.linear = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.conv1(x)))))
        return self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))


class InvertedResidual(nn.Module):
    def __init__(self, channels, filters, expansion, stride):
        super().__init__()
        planes = expansion * channels
        self.stride = stride
        self.conv1 = nn.Conv2d(channels, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, groups=planes, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, filters, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(filters)
        self.shortcut = nn.Sequential()
        if stride == 1 and channels != filters:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, filters, 1, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return y + self.shortcut(x) if self.stride == 1 else y


class MobileNetV2(nn.Module):
    """kuangliu/pytorch-cifar's MobileNetV2."""

    STAGES = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]

    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        layers, channels = [], 32
        for expansion, filters, count, stride in self.STAGES:
            for index in range(count):
                layers.append(InvertedResidual(channels, filters, expansion, stride if index == 0 else 1))
                channels = filters
        self.layers = nn.Sequential(*layers)
        self.conv2 = nn.Conv2d(channels, 1280, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(1280)
        self.linear = nn.Linear(1280, classes)

    def forward(self, x):
        x = self.layers(F.relu(self.bn1(self.conv1(x))))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Normalized(nn.Module):
    """Images in [0, 1], normalised before the network."""

    def __init__(self, network, mean, std):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, x):
        return self.network((x - self.mean) / self.std)


def create(name, classes):
    """The network of an id of ours; raises ValueError if it has none here."""
    if name == "mobilenet-v2":
        return MobileNetV2(classes)
    pre_activation = {"preact-resnet-18": [2, 2, 2, 2], "preact-resnet-34": [3, 4, 6, 3]}
    if name in pre_activation:
        return PreActResNet(pre_activation[name], classes)
    wide = {"resnet-18": [2, 2, 2, 2], "resnet-34": [3, 4, 6, 3]}
    if name in wide:
        return ResNet(wide[name], 64, False, classes)
    kind, _, depth = name.partition("-")
    if kind == "resnet" and depth.isdigit() and (int(depth) - 2) % 6 == 0:
        return ResNet([(int(depth) - 2) // 6] * 3, 16, True, classes)
    raise ValueError(f'there is no PyTorch "{name}" to compare with')
