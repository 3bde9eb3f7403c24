"""
Makes golden-step.json: one training step of B-MTARD on a tiny network, in float64 by PyTorch.

    python test/self-check/golden_step.py > src/self-check/golden-step.json

Weights, momenta, images and teachers' logits come from a formula that src/self-check/golden-step.ts has as well.
"""

import json
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)

CLASSES, COUNT, SIDE = 4, 6, 8
SETTINGS = {
    "epsilon": 0.03,
    "innerSteps": 3,
    "innerStepSize": 0.0075,
    "klScale": 1,
    "beta": 1,
    "weightRate": 0.025,
    "temperatureRate": 0.001,
    "learningRate": 0.1,
    "momentum": 0.9,
    "weightDecay": 0.0002,
}
STATE = {
    "temperatures": {"nat": 2, "adv": 3},
    "weights": {"nat": 0.6, "adv": 0.4},
    "firstLosses": {"nat": 0.3, "adv": 0.2},
}
MEAN, STD = (0.5, 0.45, 0.4), 0.25


def formula(shape, frequency, scale, shift=0.0):
    """scale * sin(frequency * i^2) + shift for i = 1, 2, ..., rounded to float32."""
    values = [scale * math.sin(frequency * i * i) + shift for i in range(1, math.prod(shape) + 1)]
    return torch.tensor(values, dtype=torch.float32).double().reshape(shape)


class Block(nn.Module):
    def __init__(self, channels, filters):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.shortcut = nn.Sequential(nn.Conv2d(channels, filters, 1, 2, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x):
        inner = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(6)
        self.block = Block(6, 8)
        self.linear = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = (x - torch.tensor(MEAN).reshape(1, 3, 1, 1)) / STD
        x = self.block(F.relu(self.bn1(self.conv1(x))))
        return self.linear(x.mean((2, 3)))


def initial(ordinal, name, shape):
    """The initial values of the parameter that comes `ordinal`-th in the state_dict."""
    frequency = 0.37 + 0.01 * ordinal
    if len(shape) > 1:
        return formula(shape, frequency, 1.5 / math.sqrt(math.prod(shape[1:])))
    around_one = name.endswith(".weight") or name.endswith(".running_var")
    return formula(shape, frequency, 0.3 if around_one else 0.1, 1.0 if around_one else 0.0)


def distillation_loss(student, teacher, temperature):
    p = F.softmax(teacher / temperature, dim=1)
    return (p * torch.log(p + 1e-5) - p * F.log_softmax(student, dim=1)).mean() * SETTINGS["klScale"]


def entropy(logits, temperature):
    p = F.softmax(logits / temperature, dim=1)
    return -(p * torch.log(p + 1e-5)).sum(1).mean().item()


def attack(network, images, labels):
    """PGD from the images themselves, and how near to 0 the gradients came whose signs were taken."""
    network.eval()
    adversarial, nearest = images, math.inf
    for _ in range(SETTINGS["innerSteps"]):
        adversarial = adversarial.detach().requires_grad_(True)
        loss = F.cross_entropy(network(adversarial), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, adversarial)
        nearest = min(nearest, (gradient.abs().min() / gradient.abs().mean()).item())
        moved = adversarial.detach() + SETTINGS["innerStepSize"] * gradient.sign()
        moved = torch.min(torch.max(moved, images - SETTINGS["epsilon"]), images + SETTINGS["epsilon"])
        adversarial = moved.clamp(0, 1)
    return adversarial, nearest


def main():
    network = Network()
    state = network.state_dict()
    names = [name for name in state if not name.endswith("num_batches_tracked")]
    for ordinal, name in enumerate(names):
        state[name] = initial(ordinal, name, tuple(state[name].shape))
    network.load_state_dict(state)
    images = formula((COUNT, SIDE, SIDE, 3), 0.53, 0.45, 0.5).permute(0, 3, 1, 2)
    labels = torch.arange(COUNT) % CLASSES
    clean = formula((COUNT, CLASSES), 0.71, 3.0)
    robust = formula((COUNT, CLASSES), 0.83, 2.0)

    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=SETTINGS["learningRate"],
        momentum=SETTINGS["momentum"],
        weight_decay=SETTINGS["weightDecay"],
    )
    for name, parameter in network.named_parameters():
        momentum = formula(tuple(parameter.shape), 0.91 + 0.01 * names.index(name), 0.01)
        optimizer.state[parameter]["momentum_buffer"] = momentum.clone()

    adversarial, nearest = attack(network, images, labels)
    assert nearest > 1e-4, f"a sign is decided by {nearest} of the mean gradient"
    network.train()
    student_adv = network(adversarial)
    student_nat = network(images)
    temperatures = STATE["temperatures"]
    loss_nat = distillation_loss(student_nat, clean, temperatures["nat"])
    loss_adv = distillation_loss(student_adv, robust, temperatures["adv"])
    relative = {
        "nat": loss_nat.item() / STATE["firstLosses"]["nat"],
        "adv": loss_adv.item() / STATE["firstLosses"]["adv"],
    }
    powers = {key: value ** SETTINGS["beta"] for key, value in relative.items()}
    rate = SETTINGS["weightRate"]
    moved = {
        key: max(0.0, rate * powers[key] / sum(powers.values()) + (1 - rate) * STATE["weights"][key])
        for key in powers
    }
    weights = {key: moved[key] / sum(moved.values()) for key in moved}
    entropies = {"nat": entropy(clean, temperatures["nat"]), "adv": entropy(robust, temperatures["adv"])}
    direction = math.copysign(SETTINGS["temperatureRate"], entropies["nat"] - entropies["adv"])
    total = weights["nat"] * loss_nat + weights["adv"] * loss_adv
    optimizer.zero_grad()
    total.backward()
    optimizer.step()

    after = network.state_dict()
    golden = {
        "settings": SETTINGS,
        "state": STATE,
        "report": {
            "lossNat": loss_nat.item(),
            "lossAdv": loss_adv.item(),
            "lossTotal": total.item(),
            "entropyNat": entropies["nat"],
            "entropyAdv": entropies["adv"],
            "temperatureNat": temperatures["nat"] - direction,
            "temperatureAdv": temperatures["adv"] + direction,
            "weightNat": weights["nat"],
            "weightAdv": weights["adv"],
        },
        "weights": {name: [float(f"{value:.9g}") for value in after[name].flatten().tolist()] for name in names},
    }
    json.dump(golden, sys.stdout)
    print()
    print(f"signs decided by {nearest:.1e} of the mean gradient or more", file=sys.stderr)


main()
