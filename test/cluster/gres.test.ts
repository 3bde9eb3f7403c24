import { expect, it } from "vitest";
import { gresCounts } from "#mtard/cluster/gres.js";

// As sinfo prints them, and as sbatch takes them.
it.each([
  ["gpu:2", { gpu: 2 }],
  ["gpu", { gpu: 1 }],
  ["gpu:a100:4(S:0-1),nvme:1", { gpu: 4, "gpu:a100": 4, nvme: 1 }],
  ["gpu:a100:2,gpu:v100:1", { gpu: 3, "gpu:a100": 2, "gpu:v100": 1 }],
  ["gpu:a100", { gpu: 1, "gpu:a100": 1 }],
  ["gres/gpu=2", { gpu: 2 }],
  ["shard:2K", { shard: 2048 }],
  ["", {}],
])("%s", (text, counts) => {
  expect(Object.fromEntries(gresCounts(text))).toEqual(counts);
});
