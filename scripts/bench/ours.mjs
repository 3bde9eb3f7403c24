import { Buffer } from "node:buffer";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";
import { InputError } from "#mtard/errors.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { parseSettings } from "#mtard/recipes/settings.js";
import { studentDevice } from "#mtard/runtime/device.js";
import { normalNoise } from "#mtard/runtime/noise.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { weightsFromParameters } from "#mtard/student/parameters.js";
import { openModel } from "#mtard/model/model.js";
import { findModel } from "#mtard/model/reference.js";
import { prepareRun } from "#mtard/training/prepare.js";
import { attackStudent } from "#mtard/training/attack.js";
import { forwardStudent, learn, trainingStep } from "#mtard/training/step.js";

/* Our side of the comparison: the program's own training step, on batches that the other side can have too. */

/**
 * @typedef {object} Subject What is trained, on what.
 * @property {string} dataset
 * @property {string} student
 * @property {string} cleanTeacher
 * @property {string} robustTeacher
 * @property {number} batch
 * @property {string} dataDir
 * @property {string} teachersDir
 * @property {import("#mtard/runtime/device.js").DeviceRequest} device
 *
 * @typedef {"cleanTeacher" | "attack" | "robustTeacher" | "forward" | "learn"} Part
 *
 * @typedef {object} StepResult
 * @property {number} seconds
 * @property {number} cpuSeconds Processor time, all threads together.
 * @property {Readonly<Record<string, number>>} report
 */

/**
 * The device that students run on.
 *
 * @param {import("#mtard/runtime/device.js").DeviceRequest} request
 */
export const studentsDevice = (request) => studentDevice(tf, request);

/**
 * Opens a fresh B-MTARD run with its first batches drawn and kept.
 *
 * @param {Subject} subject
 * @param {number} count Batches to draw.
 * @param {string} folder Where its files go; the caller removes it.
 * @throws {InputError} if the training images do not fill the batches, or as `prepareRun` does.
 */
export async function openOurStep(subject, count, folder) {
  const settings = parseSettings({
    ...recipe({ dataset: subject.dataset, method: "b-mtard", student: subject.student }),
    dataset: subject.dataset,
    method: "b-mtard",
    student: subject.student,
    cleanTeacher: subject.cleanTeacher,
    robustTeacher: subject.robustTeacher,
    seed: 0,
    limitTrain: null,
    limitTest: 1,
    batchSize: subject.batch,
  });
  const { dataDir, teachersDir, device } = subject;
  const run = await prepareRun(settings, {
    folder: join(folder, "run"),
    dataDir,
    teachersDir,
    device,
    resume: false,
  });
  const { trainee, batches } = run;
  const { network, parameters } = trainee;
  if (count * subject.batch > run.dataset.train.count) {
    await run.close();
    throw new InputError("the training images do not fill the batches", {
      expected: `${count} batches of ${subject.batch}`,
      found: `${run.dataset.train.count} images in ${subject.dataset}`,
      fix: "a smaller --batch or --steps",
    });
  }
  const drawn = Array.from({ length: count }, () => {
    const batch = batches.next();
    return { ...batch, images: batch.images.slice(), labels: batch.labels.slice() };
  });
  const stepSettings = { method: settings, sgd: settings };

  /** @param {number} index */
  const batchOf = (index) => /** @type {typeof drawn[0]} */ (drawn[index]);

  /** Waits for everything queued on the student's device. */
  function synchronize() {
    parameters.values().next().value?.dataSync();
  }

  return {
    /**
     * One step of the program, drawing the next batch as a run does.
     *
     * @param {number} index Which of the drawn batches.
     * @returns {Promise<StepResult>}
     */
    async step(index) {
      const batch = batchOf(index);
      const before = process.cpuUsage();
      const start = performance.now();
      const report = await trainingStep(trainee, batch, stepSettings, () => void batches.next());
      synchronize();
      const seconds = (performance.now() - start) / 1000;
      const { user, system } = process.cpuUsage(before);
      return { seconds, cpuSeconds: (user + system) / 1e6, report };
    },

    /**
     * One step with its parts one after the other, the teachers with the machine to themselves.
     *
     * @param {number} index
     * @returns {Promise<Record<Part, number>>} Seconds.
     */
    async parts(index) {
      const { cleanTeacher, robustTeacher } = trainee;
      if (!cleanTeacher || !robustTeacher) throw new Error("b-mtard has two teachers");
      const batch = batchOf(index);
      const { height, width, channels } = network.input;
      const images = tf.tensor4d(batch.images, [batch.count, height, width, channels]);
      const labels = tf.tensor1d(batch.labels, "int32");
      const times = [performance.now()];
      const clean = await cleanTeacher.logits(batch.images);
      times.push(performance.now());
      const { adversarial = null } = attackStudent(trainee, images, labels, settings, batch.seed) ?? {};
      const attacked = hostValues(adversarial);
      times.push(performance.now());
      const robust = await robustTeacher.logits(attacked);
      times.push(performance.now());
      const passes = forwardStudent(trainee, images, adversarial);
      if (passes.nat) hostValues(passes.nat.logits);
      times.push(performance.now());
      const { classes } = network;
      learn(
        trainee,
        passes,
        {
          teachers: {
            cleanTeacherNat: { values: clean, classes },
            robustTeacherAdv: { values: robust, classes },
          },
          labels,
          rightIterates: null,
        },
        stepSettings,
      );
      synchronize();
      times.push(performance.now());
      tf.dispose([images, labels, ...(adversarial ? [adversarial] : [])]);
      const [start = NaN, ...ends] = times;
      const [
        cleanTeacherEnd = NaN,
        attackEnd = NaN,
        robustTeacherEnd = NaN,
        forwardEnd = NaN,
        learnEnd = NaN,
      ] = ends.map((end) => (end - start) / 1000);
      return {
        cleanTeacher: cleanTeacherEnd,
        attack: attackEnd - cleanTeacherEnd,
        robustTeacher: robustTeacherEnd - attackEnd,
        forward: forwardEnd - robustTeacherEnd,
        learn: learnEnd - forwardEnd,
      };
    },

    /**
     * Writes what another implementation needs for the same steps into the folder: the settings, all weights, the batches, and the
     * adversarial images of batch 0 with the noise they started from. Call it before the first step.
     *
     * @throws {InputError} if a teacher is not a network this program knows.
     */
    async writeInputs() {
      const first = batchOf(0);
      const { height, width, channels } = network.input;
      /** @type {[number, number, number, number]} */
      const shape = [subject.batch, height, width, channels];
      const images = tf.tensor4d(first.images, shape);
      const labels = tf.tensor1d(first.labels, "int32");
      const noise = normalNoise(shape, first.seed);
      const { adversarial } = attackStudent(trainee, images, labels, settings, first.seed) ?? {};
      if (!adversarial) throw new Error("b-mtard attacks its student");
      const clean = await knownTeacher(subject.cleanTeacher, teachersDir);
      const robust = await knownTeacher(subject.robustTeacher, teachersDir);
      const models = {
        student: { network, weights: weightsFromParameters(network, parameters) },
        clean,
        robust,
      };
      /** @type {[string, import("#mtard/graph/parameters.js").HostTensor][]} */
      const tensors = [
        ["images", { shape: [count, ...shape], data: joined(drawn.map((batch) => batch.images)) }],
        [
          "labels",
          {
            shape: [count, subject.batch],
            data: joined(drawn.map((batch) => Float32Array.from(batch.labels))),
          },
        ],
        ["noise", { shape, data: hostValues(noise) }],
        ["adversarial", { shape, data: hostValues(adversarial) }],
      ];
      for (const [role, { weights }] of Object.entries(models))
        for (const [name, tensor] of weights) tensors.push([`${role}.${name}`, tensor]);
      tf.dispose([images, labels, noise, adversarial]);
      writeFileSync(join(folder, "tensors.safetensors"), Buffer.concat(encodeSafetensors(tensors)));
      const networks = Object.fromEntries(
        Object.entries(models).map(
          ([
            role,
            {
              network: { id, classes, normalization = null },
            },
          ]) => [role, { id, classes, normalization }],
        ),
      );
      writeFileSync(join(folder, "settings.json"), JSON.stringify({ ...settings, networks }));
    },

    close: () => run.close(),
  };
}

/**
 * @param {import("#mtard/runtime/tensorflow.js").Tensor | null} tensor
 * @returns {Float32Array}
 */
function hostValues(tensor) {
  return /** @type {Float32Array} */ (tensor?.dataSync());
}

/** @param {readonly Float32Array[]} parts */
function joined(parts) {
  const all = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let filled = 0;
  for (const part of parts) {
    all.set(part, filled);
    filled += part.length;
  }
  return all;
}

/**
 * @param {string} reference
 * @param {string} teachersDir
 */
async function knownTeacher(reference, teachersDir) {
  const { known } = await openModel(findModel(reference, teachersDir));
  if (!known)
    throw new InputError(`the network of teacher "${reference}" is not known, so PyTorch cannot run it`, {
      expected: "a teacher imported with --network",
      fix: "the same call without --python",
    });
  return known;
}
