import { describe, expect, it } from "vitest";
import { readSlurmOptions } from "#mtard/cluster/slurm-options.js";
import { InputError } from "#mtard/errors.js";

it("what nobody says is left to Slurm", () => {
  expect(readSlurmOptions({})).toEqual({
    ...{ partition: null, account: null, gres: null, time: null, timeSeconds: null, cpus: null, mem: null },
    ...{ maxJobs: null, extra: [], tries: 5, lead: null },
  });
});

it("options are read from flags and files", () => {
  const flags = {
    partition: "gpu,long",
    gres: "gpu:a100:1",
    time: "1-12",
    cpus: "8",
    mem: "16G",
    maxJobs: 4,
  };
  expect(
    readSlurmOptions({
      ...flags,
      extra: ["qos=long", "constraint=a100&nvme", "exclusive"],
      lead: 60,
      tries: "2",
    }),
  ).toMatchObject({
    ...{ partition: "gpu,long", gres: "gpu:a100:1", time: "1-12", timeSeconds: 129_600, cpus: 8, mem: "16G" },
    ...{ maxJobs: 4, lead: 60, tries: 2 },
    extra: [
      ["qos", "long"],
      ["constraint", "a100&nvme"],
      ["exclusive", null],
    ],
  });
  expect(readSlurmOptions({ time: 90, extra: "--qos=long" })).toMatchObject({
    timeSeconds: 5400,
    extra: [["qos", "long"]],
  });
});

describe("is refused:", () => {
  it.each([
    ["a line that ends", { partition: "gpu\n#SBATCH --wrap=x" }, "--partition cannot be said to Slurm"],
    ["an option in place of a value", { account: "--wrap=x" }, "--account cannot be said to Slurm"],
    ["a quote", { gres: 'gpu:1"' }, "--gres cannot be said to Slurm"],
    ["nothing", { partition: "" }, "--partition cannot be said to Slurm"],
    ["a hidden turn of the text", { partition: "gpu\u202e" }, "--partition cannot be said to Slurm"],
    ["a list", { partition: ["a"] }, "--partition cannot be said to Slurm"],
    ["half a processor", { cpus: 0.5 }, "--cpus is no number of that"],
    ["no jobs at once", { maxJobs: 0 }, "--max-jobs is no number of that"],
    ["memory in words", { mem: "lots" }, "--mem is no amount of memory"],
    ["a time that is none", { time: "soon" }, "--time is no time that Slurm takes"],
    ["a lead that leaves no time", { time: "1", lead: 31 }, "--lead leaves a job no time to work"],
    ["an extra option without a name", { extra: ["=x"] }, "--sbatch is no option of sbatch"],
    ["an extra option with two words", { extra: ["comment=a b"] }, "--sbatch is no option of sbatch"],
    ["an extra option with an option", { extra: ["qos=-x"] }, "--sbatch is no option of sbatch"],
    ["an extra value of another type", { extra: [{}] }, "--sbatch is no option of sbatch"],
    ["an option that has a flag", { extra: ["time=5"] }, "--sbatch cannot set time"],
    ["an option that is mtard's", { extra: ["output=/etc/passwd"] }, "--sbatch cannot set output"],
  ])("%s", (_, flags, message) => {
    expect(() => readSlurmOptions(flags)).toThrow(InputError);
    expect(() => readSlurmOptions(flags)).toThrow(message);
  });
});
