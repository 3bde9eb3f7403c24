import type { Precision } from "../runtime/precision.js";
import type { Answer } from "./answers.js";
import { type Ask, type Check, distanceText, type Found, KERNEL_BY_KERNEL, WITH_TF32 } from "./check.js";
import { equalSigns, relativeDistance } from "./compare.js";
import type { Machine } from "./machine.js";

/**
 * How far the same arithmetic may be apart in two kernels, as a share of the length. Measured on a processor: 4e-7 for logits, 3e-6 for
 * gradients. TF32 where there should be float32 would be about 1e-3.
 */
export const LIMITS = { logits: 1e-4, gradient: 5e-3, report: 1e-4, weights: 1e-3 } as const;

/** The least share of a gradient's signs that are float32's. Random weights in bfloat16 were measured to have 96%. */
export const EQUAL_SIGNS = { bfloat16: 0.85, tf32: 0.95 } as const;

/** The networks whose answers are compared, and on how many images. */
const NETWORKS = [
  { network: "resnet-8", count: 32 },
  { network: "resnet-18", count: 8 },
] as const;

/** Whether numbers are right: a training step, student and teacher in several ways, and what lower precision changes. */
export function numberChecks(machine: Machine): Check[] {
  return [
    goldenCheck(machine),
    ...NETWORKS.map((subject) => answersCheck(machine, subject)),
    ...precisionsOf(machine).flatMap(({ name, precision, environment }) =>
      name === "float32"
        ? []
        : NETWORKS.map((subject) => precisionCheck(machine, subject, name, precision, environment)),
    ),
  ];
}

/** The arithmetics that the student has here, and how a process is told. */
export function precisionsOf({ device, compiles, arithmetic }: Machine): readonly {
  readonly name: "float32" | "bfloat16" | "tf32";
  readonly precision: Precision;
  readonly environment: Readonly<Record<string, string>>;
}[] {
  return [
    { name: "float32", precision: "float32", environment: {} },
    ...(compiles && arithmetic.bfloat16.works
      ? [{ name: "bfloat16", precision: "bfloat16", environment: {} } as const]
      : []),
    ...(device === "cuda" && arithmetic.tf32.works
      ? [{ name: "tf32", precision: "float32", environment: WITH_TF32 } as const]
      : []),
  ];
}

function goldenCheck({ device, compiles }: Machine): Check {
  return {
    section: "numbers",
    title: "a training step against PyTorch's",
    async find(ask) {
      const ways = [...(compiles ? [{ name: "compiled", environment: {} }] : []), ...plainWay];
      const found: Found[] = [];
      for (const { name, environment } of ways) {
        const { report, weights } = await ask("golden", { device }, environment);
        const ok = report.distance <= LIMITS.report && weights.distance <= LIMITS.weights;
        found.push({
          subject: `B-MTARD step, ${name}, against PyTorch in float64`,
          found: `losses ${distanceText(report.distance)}, weights ${distanceText(weights.distance)}`,
          expected: `up to ${distanceText(LIMITS.report)}, ${distanceText(LIMITS.weights)}`,
          verdict: ok ? "ok" : "failed",
          values: { losses: report.distance, weights: weights.distance },
        });
      }
      return found.map(inNumbers);
    },
  };
}

const plainWay = [{ name: "kernel by kernel", environment: KERNEL_BY_KERNEL }] as const;

type Subject = (typeof NETWORKS)[number];

function answersCheck({ device, teacherDevice, compiles }: Machine, subject: Subject): Check {
  return {
    section: "numbers",
    title: `${subject.network}: student and teacher against the CPU`,
    async find(ask) {
      const student = (environment: Readonly<Record<string, string>>, where = device): Promise<Answer> =>
        ask("student", { ...subject, device: where, precision: "float32" }, environment);
      const kernels = await student(KERNEL_BY_KERNEL, "cpu");
      const onnx = await ask("teacher", { ...subject, device: "cpu", optimized: false });
      const found: Found[] = [];
      const note = (what: string, answer: Answer, reference: Answer): void =>
        void found.push(compared(`${subject.network} ${what}`, answer, reference));
      const here = compiles
        ? await student({})
        : device === "cpu"
          ? kernels
          : await student(KERNEL_BY_KERNEL);
      const how = compiles ? "compiled" : "kernel by kernel";
      if (compiles || device !== "cpu") note(`student, ${how}, against the CPU's kernels`, here, kernels);
      if (compiles && device !== "cpu")
        note(`student, kernel by kernel, against the CPU's`, await student(KERNEL_BY_KERNEL), kernels);
      note(`student, ${how}, against ONNX Runtime`, here, onnx);
      const teacher = await ask("teacher", { ...subject, device: teacherDevice, optimized: true });
      note("teacher, optimised, against the CPU, as written", teacher, onnx);
      return found.map(inNumbers);
    },
  };
}

function precisionCheck(
  { device }: Machine,
  subject: Subject,
  name: "bfloat16" | "tf32",
  precision: Precision,
  environment: Readonly<Record<string, string>>,
): Check {
  return {
    section: "numbers",
    title: `${subject.network} in ${name}`,
    async find(ask: Ask) {
      const exact = await ask("student", { ...subject, device, precision: "float32" });
      const rounded = await ask("student", { ...subject, device, precision }, environment);
      const signs = equalSigns(rounded.gradient, exact.gradient);
      const distance = relativeDistance(rounded.gradient, exact.gradient);
      const logits = relativeDistance(rounded.logits, exact.logits);
      return [
        inNumbers({
          subject: `${subject.network} student in ${name}, against float32`,
          found: `logits ${distanceText(logits)}, gradient ${distanceText(distance)}, signs ${percent(signs)}`,
          expected: `${percent(EQUAL_SIGNS[name])} equal`,
          verdict: signs >= EQUAL_SIGNS[name] && Number.isFinite(distance) ? "ok" : "failed",
          values: { logits, gradient: distance, equalSigns: signs },
        }),
      ];
    },
  };
}

function compared(subject: string, answer: Answer, reference: Answer): Found {
  const logits = relativeDistance(answer.logits, reference.logits);
  const gradient = relativeDistance(answer.gradient, reference.gradient);
  return {
    subject,
    found: `logits ${distanceText(logits)}, gradient ${distanceText(gradient)}`,
    expected: `up to ${distanceText(LIMITS.logits)}, ${distanceText(LIMITS.gradient)}`,
    verdict: logits <= LIMITS.logits && gradient <= LIMITS.gradient ? "ok" : "failed",
    values: { logits, gradient },
  };
}

const inNumbers = (found: Found) => ({ section: "numbers", ...found }) as const;

function percent(share: number): string {
  return `${(100 * share).toFixed(0)}%`;
}
