"""Attacks in PyTorch, for scripts/bench/attacks.mjs to compare with: one JSON line in, one JSON line out.

    python attacks.py FOLDER [--auto-attack DIR] [--channels-last] [--threads N]

FOLDER holds settings.json and tensors.safetensors, which attacks.mjs wrote; DIR a checkout of github.com/fra31/auto-attack. The command
{"attack": NAME} runs one timed attack: PGD-20 as most evaluations write it, every other by AutoAttack, aa being all of it.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import torch
from torch.nn import functional as F

import networks
from step import read_safetensors, say

STANDARD = ["apgd-ce", "apgd-t", "fab-t", "square"]


def pgd(model, images, labels, epsilon, step_size, steps):
    adversarial = images + torch.empty_like(images).uniform_(-epsilon, epsilon)
    for _ in range(steps):
        adversarial.requires_grad_(True)
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(adversarial), labels), adversarial)
        with torch.no_grad():
            adversarial = adversarial + step_size * gradient.sign()
            adversarial = torch.min(torch.max(adversarial, images - epsilon), images + epsilon).clamp(0, 1)
    return adversarial


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--auto-attack")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    layout = torch.channels_last if arguments.channels_last else torch.contiguous_format
    settings = json.loads((arguments.folder / "settings.json").read_text())
    tensors = read_safetensors(arguments.folder / "tensors.safetensors")
    images = tensors.pop("images").permute(0, 3, 1, 2).contiguous(memory_format=layout)
    labels = tensors.pop("labels").long()
    model = networks.create(settings["network"], settings["classes"])
    model.load_state_dict(tensors)
    if settings["normalization"]:
        model = networks.Normalized(model, **settings["normalization"])
    model = model.eval().to(memory_format=layout)

    def attacked(name):
        if name == "pgd-sat":
            return pgd(model, images, labels, settings["epsilon"], 2 / 255, 20)
        sys.path.insert(0, arguments.auto_attack)
        from autoattack import AutoAttack

        options = {"norm": "Linf", "eps": settings["epsilon"], "version": "custom", "device": "cpu", "verbose": False}
        # Its FAB cannot take channels-last images: they stay contiguous, and the model makes them over.
        looked_at = lambda shown: model(shown.contiguous(memory_format=layout))
        attack = AutoAttack(looked_at, attacks_to_run=STANDARD if name == "aa" else [name], **options)
        attack.apgd.n_restarts = attack.fab.n_restarts = attack.apgd_targeted.n_restarts = 1
        attack.fab.n_target_classes = attack.apgd_targeted.n_target_classes = 9
        return attack.run_standard_evaluation(images.contiguous(), labels, bs=len(images))

    say({"torch": torch.__version__})
    for line in sys.stdin:
        name = json.loads(line)["attack"]
        before, start = cpu_seconds(), time.perf_counter()
        adversarial = attacked(name)
        seconds, used = time.perf_counter() - start, cpu_seconds() - before
        with torch.no_grad():
            robust = (model(images).argmax(1) == labels) & (model(adversarial).argmax(1) == labels)
        say({"seconds": seconds, "cpuSeconds": used, "robust": int(robust.sum())})


if __name__ == "__main__":
    main()
