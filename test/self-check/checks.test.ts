import { describe, expect, it } from "vitest";
import type { askApart } from "#mtard/self-check/apart.js";
import type { Answer } from "#mtard/self-check/answers.js";
import type { Ask, Check, Finding } from "#mtard/self-check/check.js";
import type { Machine } from "#mtard/self-check/machine.js";
import { memoryCheck, speedChecks } from "#mtard/self-check/measures.js";
import { numberChecks } from "#mtard/self-check/numbers.js";
import { findAll, selfCheck } from "#mtard/self-check/self-check.js";

/* The checks, with other numbers than processes would answer. */

const yes = { works: true, found: "it has it" };
const no = { works: false, found: "it has not" };
const cpu: Machine = {
  ...{ device: "cpu", teacherDevice: "cpu", compiles: true, facts: {} },
  arithmetic: { bfloat16: yes, tf32: no },
};
const gpu: Machine = {
  ...cpu,
  device: "cuda",
  teacherDevice: "cuda",
  arithmetic: { bfloat16: yes, tf32: yes },
};

interface Asked {
  readonly probe: string;
  readonly network?: string;
  readonly device: string;
  readonly precision?: string;
  readonly optimized?: boolean;
  readonly compile: boolean;
  readonly tf32: boolean;
}

const right: Answer = {
  logits: Float32Array.of(1, -2),
  gradient: Float32Array.from({ length: 100 }, (_, index) => Math.sin(index + 1)),
  device: "cpu",
};
const scaled = (answer: Answer, by: number): Answer => ({
  ...answer,
  logits: answer.logits.map((value) => value * by),
  gradient: answer.gradient.map((value) => value * by),
});
const near = { name: "x", distance: 1e-6 };
const rightAnswers: Readonly<Record<string, unknown>> = {
  ...{
    student: right,
    teacher: right,
    golden: { report: near, weights: near },
    peak: { operations: 1e13, size: 768 },
  },
  ...{
    speed: { gradient: 0.1, step: 1, firstStep: 2 },
    memory: { student: 1e8, teacher: 1e8, gpu: null, step: 1 },
  },
};

/** Runs checks on answers that are right but for those that `other` changes, and notes what was asked. */
async function run(
  checks: readonly Check[],
  other: (asked: Asked) => unknown = () => undefined,
  signal = new AbortController().signal,
): Promise<{ findings: Finding[]; asked: Asked[] }> {
  const asked: Asked[] = [];
  const ask = ((probe: string, question: Omit<Asked, "probe">, environment: Record<string, string> = {}) => {
    const compile = environment["MTARD_COMPILE"] !== "0";
    const request = { probe, ...question, compile, tf32: environment["NVIDIA_TF32_OVERRIDE"] === "1" };
    asked.push(request);
    return Promise.resolve(other(request) ?? rightAnswers[probe]);
  }) as unknown as Ask;
  return { findings: await findAll(checks, ask, signal, () => undefined), asked };
}

const failed = (findings: readonly Finding[]): string[] =>
  findings.flatMap(({ subject, verdict }) => (verdict === "failed" ? [subject] : []));

describe("numbers", () => {
  it("are all good where all answers are alike", async () => {
    for (const machine of [cpu, gpu]) {
      const { findings } = await run(numberChecks(machine));
      expect(failed(findings)).toEqual([]);
      expect(findings.length).toBeGreaterThan(9);
    }
  });

  it("asks on a GPU for both devices, and for TF32 in its place only", async () => {
    const { asked } = await run(numberChecks(gpu));
    const students = asked.filter(({ probe, network }) => probe === "student" && network === "resnet-18");
    const way = ({ device, precision, compile, tf32 }: Asked): string =>
      `${device} ${String(precision)}${compile ? "" : " plain"}${tf32 ? " tf32" : ""}`;
    expect(new Set(students.map(way))).toEqual(
      new Set([
        "cpu float32 plain",
        "cuda float32",
        "cuda float32 plain",
        "cuda bfloat16",
        "cuda float32 tf32",
      ]),
    );
    const teachers = asked.filter(({ probe }) => probe === "teacher");
    expect(new Set(teachers.map(({ device }) => device))).toEqual(new Set(["cpu", "cuda"]));
  });

  it("asks for no bfloat16 where there is none, or nothing is compiled", async () => {
    for (const machine of [
      { ...cpu, arithmetic: { bfloat16: no, tf32: no } },
      { ...cpu, compiles: false },
    ]) {
      const { asked } = await run([...numberChecks(machine), ...speedChecks(machine)]);
      expect(asked.filter(({ precision, tf32 }) => precision === "bfloat16" || tf32)).toEqual([]);
    }
  });

  it.each<[string, Machine, (asked: Asked) => unknown, string]>([
    [
      "a compiled student that is off by 0.1%",
      cpu,
      ({ probe, compile, network, precision }) =>
        probe === "student" && compile && network === "resnet-8" && precision === "float32"
          ? scaled(right, 1.001)
          : undefined,
      "resnet-8 student, compiled",
    ],
    [
      "a teacher on the GPU that is off",
      gpu,
      ({ probe, device, network }) =>
        probe === "teacher" && device === "cuda" && network === "resnet-18"
          ? scaled(right, 1.001)
          : undefined,
      "resnet-18 teacher",
    ],
    [
      "an answer that is no number",
      cpu,
      ({ probe, optimized, network }) =>
        probe === "teacher" && optimized && network === "resnet-8" ? scaled(right, NaN) : undefined,
      "resnet-8 teacher",
    ],
    [
      "bfloat16 with other signs",
      cpu,
      ({ precision }) => (precision === "bfloat16" ? scaled(right, -1) : undefined),
      "bfloat16",
    ],
    [
      "a loss that is not PyTorch's",
      cpu,
      ({ probe }) =>
        probe === "golden" ? { report: { name: "x", distance: 2e-4 }, weights: near } : undefined,
      "B-MTARD step",
    ],
    [
      "weights that are no numbers",
      cpu,
      ({ probe }) =>
        probe === "golden" ? { report: near, weights: { name: "x", distance: NaN } } : undefined,
      "B-MTARD step",
    ],
  ])("fails for %s, and for nothing else", async (_, machine, other, subject) => {
    const wrong = failed((await run(numberChecks(machine), other)).findings);
    expect(wrong.length).toBeGreaterThan(0);
    for (const line of wrong) expect(line).toContain(subject);
  });
});

describe("speed and memory", () => {
  it("say the share of the peak in the same arithmetic, and what is low or high", async () => {
    const slow = await run(speedChecks(cpu), ({ probe, precision }) =>
      probe === "peak" && precision === "bfloat16" ? { operations: 1e15, size: 768 } : undefined,
    );
    const lines = slow.findings.map(
      ({ subject, verdict }) => `${subject.split(",").slice(0, 3).join()} ${verdict}`,
    );
    expect(lines).toContain("resnet-18, 8 images, float32 low");
    expect(
      slow.findings.find(({ subject }) => subject === "resnet-18, 8 images, bfloat16")?.values,
    ).toMatchObject({
      gradientShare: expect.closeTo((4 * 555_422_720 * 8) / 0.1 / 1e15, 10) as number,
      stepShare: expect.closeTo((52 * 555_422_720 * 8) / 1 / 1e15, 10) as number,
    });
    const { findings } = await run([memoryCheck(cpu)], () => ({
      student: 1e15,
      teacher: 0,
      gpu: null,
      step: 1,
    }));
    expect(findings).toMatchObject([{ section: "memory", verdict: "high" }]);
  });
});

describe("what cannot be computed", () => {
  it("is a line that failed, and the others go on", async () => {
    const { findings } = await run([...numberChecks(cpu), memoryCheck(cpu)], ({ probe }) => {
      if (probe === "golden") throw new Error("the process ended by SIGILL");
    });
    expect(findings[0]).toMatchObject({ verdict: "failed", found: "the process ended by SIGILL" });
    expect(failed(findings)).toHaveLength(1);
    expect(findings.at(-1)?.section).toBe("memory");
  });

  it("ends the whole where it was told to stop", async () => {
    const stop = new AbortController();
    const stopped = run(
      numberChecks(cpu),
      () => {
        stop.abort(new Error("stopped"));
        throw new Error("the process ended");
      },
      stop.signal,
    );
    await expect(stopped).rejects.toThrow("stopped");
  });
});

describe("the result", () => {
  it("has machine, outcome and lines as plain data, and every part was announced", async () => {
    const parts: number[] = [];
    const environments = new Set<string | undefined>();
    const answer = ((
      probe: string,
      _: object,
      { environment = {} }: { environment?: Record<string, string> },
    ) => {
      environments.add(environment["NVIDIA_TF32_OVERRIDE"]);
      return Promise.resolve(
        probe === "golden" ? { report: { name: "x", distance: 1 }, weights: near } : rightAnswers[probe],
      );
    }) as unknown as typeof askApart;
    const { signal } = new AbortController();
    const result = await selfCheck(signal, ({ part, parts: all }) => parts.push(part, all), answer);
    const { ok, date, seconds, machine, findings } = JSON.parse(JSON.stringify(result)) as typeof result;
    expect(ok).toBe(false);
    expect(Date.parse(date)).toBeLessThanOrEqual(Date.now());
    expect(seconds).toBeGreaterThan(0);
    expect(Object.keys(machine)).toEqual(
      expect.arrayContaining(["processor", "GPU", "student", "teachers", "bfloat16", "tf32", "software"]),
    );
    expect(findings[0]).toEqual({
      section: "numbers",
      subject: expect.stringMatching(/^B-MTARD step, (compiled|kernel by kernel), against PyTorch/) as string,
      found: "losses 1e+0, weights 1e-6",
      expected: "up to 1e-4, 1e-3",
      verdict: "failed",
      values: { losses: 1, weights: 1e-6 },
    });
    expect(parts.at(-1)).toBe(parts.at(-2));
    // What is not asked for TF32 must not use it, whatever the environment of this process says.
    expect(environments.has(undefined)).toBe(false);
  });
});
