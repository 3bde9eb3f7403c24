/* The losses of every method in float64 on the host, written from the papers' formulas, sharing nothing with src/. */

export type Rows = readonly (readonly number[])[];

/** One batch: logits `[N][classes]`, and what the methods with a memory know. */
export interface ReferenceBatch {
  readonly studentNat: Rows;
  readonly studentAdv: Rows;
  readonly cleanTeacherNat: Rows;
  readonly cleanTeacherAdv: Rows;
  readonly robustTeacherNat: Rows;
  readonly robustTeacherAdv: Rows;
  readonly labels: readonly number[];
  readonly classWeights: readonly number[];
  readonly temperatureNat: readonly number[];
  readonly temperatureAdv: readonly number[];
}

const sum = (values: readonly number[]): number => values.reduce((left, right) => left + right, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const at = (values: readonly number[], index: number): number => values[index] ?? NaN;

export function logSoftmax(logits: readonly number[]): number[] {
  const highest = Math.max(...logits);
  const log = highest + Math.log(sum(logits.map((value) => Math.exp(value - highest))));
  return logits.map((value) => value - log);
}

export const softmax = (logits: readonly number[]): number[] => logSoftmax(logits).map(Math.exp);

const divided = (logits: readonly number[], temperature: number): number[] =>
  logits.map((value) => value / temperature);

export const crossEntropy = (logits: readonly number[], label: number): number =>
  -at(logSoftmax(logits), label);

/** sum_c p log(p / q), with 0 log 0 = 0. */
export function divergence(p: readonly number[], logits: readonly number[]): number {
  const logQ = logSoftmax(logits);
  return sum(p.map((value, c) => (value === 0 ? 0 : value * (Math.log(value) - at(logQ, c)))));
}

export const squaredDistance = (left: readonly number[], right: readonly number[]): number =>
  sum(left.map((value, c) => (value - at(right, c)) ** 2));

/** KLe of methods.md: the mean over batch and classes of p log(p + 1e-5) - p log softmax(s). */
function softLabelLoss(student: Rows, targets: Rows): number {
  return mean(
    student.flatMap((logits, row) => {
      const logQ = logSoftmax(logits);
      return (targets[row] ?? []).map((p, c) => p * Math.log(p + 1e-5) - p * at(logQ, c));
    }),
  );
}

const oneHot = (label: number, classes: number): number[] =>
  Array.from({ length: classes }, (_, c) => Number(c === label));

interface ReferenceSettings {
  readonly alpha: number;
  readonly beta: number;
  readonly temperature: number;
  readonly klScale: number;
  readonly lossClip: number;
  readonly guidance: "shared" | "per-image";
}

/** Each method's total loss. */
export const referenceLosses = {
  natural: ({ studentNat, labels }: ReferenceBatch) =>
    mean(studentNat.map((row, n) => crossEntropy(row, at(labels, n)))),
  sat: ({ studentAdv, labels }: ReferenceBatch) =>
    mean(studentAdv.map((row, n) => crossEntropy(row, at(labels, n)))),
  trades: ({ studentNat, studentAdv, labels }: ReferenceBatch, { beta }: ReferenceSettings) =>
    mean(studentNat.map((row, n) => crossEntropy(row, at(labels, n)))) +
    beta * mean(studentNat.map((row, n) => divergence(softmax(row), studentAdv[n] ?? []))),
  score: ({ studentNat, studentAdv, labels }: ReferenceBatch, { beta, lossClip }: ReferenceSettings) =>
    mean(
      studentNat.map((row, n) => {
        const p = softmax(row);
        const target = oneHot(at(labels, n), row.length);
        const spread = target.map((value) => (value === 1 ? 1 - lossClip : lossClip / (row.length - 1)));
        const robust = squaredDistance(softmax(studentAdv[n] ?? []), p);
        return Math.max(0, squaredDistance(p, target) + beta * robust - squaredDistance(spread, target));
      }),
    ),
  ard: (batch: ReferenceBatch, settings: ReferenceSettings) =>
    weightedArd(
      batch,
      settings,
      batch.labels.map(() => 1),
    ),
  rslad: (batch: ReferenceBatch, { alpha, klScale }: ReferenceSettings) => {
    const targets = batch.robustTeacherNat.map(softmax);
    return (
      klScale *
      (alpha * softLabelLoss(batch.studentAdv, targets) +
        (1 - alpha) * softLabelLoss(batch.studentNat, targets))
    );
  },
  "fair-ard": (batch: ReferenceBatch, settings: ReferenceSettings) =>
    weightedArd(
      batch,
      settings,
      batch.labels.map((label) => at(batch.classWeights, label)),
    ),
  absld: (batch: ReferenceBatch, { alpha, klScale }: ReferenceSettings) => {
    const { robustTeacherNat, labels, temperatureNat, temperatureAdv } = batch;
    const targets = (temperatures: readonly number[]): Rows =>
      robustTeacherNat.map((row, n) => softmax(divided(row, at(temperatures, at(labels, n)))));
    return (
      klScale *
      (alpha * softLabelLoss(batch.studentAdv, targets(temperatureAdv)) +
        (1 - alpha) * softLabelLoss(batch.studentNat, targets(temperatureNat)))
    );
  },
  lmtn: (batch: ReferenceBatch, { alpha, klScale, guidance }: ReferenceSettings) => {
    const { cleanTeacherNat, cleanTeacherAdv, robustTeacherNat, robustTeacherAdv } = batch;
    const targets = (clean: Rows, robust: Rows): Rows =>
      clean.map((row, n) =>
        softmax(row.map((value, c) => (1 - alpha) * value + alpha * at(robust[n] ?? [], c))),
      );
    const one = targets(cleanTeacherNat, robustTeacherAdv);
    const [nat, adv] =
      guidance === "shared"
        ? [one, one]
        : [targets(cleanTeacherNat, robustTeacherNat), targets(cleanTeacherAdv, robustTeacherAdv)];
    return (klScale / 2) * (softLabelLoss(batch.studentNat, nat) + softLabelLoss(batch.studentAdv, adv));
  },
  baseline: (batch: ReferenceBatch, { klScale }: ReferenceSettings) =>
    (klScale / 2) *
    (softLabelLoss(batch.studentNat, batch.cleanTeacherNat.map(softmax)) +
      softLabelLoss(batch.studentAdv, batch.robustTeacherAdv.map(softmax))),
};

function weightedArd(
  { studentNat, studentAdv, robustTeacherNat, labels }: ReferenceBatch,
  { alpha, temperature }: ReferenceSettings,
  weights: readonly number[],
): number {
  return mean(
    studentNat.map((row, n) => {
      const p = softmax(divided(robustTeacherNat[n] ?? [], temperature));
      const distilled = divergence(p, divided(studentAdv[n] ?? [], temperature)) / row.length;
      const natural = crossEntropy(row, at(labels, n));
      return at(weights, n) * (alpha * temperature ** 2 * distilled + (1 - alpha) * natural);
    }),
  );
}

/** Central differences of a function of rows of numbers, in float64. */
export function finiteDifferences(value: (rows: Rows) => number, rows: Rows, step = 1e-5): number[] {
  return rows.flatMap((row, n) =>
    row.map((entry, c) => {
      const moved = (by: number): Rows =>
        rows.map((other, m) => (m === n ? other.with(c, entry + by) : other));
      return (value(moved(step)) - value(moved(-step))) / (2 * step);
    }),
  );
}
