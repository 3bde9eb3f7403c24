import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { multiplyAdds } from "#mtard/graph/multiply-adds.js";
import { firstMultiplyAdds, secondsAtPeak, stepOperations } from "../../scripts/bench/arithmetic.mjs";
import {
  caseName,
  COMPILE,
  parseCases,
  parseWords,
  PRECISIONS,
  precisionSettings,
  USUAL_CASES,
} from "../../scripts/bench/cases.mjs";
import { compareLosses, compareSides, type Turn } from "../../scripts/bench/measure-case.mjs";
import { parseOneDnn } from "../../scripts/bench/onednn.mjs";
import { parsePeak, parseStat, takenBy } from "../../scripts/bench/processes.mjs";
import { collect } from "../../scripts/bench/profile-lines.mjs";
import { formatSeconds, summarize } from "../../scripts/bench/summary.mjs";
import { createNetwork } from "../../src/networks/networks.js";
import { hasShared, shared } from "../shared.js";

const dataDir = mkdtempSync(join(tmpdir(), "mtard-bench-test-"));
afterAll(() => rmSync(dataDir, { recursive: true }));

function bench(...flags: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ["scripts/bench/run.mjs", ...flags], { encoding: "utf8" });
}

describe("summarize", () => {
  it("gives median, minimum and quartiles as numpy.quantile does", () => {
    expect(summarize([4, 1, 3, 2])).toEqual({
      median: 2.5,
      minimum: 1,
      lowerQuartile: 1.75,
      upperQuartile: 3.25,
    });
    expect(summarize([7])).toEqual({ median: 7, minimum: 7, lowerQuartile: 7, upperQuartile: 7 });
  });
});

describe("formatSeconds", () => {
  it("takes the unit that fits", () => {
    expect(formatSeconds(1.2345)).toBe("1.234 s");
    expect(formatSeconds(0.05678)).toBe("56.8 ms");
  });
});

describe("multiplyAdds", () => {
  // torch.utils.flop_counter's for scripts/bench/networks.py, halved.
  it.each([
    ["resnet-18", 32, 10, 555_422_720],
    ["resnet-20", 32, 10, 40_551_040],
    ["mobilenet-v2", 32, 10, 91_154_944],
    ["preact-resnet-18", 64, 200, 2_221_772_800],
  ])("counts those of %s on images of %i as PyTorch does", (id, size, classes, known) => {
    const image = { height: size, width: size, channels: 3 };
    expect(multiplyAdds(createNetwork(id, { image, classes }))).toBe(known);
  });

  it("counts apart those that read the images", () => {
    const image = { height: 32, width: 32, channels: 3 };
    expect(firstMultiplyAdds(createNetwork("resnet-18", { image, classes: 10 }))).toBe(32 * 32 * 27 * 64);
  });
});

describe("stepOperations", () => {
  const network = createNetwork("resnet-8", {
    image: { height: 32, width: 32, channels: 3 },
    classes: 10,
  });
  const [all, first] = [multiplyAdds(network), firstMultiplyAdds(network)];
  const operations = stepOperations({
    ...{ student: network, clean: network, robust: network },
    ...{ batch: 8, steps: 10 },
  });

  it("counts two operations a multiply-add, and no gradient of the images in training", () => {
    expect(operations).toEqual({
      cleanTeacher: 16 * all,
      attack: 320 * all,
      robustTeacher: 16 * all,
      forward: 32 * all,
      learn: 16 * (4 * all - 2 * first),
    });
  });

  it("takes each part at the peak of its precision", () => {
    const { cleanTeacher, attack, robustTeacher, forward, learn } = operations;
    const [teachers, training] = [cleanTeacher + robustTeacher, forward + learn];
    const peaks = { float32: 10, bfloat16: 40 };
    expect(secondsAtPeak(operations, "float32", peaks)).toBeCloseTo((teachers + attack + training) / 10);
    expect(secondsAtPeak(operations, "bfloat16-attack", peaks)).toBeCloseTo(
      (teachers + training) / 10 + attack / 40,
    );
    expect(secondsAtPeak(operations, "bfloat16", peaks)).toBeCloseTo(
      teachers / 10 + (attack + training) / 40,
    );
  });
});

describe("parseCases", () => {
  it("reads networks, sizes and batches, and caseName writes them", () => {
    const text = "resnet-18/32,preact-resnet-18@64/16";
    const cases = parseCases(text);
    expect(cases).toEqual([
      { student: "resnet-18", batch: 32, size: 32, classes: 10 },
      { student: "preact-resnet-18", batch: 16, size: 64, classes: 200 },
    ]);
    expect(cases.map(caseName).join()).toBe(text);
    expect(parseCases(USUAL_CASES).map(caseName).join()).toBe(USUAL_CASES);
  });

  it.each(["", "resnet-18", "resnet-18/", "resnet-18/0", "/32", "resnet-18@/32", "resnet-18/32,"])(
    "refuses %j",
    (text) => expect(() => parseCases(text)).toThrow("--cases is wrong"),
  );
});

describe("parseWords", () => {
  it("takes known words once each", () => {
    expect(parseWords("compile", "off, on,off", COMPILE)).toEqual(["off", "on"]);
    expect(() => parseWords("precision", "float16", PRECISIONS)).toThrow("--precision is wrong");
  });
});

describe("precisionSettings", () => {
  it("names the program's settings", () => {
    expect(PRECISIONS.map(precisionSettings)).toEqual([
      { precision: "float32", attackPrecision: "float32" },
      { precision: "float32", attackPrecision: "bfloat16" },
      { precision: "bfloat16", attackPrecision: "bfloat16" },
    ]);
  });
});

describe("takenBy", () => {
  it("finds the fields behind a name with brackets and spaces", () => {
    const stat = "42 (a) b (c) S 7 1 1 0 -1 4 0 0 0 0 250 50 9 9 20 0 1 0";
    expect(parseStat(stat)).toEqual({ parent: 7, cpuSeconds: 3 });
  });

  it("reads the peak, and 0 of a process that is gone", () => {
    expect(parsePeak("Name:\tnode\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n")).toBe(2 ** 21);
    expect(parsePeak("")).toBe(0);
  });

  it("adds what children take", async () => {
    const alone = takenBy(process.pid).peakBytes;
    const idle = spawn(process.execPath, ["-e", "console.log(1); setInterval(() => {}, 1000)"]);
    try {
      await once(idle.stdout, "data");
      const child = takenBy(idle.pid ?? 0).peakBytes;
      expect(child).toBeGreaterThan(2 ** 20);
      expect(takenBy(process.pid).peakBytes).toBeGreaterThanOrEqual(alone + child);
    } finally {
      idle.kill();
    }
  });
});

describe("compareLosses", () => {
  const losses = { float32: { lossNat: 1, lossAdv: 2 }, bfloat16: { lossNat: 1.01, lossAdv: 2 } };

  it("accepts what rounding explains, by precision", () => {
    const theirs = { lossNat: 1.00005, lossAdv: 2, equalPixels: 0.9 };
    expect(compareLosses(losses, theirs, "bfloat16-attack").lossDifference).toBeCloseTo(5e-5, 7);
    expect(compareLosses(losses, theirs, "bfloat16").lossDifference).toBeCloseTo(0.00995, 4);
  });

  it("refuses another step", () => {
    const theirs = { lossNat: 1.01, lossAdv: 2, equalPixels: 0.9 };
    expect(() => compareLosses(losses, theirs, "float32")).toThrow("do not make the same step");
    expect(() => compareLosses({}, theirs, "float32")).toThrow("do not make the same step");
  });
});

describe("compareSides", () => {
  const turn = (seconds: number): Turn => ({
    seconds,
    parts: { cleanTeacher: 1, attack: 2 * seconds, robustTeacher: 1, forward: 1, learn: 1 },
    cpuSeconds: 0,
    idleCpuSeconds: 0,
  });
  const side = (
    title: string,
    ours: boolean,
    precision: "float32" | "bfloat16",
    seconds: number[],
  ): Parameters<typeof compareSides>[0][number] => ({ title, ours, precision, turns: seconds.map(turn) });

  it("compares with the faster PyTorch of the same precision, and of float32, after the warm-up", () => {
    const made = compareSides(
      [
        side("single", true, "float32", [99, 8, 9, 7]),
        side("half", true, "bfloat16", [99, 4, 4, 4]),
        side("slower", false, "float32", [0.1, 20, 20, 20]),
        side("faster", false, "float32", [99, 10, 10, 10]),
        side("their half", false, "bfloat16", [99, 5, 5, 5]),
      ],
      1,
    );
    expect(made.map(({ title, against, step }) => [title, against, step.ratio])).toEqual([
      ["single", "float32", 0.8],
      ["half", "bfloat16", 0.8],
      ["half", "float32", 0.4],
    ]);
    expect(made[0]?.step.lowerQuartile).toBeCloseTo(0.75, 9);
    expect(made[0]?.step.upperQuartile).toBeCloseTo(0.85, 9);
    expect(made[0]?.attack.ratio).toBe(0.8);
    expect(made[0]?.forward.ratio).toBe(1);
  });

  it("compares with nothing where PyTorch was not run", () => {
    expect(compareSides([side("single", true, "float32", [1, 1])], 1)).toEqual([]);
  });
});

describe("parseOneDnn", () => {
  const line = (primitive: string, way: string, problem: string): string =>
    `onednn_verbose,v1,primitive,exec,cpu,${primitive},jit:avx512_core,${way},src:f32::blocked:acdb::f0,attr-scratchpad:user,alg:x,${problem},1.5`;

  it.each([
    [
      "convolution",
      "backward_weights",
      "mb32_ic3oc32_ih32oh32kh3sh1dh0ph1_iw32ow32kw3",
      "convolution 3x3, gradient of the weights",
    ],
    ["convolution", "forward_training", "mb32_ic16oc96_ih32oh32kh1sh1", "convolution 1x1, forward"],
    ["convolution", "forward_training", "g1mb32_ic16oc96_ih32oh32kh1sh1", "convolution 1x1, forward"],
    [
      "convolution",
      "backward_data",
      "g32mb32_ic32oc32_ih32oh32kh3sh1",
      "depthwise convolution 3x3, gradient of the input",
    ],
    ["batch_normalization", "backward", "mb32ic32ih32iw32", "batch normalization, backward"],
    ["reorder", "undef", "32x3x3x3", "reorder"],
  ])("knows %s, %s, %s", (primitive, way, problem, kind) => {
    expect(parseOneDnn(line(primitive, way, problem))).toEqual({ kind, seconds: 0.0015 });
  });

  it("leaves what is no operation", () => {
    expect(parseOneDnn("onednn_verbose,v1,info,cpu,runtime:threadpool,nthr:1")).toBeNull();
    expect(parseOneDnn("@begin a pass, exec,1")).toBeNull();
  });
});

describe("collect", () => {
  it("takes medians of rounds, leaving out what is said before a pass begins", () => {
    const told = (milliseconds: number): string =>
      `onednn_verbose,v1,primitive,exec,cpu,reorder,jit:uni,undef,x,,,3x3,${milliseconds}`;
    const end = (seconds: number): string =>
      `@end ${JSON.stringify({ pass: "forward", seconds, cpuSeconds: seconds / 2, kernels: { Relu: { seconds, calls: 3 } } })}`;
    const rounds = [1, 5, 2].flatMap((each) => [
      told(99),
      "@begin forward",
      told(each),
      told(each),
      end(each),
    ]);
    expect(collect(["@begin ", told(7), "@end ", ...rounds])).toEqual([
      {
        ...{ pass: "forward", seconds: 2, cpuSeconds: 1 },
        rows: [
          { kind: "Relu", seconds: 2, calls: 3 },
          { kind: "reorder", seconds: 0.004, calls: 2 },
        ],
      },
    ]);
  });
});

describe("scripts/bench/profile.mjs", () => {
  it("tells the operations of passes, compiled and kernel by kernel", () => {
    const flags = ["--cases", "resnet-8/4", "--rounds", "1", "--compile", "on,off", "--json"];
    const script = ["scripts/bench/profile.mjs", ...flags];
    const { status, stdout, stderr } = spawnSync(process.execPath, script, { encoding: "utf8" });
    expect(status, stderr).toBe(0);
    const { profiles } = JSON.parse(stdout) as {
      profiles: { passes: { pass: string; cpuSeconds: number; rows: { kind: string; calls: number }[] }[] }[];
    };
    const [compiled, single] = profiles.map(({ passes }) => passes);
    for (const passes of [compiled, single])
      expect(passes?.map(({ pass }) => pass)).toEqual([
        "attack, a gradient in the images",
        "training, a pass forward",
        "training, a pass backward",
      ]);
    // A first convolution and three blocks of two.
    const convolutions = single?.[1]?.rows.find(({ kind }) => kind === "Conv2D");
    expect(convolutions?.calls).toBe(7);
    expect(compiled?.[1]?.rows.find(({ kind }) => kind === "convolution 3x3, forward")?.calls).toBe(7);
  });
});

interface Measured {
  case: { student: string };
  peaks: { float32: number };
  sides: {
    title: string;
    seconds: number[];
    firstSeconds: number;
    parts: Record<string, number>;
    peakBytes: number;
    shareOfPeak: number;
  }[];
  ratios: unknown[];
}

describe("scripts/bench/run.mjs", () => {
  it("times steps and their parts on random images and teachers, compiled and not, without Python", () => {
    const { status, stdout, stderr } = bench(
      ...["--cases", "resnet-8/8", "--quick", "--rounds", "2", "--compile", "on,off", "--json"],
    );
    expect(status, stderr).toBe(0);
    const { cases } = JSON.parse(stdout) as { cases: Measured[] };
    const [{ case: one, peaks, sides, ratios }] = cases as [Measured];
    expect({ student: one.student, ratios }).toEqual({ student: "resnet-8", ratios: [] });
    expect(peaks.float32).toBeGreaterThan(1e9);
    expect(sides.map(({ title }) => title)).toEqual(["mtard, float32", "mtard, kernel by kernel, float32"]);
    for (const { seconds, firstSeconds, parts, peakBytes, shareOfPeak } of sides) {
      expect(seconds).toHaveLength(2);
      expect(Object.keys(parts)).toEqual(["cleanTeacher", "attack", "robustTeacher", "forward", "learn"]);
      expect(Math.min(...seconds, firstSeconds, ...Object.values(parts), shareOfPeak)).toBeGreaterThan(0);
      // Three processes of Node, two of them with ONNX Runtime.
      expect(peakBytes).toBeGreaterThan(300 * 2 ** 20);
    }
  });

  it("times steps on the built-in data and teachers", () => {
    const demo = ["--dataset", "demo", "--clean-teacher", "demo-clean", "--robust-teacher", "demo-robust"];
    const flags = ["--cases", "resnet-8/8", "--quick", "--rounds", "1", "--data-dir", dataDir];
    const { status, stdout, stderr } = bench(...demo, ...flags);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain("B-MTARD steps on demo");
    expect(stdout).toContain("mtard, float32");
  });

  it.each([
    ["an unknown flag", ["--stepz", "3"], "stepz"],
    ["no timed round", ["--rounds", "0"], "--rounds is wrong"],
    ["an unknown student", ["--cases", "vgg-16/8"], 'unknown network "vgg-16"'],
    ["an unknown precision", ["--precision", "float16"], "--precision is wrong"],
    ["a data set without teachers", ["--dataset", "demo"], "a data set wants teachers"],
    [
      "a batch that the images do not fill",
      [
        ...["--cases", "resnet-8/100", "--rounds", "999", "--dataset", "demo"],
        ...["--clean-teacher", "demo-clean", "--robust-teacher", "demo-robust"],
      ],
      "do not fill",
    ],
    [
      "an interpreter that is not there",
      ["--cases", "resnet-8/8", "--quick", "--python", "/nowhere/python"],
      "/nowhere/python",
    ],
  ])("refuses %s", (_, flags, message) => {
    const { status, stdout, stderr } = bench(...flags, "--data-dir", dataDir);
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  });
});

describe("scripts/bench/attacks.mjs", () => {
  const attacks = (...flags: string[]): ReturnType<typeof bench> =>
    spawnSync(process.execPath, ["scripts/bench/attacks.mjs", ...flags], { encoding: "utf8" });

  it.skipIf(!hasShared)("times attacks without Python", () => {
    const data = ["--data", shared("data/cifar-10-binary-subset.tar.gz")];
    const small = ["--network", "resnet-8", "--attacks", "pgd-sat,apgd-ce", "--images", "4", "--turns", "1"];
    const { status, stdout, stderr } = attacks(...data, ...small, "--json");
    expect(status, stderr).toBe(0);
    const { results } = JSON.parse(stdout) as {
      results: { attack: string; rows: { title: string; seconds: number; robust: number }[]; ratio: null }[];
    };
    expect(results.map(({ attack, ratio }) => [attack, ratio])).toEqual([
      ["pgd-sat", null],
      ["apgd-ce", null],
    ]);
    for (const { rows } of results) {
      expect(rows.map(({ title }) => title)).toEqual(["mtard"]);
      expect(rows[0]?.seconds).toBeGreaterThan(0);
      expect(rows[0]?.robust).toBeLessThanOrEqual(4);
    }
  });

  it.each([
    [
      "the public attacks without their folder",
      ["--python", "python3", "--attacks", "apgd-ce"],
      "--auto-attack is wanted",
    ],
    ["an unknown network", ["--network", "vgg-16"], 'unknown network "vgg-16"'],
  ])("refuses %s", (_, flags, message) => {
    const { status, stdout, stderr } = attacks("--data", "nowhere.tar.gz", ...flags);
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  });
});
