import { Buffer } from "node:buffer";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";
import { InputError } from "#mtard/errors.js";
import { logitGradients } from "#mtard/methods/logit-gradients.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { parseSettings } from "#mtard/recipes/settings.js";
import { normalNoise } from "#mtard/runtime/noise.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { weightsFromParameters } from "#mtard/student/parameters.js";
import { freePass } from "#mtard/student/training-pass.js";
import { prepareRun } from "#mtard/training/prepare.js";
import { attackStudent } from "#mtard/training/attack.js";
import { forwardStudent, learn, trainingStep } from "#mtard/training/step.js";
import { stepOperations } from "./arithmetic.mjs";
import { precisionSettings } from "./cases.mjs";
import { datasetOf, teacherOf, teacherReference } from "./subject.mjs";

/* Our side of the comparison: the program's own training step, on batches that the other side can have too. */

/**
 * @typedef {import("./subject.mjs").Subject} Subject
 * @typedef {"cleanTeacher" | "attack" | "robustTeacher" | "forward" | "learn"} Part
 */

/**
 * Opens a fresh B-MTARD run with its first batches drawn and kept.
 *
 * @param {Subject} subject
 * @param {string} run The folder of its run.
 * @throws {InputError} if the training images do not fill the batches, or as `prepareRun` does.
 */
export async function openOurStep(subject, run) {
  const { student, batch: batchSize } = subject.case;
  const own = datasetOf(subject);
  const dataset = own?.description.id ?? /** @type {string} */ (subject.dataset);
  const settings = parseSettings({
    ...recipe({ dataset, method: "b-mtard", student }),
    ...precisionSettings(subject.precision),
    ...{ dataset, method: "b-mtard", student, batchSize },
    cleanTeacher: teacherReference(subject, "clean"),
    robustTeacher: teacherReference(subject, "robust"),
    ...{ seed: 0, limitTrain: null, limitTest: 1 },
  });
  const { dataDir, teachersDir, device, folder, batches: count } = subject;
  const places = { folder: run, dataDir, teachersDir, device, resume: false };
  const prepared = await prepareRun(settings, places, { dataset: own });
  const { trainee, batches } = prepared;
  const { network, parameters } = trainee;
  if (count * batchSize > prepared.dataset.train.count) {
    await prepared.close();
    throw new InputError("the training images do not fill the batches", {
      expected: `${count} batches of ${batchSize}`,
      found: `${prepared.dataset.train.count} images in ${dataset}`,
      fix: "smaller batches or fewer --rounds",
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
     * @returns {Promise<{ seconds: number }>}
     */
    async step(index) {
      const batch = batchOf(index);
      const start = performance.now();
      await trainingStep(trainee, batch, stepSettings, () => void batches.next());
      synchronize();
      return { seconds: (performance.now() - start) / 1000 };
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
     * Writes what another implementation needs for the same steps into the subject's folder: the settings, all weights, the batches, and
     * the adversarial images of batch 0 with the noise they started from. Returns the losses of batch 0 on these images in each precision
     * of the training passes, and the operations of a step. Call it before the first step, and make none afterwards.
     *
     * @param {readonly import("#mtard/runtime/precision.js").Precision[]} precisions
     * @throws {InputError} if a teacher is not a network this program knows.
     */
    async writeInputs(precisions) {
      const { cleanTeacher, robustTeacher } = trainee;
      if (!cleanTeacher || !robustTeacher) throw new Error("b-mtard has two teachers");
      const first = batchOf(0);
      const { height, width, channels } = network.input;
      /** @type {[number, number, number, number]} */
      const shape = [batchSize, height, width, channels];
      const images = tf.tensor4d(first.images, shape);
      const labels = tf.tensor1d(first.labels, "int32");
      const noise = normalNoise(shape, first.seed);
      const { adversarial } = attackStudent(trainee, images, labels, settings, first.seed) ?? {};
      if (!adversarial) throw new Error("b-mtard attacks its student");
      const clean = await teacherOf(subject, "clean");
      const robust = await teacherOf(subject, "robust");
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
            shape: [count, batchSize],
            data: joined(drawn.map((batch) => Float32Array.from(batch.labels))),
          },
        ],
        ["noise", { shape, data: hostValues(noise) }],
        ["adversarial", { shape, data: hostValues(adversarial) }],
      ];
      for (const [role, { weights }] of Object.entries(models))
        for (const [name, tensor] of weights) tensors.push([`${role}.${name}`, tensor]);
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

      const { classes } = network;
      const known = {
        teachers: {
          cleanTeacherNat: { values: await cleanTeacher.logits(first.images), classes },
          robustTeacherAdv: { values: await robustTeacher.logits(hostValues(adversarial)), classes },
        },
        ...{ labels, rightIterates: null },
      };
      /** @param {import("#mtard/runtime/precision.js").Precision} precision */
      function losses(precision) {
        const { nat, adv } = forwardStudent({ ...trainee, precision }, images, adversarial ?? null);
        if (!nat || !adv) throw new Error("b-mtard trains on both");
        const logits = { studentNat: nat.logits, studentAdv: adv.logits, ...known };
        const made = logitGradients(trainee.method, trainee.state, logits, settings);
        tf.dispose([made.nat, made.adv].filter((gradient) => gradient !== null));
        freePass(nat);
        freePass(adv);
        return { lossNat: made.report["lossNat"] ?? NaN, lossAdv: made.report["lossAdv"] ?? NaN };
      }
      const made = Object.fromEntries(precisions.map((precision) => [precision, losses(precision)]));
      tf.dispose([images, labels, noise, adversarial]);
      const { innerSteps: steps } = settings;
      const networksOf = { student: network, clean: clean.network, robust: robust.network };
      return { losses: made, operations: stepOperations({ ...networksOf, batch: batchSize, steps }) };
    },

    close: () => prepared.close(),
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
