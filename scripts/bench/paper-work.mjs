import { teacherRoles } from "#mtard/methods/method.js";
import { figureNumbers, figurePlan } from "#mtard/paper/figures.js";
import { paperDatasets } from "#mtard/paper/paper.js";
import { tableNumbers, tablePlan } from "#mtard/paper/tables.js";
import { datasets } from "#mtard/data/datasets.js";
import { paperTeacher } from "#mtard/recipes/teachers.js";
import { runKey } from "#mtard/reproduction/run-key.js";
import { evaluationsOf, isTeacherPlan, subjectId } from "#mtard/reproduction/run-request.js";
import { scaleOf, settingsOf } from "#mtard/reproduction/scale.js";
import { imagesOf } from "#mtard/reproduction/session.js";
import { tableRequests } from "#mtard/report/build-table.js";
import { InputError } from "#mtard/errors.js";

/* What the paper's tables and figures ask for at full budget with one seed, as data. */

/**
 * @typedef {import("#mtard/paper/paper.js").PaperDataset} PaperDataset
 * @typedef {import("#mtard/reproduction/estimate.js").TrainingWork} TrainingWork
 * @typedef {import("#mtard/reproduction/estimate.js").MeasurementWork} MeasurementWork
 * @typedef {import("#mtard/reproduction/scale.js").Scale} Scale
 * @typedef {import("#mtard/reproduction/run-request.js").SubjectRequest} SubjectRequest
 * @typedef {import("#mtard/paper/plan.js").RunPlan} RunPlan
 */

/**
 * @typedef {object} Training A run, which several tables may share.
 * @property {string} key
 * @property {PaperDataset} dataset
 * @property {TrainingWork} work
 */

/**
 * @typedef {object} Report A table or figure of one data set.
 * @property {string} name
 * @property {PaperDataset} dataset
 * @property {string} student
 * @property {readonly Training[]} trainings
 * @property {readonly { readonly subject: string, readonly of: string | null, readonly work: MeasurementWork }[]} measurements `of` is the
 *   key of the run that is measured; null for a teacher.
 */

/** How many images there are. @type {Readonly<Record<PaperDataset, import("#mtard/reproduction/run-key.js").ImageCounts>>} */
export const IMAGES = {
  cifar10: { train: 50_000, test: 10_000 },
  cifar100: { train: 50_000, test: 10_000 },
  "tiny-imagenet": { train: 100_000, test: 10_000 },
};

const OPTIONS = { changes: {}, teachers: { clean: {}, robust: {} } };

/** The images and classes of a data set. @param {PaperDataset} dataset @returns {import("#mtard/graph/network.js").NetworkShape} */
export function shapeOf(dataset) {
  const { image, classNames } = datasets[dataset];
  return { image, classes: classNames.length };
}

/** A run of the paper by its plan. @param {RunPlan} plan @param {PaperDataset} dataset @param {string} student @returns {Training} */
export function trainingOf(plan, dataset, student) {
  const settings = settingsOf(plan, 0, scaleOf("full", dataset, student, OPTIONS), {
    clean: null,
    robust: null,
  });
  const [clean, robust] = teacherRoles.map((role) => {
    const teacher = paperTeacher(dataset, role, plan.teachers[role]);
    return teacher && { sha256: teacher.name, network: teacher.network };
  });
  const teachers = { clean: clean ?? null, robust: robust ?? null };
  const inputs = {
    data: dataset,
    cleanTeacher: clean?.sha256 ?? null,
    robustTeacher: robust?.sha256 ?? null,
  };
  const key = runKey(settings, inputs, IMAGES[dataset]);
  const work = { settings, shape: shapeOf(dataset), images: imagesOf(settings, IMAGES[dataset]), teachers };
  return { key, dataset, work };
}

/** Every table and figure of every data set, in the paper's order. @returns {Report[]} */
export function paperReports() {
  const tables = tableNumbers.flatMap((number) =>
    paperDatasets.flatMap((dataset) => {
      const plan = planOf(number, dataset);
      if (plan === null) return [];
      const scale = scaleOf("full", dataset, plan.student, OPTIONS);
      const requests = tableRequests(plan, [0], scale);
      return [reportOf(`table ${number}`, dataset, plan.student, requests, scale, plan)];
    }),
  );
  const figures = figureNumbers.map((number) => {
    const { student, runs, attacks } = figurePlan(number);
    const requests = runs.map((plan) => ({ plan, seed: 0, attacks, clean: false }));
    return reportOf(
      `figure ${number}`,
      "cifar10",
      student,
      requests,
      scaleOf("full", "cifar10", student, OPTIONS),
    );
  });
  return [...tables, ...figures];
}

/** A table's plan, or null where the paper has it not for a data set. @param {number} number @param {PaperDataset} dataset */
function planOf(number, dataset) {
  try {
    return tablePlan(number, dataset);
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

/**
 * @param {string} name
 * @param {PaperDataset} dataset
 * @param {string} student
 * @param {readonly SubjectRequest[]} requests
 * @param {Scale} scale
 * @param {import("#mtard/paper/plan.js").TablePlan | null} table
 * @returns {Report}
 */
function reportOf(name, dataset, student, requests, scale, table = null) {
  /** @type {Training[]} */
  const trainings = [];
  const measurements = requests.map((request) => {
    const { plan } = request;
    const training = isTeacherPlan(plan) ? null : trainingOf(plan, dataset, student);
    if (training) trainings.push(training);
    const network = isTeacherPlan(plan)
      ? (paperTeacher(dataset, plan.teacher, "first")?.network ?? null)
      : student;
    const attacks = evaluationsOf(request, scale).map((attack) => ({
      attack,
      images: IMAGES[dataset].test,
      changes: attack === null ? undefined : table?.attackChanges[attack],
    }));
    const work = {
      ...{ network, attacks, shape: shapeOf(dataset), batchSize: 128 },
      subject: /** @type {"student" | "teacher"} */ (isTeacherPlan(plan) ? "teacher" : "student"),
      surrogate: paperTeacher(dataset, "robust", "first")?.network,
      laterShare: withstanding(table, request),
    };
    return { subject: subjectId(request), of: training?.key ?? null, work };
  });
  const distinct = [...new Map(trainings.map((training) => [training.key, training])).values()];
  return { name, dataset, student, trainings: distinct, measurements };
}

/** The share of the images that withstand AutoAttack, as the paper has it of a subject; half of them where it does not say. */
/** @param {import("#mtard/paper/plan.js").TablePlan | null} table @param {SubjectRequest} request */
function withstanding(table, { plan, seed }) {
  const cells = (table?.rows ?? []).flatMap((row) => row.cells.flat());
  const said = cells.find(
    ({ of, measure }) =>
      measure.kind === "robust" &&
      measure.attack === "aa" &&
      subjectId({ plan: of, seed }) === subjectId({ plan, seed }),
  );
  return said ? said.paper / 100 : 1 / 2;
}
