// Times Square and RayS against numbers of images and queries, beside the bare looks at the network that they make, by turns.
import { performance } from "node:perf_hooks";
import yargs from "yargs";
import { log, printResult } from "#mtard/cli/output.js";
import { formatTable } from "#mtard/cli/text-table.js";
import { classifierShape, findDataset } from "#mtard/data/datasets.js";
import { InputError, WorkError } from "#mtard/errors.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import {
  prepareNativeLibraries,
  requestedDevice,
  studentDevice,
  threadCount,
} from "#mtard/runtime/device.js";
import { Random } from "#mtard/runtime/random.js";
import { formatSeconds } from "./summary.mjs";

/** @param {readonly string[]} argv */
function parse(argv) {
  return yargs([...argv])
    .scriptName("node scripts/bench/black-box.mjs")
    .usage("$0\n\nTimes Square and RayS on a network of random weights.")
    .option("network", { type: "string", default: "resnet-20" })
    .option("dataset", { type: "string", default: "cifar10" })
    .option("images", { type: "number", array: true, default: [1, 16, 128] })
    .option("queries", { type: "number", array: true, default: [10, 100] })
    .option("json", { type: "boolean", default: false, describe: "print one JSON object on stdout" })
    .strict()
    .exitProcess(false)
    .fail((/** @type {string | null} */ message, /** @type {Error | undefined} */ error) => {
      throw error ?? new InputError(message ?? "the call is wrong");
    })
    .parseAsync();
}

/**
 * Seconds of attacks that fool nothing, so that each image costs its whole budget.
 *
 * @param {Awaited<ReturnType<typeof parse>>} args
 */
async function bench(args) {
  const { network: id, dataset } = args;
  const [{ attacks }, { tf }, { networkTarget }] = await Promise.all([
    import("#mtard/attacks/attacks.js"),
    import("#mtard/runtime/tensorflow.js"),
    import("#mtard/model/targets.js"),
  ]);
  const random = Random.fromSeed(0);
  const network = createNetwork(id, classifierShape(findDataset(dataset, "data")));
  const weights = initialWeights(network, random);
  const target = networkTarget({ name: id, dataset }, { network, weights }, "cpu");
  const { height, width, channels } = network.input;

  /**
   * @param {number} count
   * @param {number} queries
   */
  function time(count, queries) {
    const values = Float32Array.from({ length: count * height * width * channels }, () => random.uniform());
    const images = tf.tensor4d(values, [count, height, width, channels]);
    const labels = target.predict(images);
    const batch = { images, labels, epsilon: 0, seed: /** @type {const} */ ([0, 0]) };
    const seconds = {
      square: clock(() => attacks.square.run(target, batch, { queries }).adversarial.dispose()),
      rays: clock(() => attacks.rays.run(target, batch, { queries }).adversarial.dispose()),
      looks: clock(() => {
        for (let look = 0; look < queries; look++) {
          const answers = target.predict(images);
          answers.dataSync();
          answers.dispose();
        }
      }),
    };
    tf.dispose([images, labels]);
    return { images: count, queries, seconds };
  }

  time(1, 10);
  const device = studentDevice(tf, "auto");
  const rows = args.images.flatMap((count) => args.queries.map((queries) => time(count, queries)));
  target.dispose();
  return { network: id, dataset, device, threads: threadCount(), rows };
}

/** @param {() => void} work */
function clock(work) {
  const began = performance.now();
  work();
  return (performance.now() - began) / 1000;
}

try {
  const args = await parse(process.argv.slice(2));
  prepareNativeLibraries(requestedDevice(), threadCount());
  const result = await bench(args);
  const table = result.rows.map(({ images, queries, seconds: { square, rays, looks } }) => [
    `${images}`,
    `${queries}`,
    ...[square, rays, looks].map(formatSeconds),
    formatSeconds(square / (images * queries)),
    formatSeconds(rays / (images * queries)),
  ]);
  printResult(
    args,
    result,
    `${result.network} on ${result.device}, ${result.threads} threads\n\n${formatTable([
      ["IMAGES", "QUERIES", "SQUARE", "RAYS", "BARE LOOKS", "SQUARE, A LOOK", "RAYS, A LOOK"],
      ...table,
    ])}`,
  );
} catch (error) {
  if (!(error instanceof InputError || error instanceof WorkError)) throw error;
  log(error.report());
  process.exitCode = error instanceof InputError ? 2 : 1;
}
