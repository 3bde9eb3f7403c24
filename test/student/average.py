"""Writes average.json: weights and statistics of a network after each of six steps of SGD, and their moving average, by PyTorch.

Run by hand, with torch: python test/student/average.py
"""

import json
from pathlib import Path

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

DECAY, STEPS = 0.3, 6


def average(averaged, current, updates):
    """`updates` counts the first one, which copies the weights that training starts from."""
    decay = min(DECAY, updates / (9 + updates))
    return decay * averaged + (1 - decay) * current


def values(model):
    return {
        name: {"shape": list(tensor.shape), "values": tensor.flatten().tolist()}
        for name, tensor in model.state_dict().items()
        if tensor.is_floating_point()
    }


torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
model = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
averaged = AveragedModel(model, avg_fn=average, use_buffers=True)
averaged.update_parameters(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
start, after = values(model), []
for _ in range(STEPS):
    images, labels = torch.rand(6, 1, 4, 4), torch.randint(0, 2, (6,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()
    averaged.update_parameters(model)
    after.append({"weights": values(model), "average": values(averaged.module)})

path = Path(__file__).parent / "average.json"
path.write_text(json.dumps({"decay": DECAY, "start": start, "after": after}) + "\n")
