// Times the import of a checkpoint of full size with seeded random weights, and a batch of the teacher it makes, with their peaks of memory.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import yargs from "yargs";
import { log, printResult } from "#mtard/cli/output.js";
import { formatTable } from "#mtard/cli/text-table.js";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";
import { classifierShape, findDataset } from "#mtard/data/datasets.js";
import { InputError, WorkError } from "#mtard/errors.js";
import { parameterSpecs } from "#mtard/graph/parameters.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { writeFileAtomically } from "#mtard/files/atomic.js";
import { Random } from "#mtard/runtime/random.js";
import { openTeacher } from "#mtard/teacher/bridge.js";
import { findTeacher } from "#mtard/teacher/reference.js";
import { torchLegacy, torchZip } from "./torch-file.mjs";
import { formatBytes, formatSeconds } from "./summary.mjs";

const BATCH = 8;
const NAME = "large";
/** Random values drawn once; every tensor takes its own from another place among them. */
const POOL = 2 ** 22 - 3;

/** @param {readonly string[]} argv */
function parse(argv) {
  return yargs([...argv])
    .scriptName("node scripts/bench/large-checkpoint.mjs")
    .usage("$0\n\nMakes a checkpoint of random weights, imports it and runs a batch of 8.")
    .option("network", { type: "string", default: "wide-resnet-70-16" })
    .option("dataset", { type: "string", default: "cifar100" })
    .option("format", { choices: /** @type {const} */ (["zip", "legacy", "safetensors"]), default: "zip" })
    .option("seed", { type: "number", default: 0 })
    .option("folder", { type: "string", default: tmpdir(), describe: "where to; the files are removed" })
    .option("json", { type: "boolean", default: false, describe: "print one JSON object on stdout" })
    .option("run-batch", { type: "string", hidden: true })
    .strict()
    .exitProcess(false)
    .fail((/** @type {string | null} */ message, /** @type {Error | undefined} */ error) => {
      throw error ?? new InputError(message ?? "the call is wrong");
    })
    .parseAsync();
}

/**
 * Weights under PyTorch's names, of a size that keeps the logits of deep networks near 1.
 *
 * @param {import("#mtard/graph/network.js").Network} network
 * @param {number} seed
 * @returns {import("./torch-file.mjs").Tensor[]}
 */
function randomWeights(network, seed) {
  const random = Random.fromSeed(seed);
  const pool = Float32Array.from({ length: POOL }, () => 2 * random.uniform() - 1);
  let start = 0;
  return parameterSpecs(network).map(({ name, shape }) => {
    const count = shape.reduce((size, extent) => size * extent, 1);
    const from = start;
    start = (start + count) % POOL;
    // Uniform with the variance 1 / (4 inputs), which a residual sum of 70 layers still stands.
    const scale = shape.length === 1 ? 0.1 : Math.sqrt(0.75 / (count / (shape[0] ?? 1)));
    const shift = shape.length === 1 && /\.(weight|running_var)$/.test(name) ? 1 : 0;
    const values = () => {
      const made = new Float32Array(count);
      for (let index = 0, place = from; index < count; index++, place = place + 1 === POOL ? 0 : place + 1)
        made[index] = shift + scale * /** @type {number} */ (pool[place]);
      return made;
    };
    return { name, shape, values };
  });
}

/**
 * Runs a command of Node in a process of its own.
 *
 * @param {string} folder
 * @param {readonly string[]} args
 */
function measured(folder, args) {
  const takenFile = join(folder, "taken");
  const started = performance.now();
  const meter = fileURLToPath(new URL("meter.mjs", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", meter, ...args], {
    encoding: "utf8",
    env: { ...process.env, MTARD_TAKEN: takenFile },
  });
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0) throw new WorkError("a measured process failed", { found: stderr.trim() });
  /** @type {{ peakBytes: number, cpuSeconds: number }} */
  const taken = JSON.parse(readFileSync(takenFile, "utf8"));
  return { seconds, taken, stdout };
}

/** @param {Awaited<ReturnType<typeof parse>>} args */
function bench({ network: id, dataset, format, seed, folder: parent }) {
  const network = createNetwork(id, classifierShape(findDataset(dataset, "data")));
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "mtard-large-"));
  try {
    const file = join(folder, format === "safetensors" ? "large.safetensors" : "large.pt");
    log(`writing ${file}`);
    const tensors = randomWeights(network, seed);
    if (format === "safetensors")
      writeFileAtomically(
        file,
        encodeSafetensors(tensors.map(({ name, shape, values }) => [name, { shape, data: values() }])),
      );
    else writeFileAtomically(file, format === "zip" ? torchZip(tensors) : torchLegacy(tensors));
    const bytes = statSync(file).size;
    const teachersDir = join(folder, "teachers");
    const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
    log("importing it");
    const made = measured(folder, [
      ...[main, "teacher", "import", "--name", NAME, "--dataset", dataset, "--json"],
      ...["--network", id, "--weights", file, "--teachers-dir", teachersDir],
    ]);
    log(`running a batch of ${BATCH}`);
    const self = fileURLToPath(import.meta.url);
    const ran = measured(folder, [self, "--run-batch", teachersDir]);
    return {
      network: id,
      format,
      bytes,
      import: { seconds: made.seconds, ...made.taken, ratio: made.taken.peakBytes / bytes },
      batch: { size: BATCH, ...JSON.parse(ran.stdout), ...ran.taken, ratio: ran.taken.peakBytes / bytes },
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Opens the teacher and prints how long that and two batches took. @param {string} teachersDir */
async function runBatch(teachersDir) {
  let last = performance.now();
  const lap = () => {
    const before = last;
    last = performance.now();
    return (last - before) / 1000;
  };
  const teacher = await openTeacher(findTeacher(NAME, teachersDir), { device: "cpu" });
  const openSeconds = lap();
  const { height, width, channels } = teacher.manifest.image;
  const random = Random.fromSeed(1);
  const images = Float32Array.from({ length: BATCH * height * width * channels }, () => random.uniform());
  lap();
  const logits = await teacher.logits(images);
  const firstSeconds = lap();
  await teacher.logits(images);
  const seconds = lap();
  await teacher.close();
  console.log(
    JSON.stringify({ openSeconds, firstSeconds, seconds, largestLogit: Math.max(...logits.map(Math.abs)) }),
  );
}

try {
  const args = await parse(process.argv.slice(2));
  if (args.runBatch !== undefined) await runBatch(args.runBatch);
  else {
    const result = bench(args);
    const row = (
      /** @type {string} */ what,
      /** @type {{ seconds: number, cpuSeconds: number, peakBytes: number, ratio: number }} */ taken,
    ) => [
      what,
      formatSeconds(taken.seconds),
      formatSeconds(taken.cpuSeconds),
      formatBytes(taken.peakBytes),
      taken.ratio.toFixed(2),
    ];
    const { batch } = result;
    const opened = `opening the teacher: ${formatSeconds(batch.openSeconds)}; its first batch: ${formatSeconds(batch.firstSeconds)}`;
    printResult(
      args,
      result,
      `${result.network}, ${result.format}, ${formatBytes(result.bytes)}\n\n${formatTable([
        ["", "TIME", "PROCESSOR", "PEAK MEMORY", "OF THE FILE"],
        row("import, verified", result.import),
        row(`batch of ${BATCH}`, batch),
      ])}\n\n${opened}; largest logit ${batch.largestLogit.toFixed(2)}\nThe processor's time of the batch is of the whole process.`,
    );
  }
} catch (error) {
  if (!(error instanceof InputError || error instanceof WorkError)) throw error;
  log(error.report());
  process.exitCode = error instanceof InputError ? 2 : 1;
}
