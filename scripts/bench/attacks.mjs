// Times attacks and, with --python, the same by PyTorch and by the public AutoAttack, by turns.
import { Buffer } from "node:buffer";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import yargs from "yargs";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";
import { matchWeights } from "#mtard/weights/match-weights.js";
import { readWeightsFile } from "#mtard/weights/weights-file.js";
import { log } from "#mtard/cli/output.js";
import { formatTable } from "#mtard/cli/text-table.js";
import { imagesAt } from "#mtard/data/batches.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { openDataset } from "#mtard/data/store.js";
import { InputError } from "#mtard/errors.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { prepareNativeLibraries, threadCount } from "#mtard/runtime/device.js";
import { Random } from "#mtard/runtime/random.js";
import { runBench } from "./main.mjs";
import { openPython } from "./pytorch.mjs";
import { formatSeconds, summarize } from "./summary.mjs";

const EPSILON = 8 / 255;
/** Rest between two sides' turns, so that threads of the one have gone to sleep when the other begins. */
const REST_MILLISECONDS = 100;
const IMAGE = { height: 32, width: 32, channels: 3 };

/**
 * @typedef {{ seconds: number, cpuSeconds: number, robust: number }} Turn
 * @typedef {{ title: string, run(attack: string): Promise<Turn>, close(): Promise<void> }} Side
 */

/** @param {readonly string[]} argv */
function parse(argv) {
  return yargs([...argv])
    .scriptName("node scripts/bench/attacks.mjs")
    .usage("$0\n\nTimes attacks; with --python and --auto-attack, against the public implementation.")
    .option("network", { type: "string", default: "resnet-18" })
    .option("weights", { type: "string", describe: "a weights file of it; random weights otherwise" })
    .option("mean", {
      type: "string",
      describe: "the network's normalisation: three numbers, comma-separated",
    })
    .option("std", { type: "string", implies: "mean" })
    .option("data", { type: "string", demandOption: true, describe: "CIFAR-10's archive, or its folder" })
    .option("attacks", { type: "string", default: "pgd-sat", describe: "comma-separated" })
    .option("images", { type: "number", default: 32, describe: "so many, as one batch" })
    .option("turns", { type: "number", default: 3, describe: "timed turns, after one to warm up" })
    .option("python", { type: "string", describe: "an interpreter with torch, to compare with" })
    .option("auto-attack", { type: "string", describe: "a checkout of github.com/fra31/auto-attack" })
    .option("json", { type: "boolean", default: false, describe: "print one JSON object on stdout" })
    .check(({ attacks, python, autoAttack }) => {
      if (python === undefined || autoAttack !== undefined || attacks === "pgd-sat") return true;
      throw new InputError("--auto-attack is wanted", { expected: "its checkout, for all but pgd-sat" });
    })
    .strict()
    .exitProcess(false)
    .fail((/** @type {string | null} */ message, /** @type {Error | undefined} */ error) => {
      throw error ?? new InputError(message ?? "the call is wrong");
    })
    .parseAsync();
}

/** @param {string | undefined} text */
const numbers = (text) => text?.split(",").map(Number);

/**
 * @param {Awaited<ReturnType<typeof parse>>} args
 * @param {string} folder
 */
async function openSides(args, folder) {
  const threads = threadCount();
  prepareNativeLibraries("cpu", threads);
  const { tf } = await import("#mtard/runtime/tensorflow.js");
  const { attacks } = await import("#mtard/attacks/attacks.js");
  const { evaluateImages } = await import("#mtard/evaluation/evaluate.js");
  const { imagesOf } = await import("#mtard/evaluation/images.js");
  const { networkTarget } = await import("#mtard/model/targets.js");

  const [mean, std] = [numbers(args.mean), numbers(args.std)];
  const normalization = mean && std ? { mean, std } : undefined;
  const network = createNetwork(args.network, { image: IMAGE, classes: 10 }, normalization);
  const weights =
    args.weights === undefined
      ? initialWeights(network, Random.fromSeed(0))
      : matchWeights(network, (await readWeightsFile(args.weights)).weights, args.weights);
  await prepareDataset("cifar10", folder, { from: args.data });
  const { test, fingerprint } = openDataset("cifar10", folder, { test: args.images });
  const measured = imagesOf(test, { image: IMAGE }, fingerprint);

  const pixels = imagesAt(test, IMAGE, [...test.labels.keys()]);
  const images = tf.tensor4d(pixels, [test.count, 32, 32, 3]);
  const labels = tf.tensor1d(test.labels.slice(), "int32");
  const student = networkTarget({ name: args.network, dataset: "cifar10" }, { network, weights }, "cpu");

  /**
   * @template Made
   * @param {() => Made | Promise<Made>} work
   */
  async function timed(work) {
    const before = process.cpuUsage();
    const start = performance.now();
    const made = await work();
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(before);
    return { made, seconds, cpuSeconds: (user + system) / 1e6 };
  }

  /** @param {import("#mtard/runtime/tensorflow.js").Tensor4D} shown */
  const right = (shown) => tf.tidy(() => tf.equal(student.predict(shown), labels).dataSync());
  /** @type {Side} */
  const ours = {
    title: "mtard",
    async run(name) {
      if (name === "aa") {
        const settings = {
          attacks: /** @type {const} */ (["aa"]),
          epsilon: EPSILON,
          batchSize: args.images,
          seed: 0,
        };
        const { made, ...took } = await timed(() => evaluateImages(student, measured, settings));
        return { ...took, robust: made.attacks.aa?.robust ?? NaN };
      }
      const attack = attacks[/** @type {import("#mtard/attacks/attacks.js").SingleAttackId} */ (name)];
      if (!attack) throw new InputError(`${name} is neither one attack nor aa`);
      const { made: adversarial, ...took } = await timed(() => {
        const found = attack.run(student, { images, labels, epsilon: EPSILON, seed: [0, 0] });
        found.adversarial.dataSync();
        return found.adversarial;
      });
      const [clean, attacked] = [right(images), right(adversarial)];
      adversarial.dispose();
      return { ...took, robust: clean.filter((is, index) => is && attacked[index]).length };
    },
    close: () => Promise.resolve(),
  };
  if (args.python === undefined) return [ours];

  const settings = { network: args.network, classes: 10, normalization, epsilon: EPSILON };
  writeFileSync(
    join(folder, "settings.json"),
    JSON.stringify({ ...settings, normalization: normalization ?? null }),
  );
  const tensors = new Map([
    ...weights,
    ["images", { shape: images.shape, data: pixels }],
    ["labels", { shape: labels.shape, data: Float32Array.from(test.labels) }],
  ]);
  writeFileSync(join(folder, "tensors.safetensors"), Buffer.concat(encodeSafetensors(tensors)));
  const sides = [ours];
  for (const layout of [[], ["--channels-last"]]) {
    const reference = args.autoAttack === undefined ? [] : ["--auto-attack", args.autoAttack];
    const flags = [folder, "--threads", String(threads), ...layout, ...reference];
    const side = await openPython({ python: args.python, script: "attacks.py", flags, what: "the attack" });
    sides.push({
      title: `PyTorch ${side.version}, ${layout.length > 0 ? "channels last" : "contiguous"}`,
      run: (attack) => side.ask({ attack }),
      close: () => side.close(),
    });
  }
  return sides;
}

/** @param {Awaited<ReturnType<typeof parse>>} args */
async function bench(args) {
  const folder = mkdtempSync(join(tmpdir(), "mtard-bench-attacks-"));
  /** @type {readonly Side[]} */
  let sides = [];
  try {
    sides = await openSides(args, folder);
    const results = [];
    for (const attack of args.attacks.split(",")) {
      /** @type {Turn[][]} */
      const turns = sides.map(() => []);
      for (let turn = 0; turn <= args.turns; turn++) {
        for (const [index, side] of sides.entries()) {
          const took = await side.run(attack);
          if (turn > 0) turns[index]?.push(took);
          await sleep(REST_MILLISECONDS);
        }
        log(`${attack}: turn ${turn}/${args.turns}${turn === 0 ? ", to warm up" : ""}`);
      }
      const rows = sides.map(({ title }, index) => {
        const taken = /** @type {Turn[]} */ (turns[index]);
        const seconds = summarize(taken.map((turn) => turn.seconds)).median;
        const cpuSeconds = summarize(taken.map((turn) => turn.cpuSeconds)).median;
        return {
          title,
          seconds,
          cpuSeconds,
          imagesPerSecond: args.images / seconds,
          robust: taken[0]?.robust ?? 0,
        };
      });
      const [ours, ...others] = rows;
      /** @param {"seconds" | "cpuSeconds"} what */
      const ratio = (what) =>
        ours && others.length > 0 ? ours[what] / Math.min(...others.map((row) => row[what])) : null;
      results.push({ attack, rows, ratio: ratio("seconds"), cpuRatio: ratio("cpuSeconds") });
    }
    const machine = { cpu: cpus()[0]?.model ?? "unknown", threads: threadCount(), load: loadavg()[0] ?? NaN };
    return { machine, network: args.network, images: args.images, results };
  } finally {
    for (const side of sides) await side.close();
    rmSync(folder, { recursive: true });
  }
}

/** @param {Awaited<ReturnType<typeof bench>>} result */
function text({ machine, network, images, results }) {
  const table = formatTable([
    ["attack", "by", "seconds", "processor time", "images/s", "robust", "ratio", "ratio of processor time"],
    ...results.flatMap(({ attack, rows, ratio, cpuRatio }) =>
      rows.map((row, index) => [
        index === 0 ? attack : "",
        row.title,
        formatSeconds(row.seconds),
        formatSeconds(row.cpuSeconds),
        row.imagesPerSecond.toFixed(2),
        String(row.robust),
        index === 0 && ratio !== null ? ratio.toFixed(3) : "",
        index === 0 && cpuRatio !== null ? cpuRatio.toFixed(3) : "",
      ]),
    ),
  ]);
  return [
    `${network}, ${images} images of CIFAR-10 in one batch`,
    `${machine.cpu}, ${machine.threads} threads a side, load ${machine.load.toFixed(1)}: above the threads, do not compare times`,
    "",
    table,
    "",
    "ratio: mtard / the faster PyTorch, medians; below 1, this program is the faster",
  ].join("\n");
}

await runBench(parse, bench, text);
