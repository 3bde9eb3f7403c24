"""The B-MTARD training step in PyTorch, for scripts/bench/run.mjs to compare with: one JSON line in, one JSON line out.

    python step.py FOLDER [--channels-last] [--threads N] [--device cpu|cuda] [--precision float32|bfloat16-attack|bfloat16]

FOLDER holds settings.json and tensors.safetensors, which run.mjs wrote. Commands: {"check": true} computes the losses of
batch 0 on the adversarial images of FOLDER; {"step": K} makes one timed step on batch K; {"peak": PRECISION} multiplies matrices.
In bfloat16 the attack, or the attack and both training passes, run under torch.autocast; losses and teachers are float32.
"""

import argparse
import copy
import json
import sys
import time
from pathlib import Path

import torch
from torch.nn import functional as F

import networks


def read_safetensors(path):
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[:8], "little")
    entries = json.loads(data[8 : 8 + size])
    entries.pop("__metadata__", None)
    return {
        name: torch.frombuffer(
            data, dtype=torch.float32, count=(end - begin) // 4, offset=8 + size + begin
        ).reshape(entry["shape"])
        for name, entry in entries.items()
        for begin, end in [entry["data_offsets"]]
    }


class Training:
    """Student, teachers and optimiser, and the state of the two balances."""

    def __init__(self, folder, device, layout, precision):
        self.settings = json.loads((folder / "settings.json").read_text())
        self.tensors = read_safetensors(folder / "tensors.safetensors")
        self.device = device
        self.layout = layout
        self.half_attack = precision != "float32"
        self.half_training = precision == "bfloat16"
        self.student = self.load("student")
        self.clean_teacher = self.load("clean").eval()
        self.robust_teacher = self.load("robust").eval()
        s = self.settings
        self.optimizer = torch.optim.SGD(
            self.student.parameters(),
            lr=s["learningRate"],
            momentum=s["momentum"],
            weight_decay=s["weightDecay"],
            fused=True,
        )
        self.temperatures = {"nat": s["initialTemperature"], "adv": s["initialTemperature"]}
        self.weights = {"nat": 0.5, "adv": 0.5}
        self.first_losses = None

    def load(self, role):
        description = self.settings["networks"][role]
        network = networks.create(description["id"], description["classes"])
        state = {
            name.removeprefix(f"{role}."): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(f"{role}.")
        }
        network.load_state_dict(state)
        if description["normalization"]:
            network = networks.Normalized(network, **description["normalization"])
        return network.to(self.device, memory_format=self.layout)

    def batch(self, index):
        images = self.tensors["images"][index].permute(0, 3, 1, 2)
        labels = self.tensors["labels"][index].long().to(self.device)
        return self.placed(images), labels

    def placed(self, images):
        return images.contiguous().to(self.device, memory_format=self.layout)

    def autocast(self, half):
        return torch.autocast(self.device, torch.bfloat16, enabled=half)

    def attack(self, images, labels, noise):
        # One region around all of it, so that weights are rounded once.
        with self.autocast(self.half_attack):
            return self.attacked(images, labels, noise)

    def attacked(self, images, labels, noise):
        s = self.settings
        self.student.eval()
        adversarial = images + s["innerStart"] * noise
        for _ in range(s["innerSteps"]):
            adversarial.requires_grad_(True)
            loss = F.cross_entropy(self.student(adversarial), labels)
            (gradient,) = torch.autograd.grad(loss, adversarial)
            with torch.no_grad():
                adversarial = adversarial + s["innerStepSize"] * gradient.sign()
                adversarial = torch.min(torch.max(adversarial, images - s["epsilon"]), images + s["epsilon"])
                adversarial = adversarial.clamp(0, 1)
        return adversarial

    def trained(self, student, adversarial, images):
        with self.autocast(self.half_training):
            adv, nat = student(adversarial), student(images)
        return adv.float(), nat.float()

    def distillation_loss(self, student, teacher, temperature):
        p = F.softmax(teacher / temperature, dim=1)
        return (p * torch.log(p + 1e-5) - p * F.log_softmax(student, dim=1)).mean() * self.settings["klScale"]

    def balanced_loss(self, loss_nat, loss_adv, clean, robust):
        """The total loss; the temperatures and weights move on (equations 12, 13 and 15 to 21)."""
        s = self.settings
        losses = {"nat": loss_nat.item(), "adv": loss_adv.item()}
        self.first_losses = self.first_losses or losses
        powers = {key: (losses[key] / self.first_losses[key]) ** s["beta"] for key in losses}
        rate = s["weightRate"]
        moved = {
            key: max(0.0, rate * powers[key] / sum(powers.values()) + (1 - rate) * self.weights[key])
            for key in losses
        }
        self.weights = {key: moved[key] / sum(moved.values()) for key in moved}
        entropies = {}
        for key, logits in [("nat", clean), ("adv", robust)]:
            p = F.softmax(logits / self.temperatures[key], dim=1)
            entropies[key] = -(p * torch.log(p + 1e-5)).sum(1).mean().item()
        difference = entropies["nat"] - entropies["adv"]
        step = s["temperatureRate"] * ((difference > 0) - (difference < 0))
        self.temperatures["nat"] = min(10.0, max(1.0, self.temperatures["nat"] - step))
        self.temperatures["adv"] = min(10.0, max(1.0, self.temperatures["adv"] + step))
        return self.weights["nat"] * loss_nat + self.weights["adv"] * loss_adv

    def now(self):
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def step(self, index):
        images, labels = self.batch(index)
        times = [self.now()]
        with torch.inference_mode():
            clean = self.clean_teacher(images)
        times.append(self.now())
        adversarial = self.attack(images, labels, torch.randn_like(images))
        times.append(self.now())
        with torch.inference_mode():
            robust = self.robust_teacher(adversarial)
        times.append(self.now())
        self.student.train()
        student_adv, student_nat = self.trained(self.student, adversarial, images)
        times.append(self.now())
        loss_nat = self.distillation_loss(student_nat, clean, self.temperatures["nat"])
        loss_adv = self.distillation_loss(student_adv, robust, self.temperatures["adv"])
        total = self.balanced_loss(loss_nat, loss_adv, clean, robust)
        self.optimizer.zero_grad()
        total.backward()
        self.optimizer.step()
        times.append(self.now())
        names = ["cleanTeacher", "attack", "robustTeacher", "forward", "learn"]
        return {
            "seconds": times[-1] - times[0],
            "parts": {name: end - start for name, start, end in zip(names, times, times[1:])},
        }

    def check(self):
        """The losses of batch 0 on given adversarial images, and how many pixels an attack from the same start has equal."""
        images, labels = self.batch(0)
        theirs = self.placed(self.tensors["adversarial"].permute(0, 3, 1, 2))
        own = self.attack(images, labels, self.placed(self.tensors["noise"].permute(0, 3, 1, 2)))
        with torch.no_grad():
            student = copy.deepcopy(self.student).train()
            temperature = self.settings["initialTemperature"]
            student_adv, student_nat = self.trained(student, theirs, images)
            loss_adv = self.distillation_loss(student_adv, self.robust_teacher(theirs), temperature)
            loss_nat = self.distillation_loss(student_nat, self.clean_teacher(images), temperature)
        return {
            "lossNat": loss_nat.item(),
            "lossAdv": loss_adv.item(),
            "equalPixels": ((own - theirs).abs() < 1e-6).float().mean().item(),
        }


def say(answer):
    print(json.dumps(answer), flush=True)


def matrix_peak(device, dtype):
    """Operations a second of the fastest of several products of two large matrices."""
    side, fastest = 2048, float("inf")
    left, right = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
    for _ in range(8):
        start = time.perf_counter()
        (left @ right)[0, 0].item()
        fastest = min(fastest, time.perf_counter() - start)
    return 2 * side**3 / fastest


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["float32", "bfloat16-attack", "bfloat16"], default="float32")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    # On a GPU float32 is float32, as it is in this program, and the fastest convolutions are looked for, as libtensorflow does.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    layout = torch.channels_last if arguments.channels_last else torch.contiguous_format
    training = Training(arguments.folder, arguments.device, layout, arguments.precision)
    say({"torch": torch.__version__, "threads": torch.get_num_threads()})
    for line in sys.stdin:
        command = json.loads(line)
        if "check" in command:
            say(training.check())
        elif "peak" in command:
            say({"peak": matrix_peak(arguments.device, getattr(torch, command["peak"]))})
        else:
            say(training.step(command["step"]))


if __name__ == "__main__":
    main()
