"""Compares TensorBoard's event files of runs with their metrics.jsonl, by TensorBoard's own readers.

    python check.py RUNS

RUNS is a folder of run directories, or one of them; `pip install tensorboard` brings the readers. Every tag, every step and every number
must be there exactly once and in order, and none besides. Ends with 1 and the differences if that is not so.
"""

import json
import math
import re
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import metadata as hparams
from tensorboard.util import tensor_util

SCHEDULE = ("epoch", "learningRate", "seconds")


def single(value):
    """A number as single precision has it."""
    return math.nan if value is None else struct.unpack("<f", struct.pack("<f", value))[0]


def tag_of(name):
    if name in SCHEDULE:
        return f"schedule/{name}"
    words = re.fullmatch(r"(.+)([A-Z][a-z]*)", name)
    return f"{words[1]}/{words[2].lower()}" if words else name


def expected_of(folder):
    """The points that a run's metrics have, by tag, and the steps of its evaluations."""
    points, evaluations = {}, []

    def add(tag, step, value):
        points.setdefault(tag, []).append((step, single(value)))

    for line in (folder / "metrics.jsonl").read_text().splitlines():
        content = json.loads(line)
        step = content["step"]
        if "best" not in content:
            for name, value in content.items():
                if name != "step":
                    add(tag_of(name), step, value)
            continue
        evaluations.append(step)
        for found, group, best in (
            (content, "accuracy", "best"),
            (content.get("averaged"), "averaged", "bestAveraged"),
        ):
            for each in [group, *([best] if found and found["best"] else [])]:
                for name in ("clean", "robust", "wRobust"):
                    if found:
                        add(f"{each}/{name}", step, found[name])
    return points, evaluations


def same(left, right):
    """Whether two lists of points are equal, NaN to NaN."""
    return len(left) == len(right) and all(
        step == other and (value == number or (math.isnan(value) and math.isnan(number)))
        for (step, value), (other, number) in zip(left, right)
    )


def check(folder):
    points, evaluations = expected_of(folder)
    problems = []

    # All records of all files, one by one: a reader that accumulates might hide a point that is there twice.
    found, pictures, starts, ends = {}, [], 0, 0
    for path in sorted(folder.glob("*tfevents*")):
        times = []
        for event in EventFileLoader(str(path)).Load():
            times.append(event.wall_time)
            for value in event.summary.value:
                plugin = value.metadata.plugin_data.plugin_name
                if plugin == "images":
                    assert value.tensor.string_val[2].startswith(b"\x89PNG"), "a picture is no PNG"
                    pictures.append(event.step)
                elif value.tag == hparams.SESSION_START_INFO_TAG:
                    starts += 1
                elif value.tag == hparams.SESSION_END_INFO_TAG:
                    ends += 1
                else:
                    number = tensor_util.make_ndarray(value.tensor).item()
                    found.setdefault(value.tag, []).append((event.step, number))
        if times != sorted(times):
            problems.append(f"the times of {path.name} go back")
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    accumulated = {
        tag: [(event.step, event.value) for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }

    for name, got in (("its files", found), ("its EventAccumulator", accumulated)):
        if sorted(got) != sorted(points):
            problems.append(f"{name}: tags {sorted(set(got) ^ set(points))} are in one of the two only")
        for tag in sorted(set(got) & set(points)):
            if not same(got[tag], points[tag]):
                problems.append(f"{name}: {tag} has {len(got[tag])} points, or others than the {len(points[tag])}")
    if pictures != sorted(set(pictures)) or not set(pictures) <= set(evaluations):
        problems.append(f"pictures of steps {pictures}, evaluations of {evaluations}")
    finished = (folder / "summary.json").exists()
    if (starts, ends) != (1, int(finished)):
        problems.append(f"{starts} beginnings and {ends} ends of a run that is {'' if finished else 'not '}finished")
    steps = max((step for step, _ in points.get("schedule/epoch", [])), default=0)
    size = sum(path.stat().st_size for path in folder.glob("*tfevents*"))
    print(
        f"{folder}: {steps} steps, {len(evaluations)} evaluations, {len(points)} tags, "
        f"{sum(map(len, points.values()))} points, {len(pictures)} pictures, {size} bytes: "
        + ("; ".join(problems) or "equal")
    )
    return not problems


root = Path(sys.argv[1])
runs = sorted(path.parent for path in [*root.glob("metrics.jsonl"), *root.glob("*/metrics.jsonl")])
if not runs:
    sys.exit(f"no runs in {root}")
sys.exit(0 if all([check(run) for run in runs]) else 1)
