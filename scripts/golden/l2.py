"""
Which of the first 256 CIFAR-10 test images withstand L2 attacks of radius 0.5, by the public implementation of AutoAttack and by PyTorch.

    git clone https://github.com/fra31/auto-attack
    python scripts/golden/l2.py auto-attack SHARED OUT.json [IMAGES]

SHARED is the folder with data/ and teachers/; what OUT.json has is not made again, so that a call goes on where one was stopped. IMAGES
limits those of the attacks that take long. FGSM, PGD and CW are written here as in MadryLab/robustness (`attack_steps.py`, L2Step): steps
along the gradient divided by its norm, a projection on to the ball, then a clamp to [0, 1].
"""

import json
import pathlib
import sys
import tarfile

import numpy as np
import torch

sys.path.insert(0, sys.argv[1])
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "bench"))
from autoattack.autopgd_base import APGDAttack, APGDAttack_targeted  # noqa: E402
from autoattack.fab_pt import FABAttack_PT  # noqa: E402
from autoattack.square import SquareAttack  # noqa: E402
from networks import ResNet  # noqa: E402

COUNT, EPSILON, BATCH = 256, 0.5, 32
MODEL = "cifar10-resnet20-robust.pth"
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def test_images(shared):
    with tarfile.open(shared / "data/cifar-10-binary-subset.tar.gz") as archive:
        member = next(each for each in archive.getmembers() if each.name.endswith("test_batch.bin"))
        records = np.frombuffer(archive.extractfile(member).read(), np.uint8).reshape(-1, 3073)[:COUNT]
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy()).float() / 255
    return images, torch.from_numpy(records[:, 0].astype(np.int64))


def network(shared):
    resnet = ResNet([3, 3, 3], 16, True, 10)
    resnet.load_state_dict(torch.load(shared / "teachers" / MODEL, map_location="cpu", weights_only=True))
    resnet.eval().requires_grad_(False)
    mean, std = (torch.tensor(each).reshape(1, 3, 1, 1) for each in (MEAN, STD))
    return lambda images: resnet((images - mean) / std)


def lengths(moves):
    return moves.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)


def margin(logits, labels):
    right = logits.gather(1, labels[:, None])[:, 0]
    return logits.scatter(1, labels[:, None], -torch.inf).amax(1) - right


def cross_entropy(logits, labels):
    return torch.nn.functional.cross_entropy(logits, labels, reduction="none")


def pgd(model, images, labels, loss, steps, step_size, random):
    points = images.clone()
    if random:
        noise = torch.randn_like(images)
        radius = EPSILON * torch.rand(len(images), 1, 1, 1) ** (1 / images[0].numel())
        points = images + noise / lengths(noise) * radius
    for _ in range(steps):
        points.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(model(points), labels).sum(), points)
        moves = points.detach() + step_size * gradient / (lengths(gradient) + 1e-12) - images
        points = (images + moves.renorm(2, 0, EPSILON)).clamp(0, 1)
    return points


def main():
    shared, out = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    limit = int(sys.argv[4]) if len(sys.argv) > 4 else COUNT
    model = network(shared)
    all_images, all_labels = test_images(shared)
    options = {"norm": "L2", "eps": EPSILON, "seed": 0, "device": "cpu"}
    quick = {
        "clean": lambda images, labels: images,
        "fgsm": lambda images, labels: pgd(model, images, labels, cross_entropy, 1, EPSILON, False),
        "pgd-sat": lambda images, labels: pgd(model, images, labels, cross_entropy, 20, 0.125, True),
        "pgd-trades": lambda images, labels: pgd(model, images, labels, cross_entropy, 20, 0.05, True),
        "cw": lambda images, labels: pgd(model, images, labels, margin, 30, 0.125, True),
        "apgd-ce": APGDAttack(model, n_iter=100, loss="ce", **options).perturb,
    }
    slow = {
        "apgd-dlr": APGDAttack(model, n_iter=100, loss="dlr", **options).perturb,
        "apgd-t": APGDAttack_targeted(model, n_iter=100, n_target_classes=9, **options).perturb,
        "fab-t": FABAttack_PT(model, n_iter=100, targeted=True, n_target_classes=9, **options).perturb,
        "square": SquareAttack(model, n_queries=5000, resc_schedule=False, **options).perturb,
    }
    verdicts = json.loads(out.read_text())[MODEL] if out.exists() else {}

    def go_on(name, attack, first):
        known = verdicts.setdefault(name, [])
        if len(known) != first:
            return
        images, labels = all_images[first : first + BATCH], all_labels[first : first + BATCH]
        torch.manual_seed(first)
        attacked = attack(images.clone(), labels.clone())
        # What leaves the ball does not count: FAB keeps the nearest image it found, wherever that is.
        within = (lengths(attacked - images) <= EPSILON * (1 + 1e-5)).flatten()
        right = model(images).argmax(1) == labels
        withstood = right & ((model(attacked).argmax(1) == labels) | ~within)
        known.extend(withstood.int().tolist())
        out.write_text(json.dumps({MODEL: verdicts}) + "\n")
        print(name, len(known), f"{100 * sum(known) / len(known):.2f}", file=sys.stderr, flush=True)

    for name, attack in quick.items():
        for first in range(0, COUNT, BATCH):
            go_on(name, attack, first)
    for first in range(0, limit, BATCH):
        for name, attack in slow.items():
            go_on(name, attack, first)


main()
