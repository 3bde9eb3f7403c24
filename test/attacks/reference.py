"""
Makes reference.json: what the public implementation of AutoAttack does on a tiny network that the tests build by the same formula.

    git clone https://github.com/fra31/auto-attack && python test/attacks/reference.py auto-attack > test/attacks/reference.json
"""

import json
import sys

import torch

sys.path.insert(0, sys.argv[1])
from autoattack.autopgd_base import APGDAttack, APGDAttack_targeted  # noqa: E402
from autoattack.fab_projections import projection_l2, projection_linf  # noqa: E402
from autoattack.fab_pt import FABAttack_PT  # noqa: E402
from autoattack.square import SquareAttack  # noqa: E402

COUNT, PIXELS, HIDDEN, CLASSES = 4, 16, 12, 10
EPSILON, EPSILON_L2 = 0.02, 0.06
STEPS = 40


def formula(shape, frequency, scale, shift=0.0):
    """scale * sin(frequency * (i + 1)^2) + shift, i counting the elements: the same numbers in any language."""
    index = torch.arange(1, torch.Size(shape).numel() + 1, dtype=torch.float64)
    return (scale * torch.sin(frequency * index * index) + shift).reshape(shape).float()


class Network(torch.nn.Module):
    """tanh(x W1) W2, which writes down what it is shown."""

    def __init__(self):
        super().__init__()
        self.first = formula([PIXELS, HIDDEN], 0.37, 1.2)
        self.second = formula([HIDDEN, CLASSES], 0.61, 1.5)
        self.seen = []

    def forward(self, images):
        self.seen.append(images.detach().reshape(len(images), -1).clone())
        return torch.tanh(images.reshape(len(images), -1) @ self.first) @ self.second


def rounded(tensor):
    return [[float(f"{value:.7g}") for value in row] for row in tensor.tolist()]


def trajectory(points, left):
    """Every fourth point of the images that no earlier point had fooled."""
    return [rounded(each[kept]) for each, kept in list(zip(points, left))[::4]]


def withstood(flags):
    """For each look, which images had withstood all looks before it."""
    before = torch.ones([1, COUNT], dtype=torch.bool)
    return torch.cat([before, torch.stack(flags)[:-1]]).int().cumprod(0).bool()


def ascents(network, images, labels, start, norm, epsilon):
    result = {}
    for name, loss, attack_class in [
        ("crossEntropy", "ce", APGDAttack),
        ("dlr", "dlr", APGDAttack),
        ("dlrTargeted", "dlr-targeted", APGDAttack_targeted),
    ]:
        attack = attack_class(network, n_iter=STEPS, norm=norm, eps=epsilon, device="cpu")
        attack.loss = loss
        attack.y_target = network(images).sort(dim=1)[1][:, -3]
        attack.init_hyperparam(images)
        network.seen.clear()
        _, right, _, _ = attack.attack_single_run(images, labels, x_init=start)
        seen = list(network.seen)
        left = withstood([network(points).argmax(1) == labels for points in seen])
        result[name] = {"points": trajectory(seen, left), "right": right.int().tolist()}
    return result


def search(network, images, labels, norm, epsilon):
    attack = FABAttack_PT(network, norm=norm, n_iter=STEPS, eps=epsilon, targeted=True, device="cpu")
    attack.target_class = 2
    network.seen.clear()
    attack.attack_single_run(images, labels, is_targeted=True)
    # Two looks at the clean images, then at each step one for the gradient and one for the answer.
    seen, answered = network.seen[2::2], network.seen[3::2]
    flat = images.reshape(COUNT, -1)
    distances = {"Linf": lambda moves: moves.abs().amax(1), "L2": lambda moves: moves.norm(dim=1)}[norm]
    left = withstood(
        [(network(points).argmax(1) == labels) | (distances(points - flat) > epsilon) for points in answered]
    )
    return {"points": trajectory(seen, left)}


def projections(project):
    points = formula([7, 12], 0.29, 0.5, 0.5)
    normals = formula([7, 12], 0.53, 2.0)
    normals[2, 3:] = 0
    normals[3] = 0
    points[4, :6] = 0
    points[5, :6] = 1
    gaps = torch.tensor([0.3, -2.5, 0.4, 0.5, -7.0, 40.0, 0.0])
    offsets = (normals.double() * points.double()).sum(1) + gaps.double()
    moves = project(points.double(), normals.double(), offsets)
    return {"gaps": gaps.tolist(), "moves": rounded(moves)}


def square_patches():
    """The public code's patches of some sides, which it turns or not, as its next random number says."""
    attack = SquareAttack(None, norm="L2", eps=1.0, device="cpu")
    patches = {}
    for side in (1, 3, 6, 7):
        for seed in range(20):
            torch.manual_seed(seed)
            if torch.rand([1]) <= 0.5:
                torch.manual_seed(seed)
                patches[side] = [float(f"{value:.7g}") for value in attack.eta(side).flatten().tolist()]
                break
    return patches


def main():
    network = Network()
    images = formula([COUNT, 1, 4, 4], 0.173, 0.45, 0.5)
    labels = network(images).argmax(1)
    result = {"labels": labels.tolist()}

    start = (images + formula(images.shape, 1.31, EPSILON)).clamp(0, 1)
    result["ascents"] = ascents(network, images, labels, start, "Linf", EPSILON)
    result["search"] = search(network, images, labels, "Linf", EPSILON)
    result["projection"] = projections(projection_linf)

    start_l2 = (images + formula(images.shape, 1.31, EPSILON_L2 / 4)).clamp(0, 1)
    result["l2"] = {
        "ascents": ascents(network, images, labels, start_l2, "L2", EPSILON_L2),
        "search": search(network, images, labels, "L2", EPSILON_L2),
        "projection": projections(projection_l2),
        "patches": square_patches(),
    }

    attack = APGDAttack_targeted(network, norm="Linf", eps=EPSILON)
    logits = torch.tensor(
        [
            [3.1, -0.4, 1.2, 0.9, -2.2],
            [0.3, 1.4, -0.7, 2.6, 0.1],
            [1.5, 1.5, 1.5, 0.5, 1.5],
            [2.0, 2.0, 0.0, -1.0, 0.0],
            [2.0, 2.0, 0.0, -1.0, 0.0],
        ],
        requires_grad=True,
    )
    truth, attack.y_target = torch.tensor([0, 1, 0, 0, 1]), torch.tensor([2, 3, 4, 1, 2])
    result["losses"] = {"logits": logits.tolist(), "labels": truth.tolist(), "targets": attack.y_target.tolist()}
    for name, definition in [("dlr", attack.dlr_loss), ("dlrTargeted", attack.dlr_loss_targeted)]:
        values = definition(logits, truth)
        (gradient,) = torch.autograd.grad(values.sum(), logits)
        result["losses"][name] = {"loss": values.tolist(), "gradient": rounded(gradient)}
    json.dump(result, sys.stdout)


main()
