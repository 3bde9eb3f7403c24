// Faults of a cluster while mtard trains on it: whatever happens, the study is complete in the end, has the numbers of an undisturbed one, and
// no step was made twice. Starts a cluster of two nodes on this machine (scripts/slurm/start-local.sh); as root, as nodes get names of their own.
//
//   npm run build && node scripts/slurm/faults.mjs [--only limit,requeue,kill,node,controller,name] [--folder FOLDER]
//
// Takes about ten minutes on two cores; prints a line for each fault, and exits with 1 if one ended otherwise.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

const { values: given } = parseArgs({ options: { only: { type: "string" }, folder: { type: "string" } } });
const root = resolve(import.meta.dirname, "../..");
const work = given.folder ?? mkdtempSync(join(tmpdir(), "mtard-faults-"));
const cluster = join(work, "cluster");
mkdirSync(cluster, { recursive: true });

const TINY =
  "--dataset demo --methods sat --limit-train 64 --limit-test 20 --batch-size 16 --attacks fgsm --set innerSteps=1";
/** Epochs of four steps: about 20 seconds, and for the time limit of a minute some three tries. */
const EPOCHS = { usual: 30, limit: 150 };

const [, conf = ""] = /SLURM_CONF=(.*)/.exec(script("start-local", "2")) ?? [];
const environment = {
  ...process.env,
  SLURM_CONF: conf,
  MTARD_THREADS: "2",
  MTARD_TEACHERS: join(root, "teachers"),
};

/** @type {Readonly<Record<string, { call: string, epochs: number, cause: (runsDir: string) => Promise<void> }>>} */
const faults = {
  limit: { call: "--time 1", epochs: EPOCHS.limit, cause: async () => undefined },
  requeue: {
    ...{ call: "", epochs: EPOCHS.usual },
    cause: async (runsDir) => void slurm("scontrol", "requeue", (await training(runsDir)).slurm),
  },
  kill: {
    ...{ call: "", epochs: EPOCHS.usual },
    cause: async (runsDir) => void process.kill((await training(runsDir)).worker, "SIGKILL"),
  },
  node: {
    ...{ call: "", epochs: EPOCHS.usual },
    async cause(runsDir) {
      const { where } = await training(runsDir);
      endDaemon(`slurmd-${where}`);
      await sleep(5000);
      script("start-local", "2");
    },
  },
  controller: {
    ...{ call: "", epochs: EPOCHS.usual },
    async cause(runsDir) {
      await training(runsDir);
      endDaemon("slurmctld");
      await sleep(5000);
      script("start-local", "2");
    },
  },
  name: {
    ...{ call: "", epochs: EPOCHS.usual },
    async cause(runsDir) {
      const { where, worker } = await training(runsDir);
      endDaemon(`slurmd-${where}`);
      process.kill(worker, "SIGKILL");
      await sleep(2000);
      // The same node, whose host is called otherwise now.
      const again = 'hostname "$2" && exec slurmd -N "$1"';
      execFileSync("unshare", ["--uts", "sh", "-c", again, "-", where, `${where}-again`], {
        env: { ...environment, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` },
      });
    },
  },
};

let failed = 0;
const alone = new Map();
for (const name of given.only?.split(",") ?? Object.keys(faults)) {
  const fault = faults[name];
  if (!fault) throw new Error(`no fault is called ${name}: ${Object.keys(faults).join(", ")}`);
  const began = Date.now();
  const problem = await undergo(name, fault).catch((/** @type {unknown} */ error) => String(error));
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(
    `${name.padEnd(12)}${problem === null ? "complete and right" : `WRONG: ${problem}`} (${seconds} s)`,
  );
  if (problem !== null) failed++;
}
script("stop-local");
if (given.folder === undefined && failed === 0) rmSync(work, { recursive: true, force: true });
else console.log(`everything is in ${work}`);
process.exitCode = failed === 0 ? 0 : 1;

/**
 * Has a study undergo a fault. @param {string} name @param {(typeof faults)[string]} fault
 * @returns {Promise<string | null>} What is wrong in the end.
 */
async function undergo(name, { call, epochs, cause }) {
  const study = (/** @type {string} */ runsDir) =>
    `study own ${TINY} --seeds 0,1 --epochs ${epochs} --runs-dir ${runsDir}`;
  if (!alone.has(epochs)) alone.set(epochs, numbers(mtard(study(`alone-${epochs}`))));
  const onCluster = `${study(name)} --on slurm --cpus 2 ${call}`.trim();
  mtard(onCluster);
  await cause(name);
  for (let tries = 0; tries < 5; tries++) {
    const made = await mtardLater(`${onCluster} --wait`);
    if (made["sections"] === undefined) continue;
    if (numbers(made) !== alone.get(epochs)) return "other numbers than undisturbed";
    return twice(name, epochs * 4);
  }
  return "not complete after five calls";
}

/** The numbers of a study, as text. @param {Record<string, unknown>} made */
function numbers({ sections }) {
  const rows = /** @type {{ rows: { values: unknown }[] }[]} */ (sections).flatMap((section) => section.rows);
  return JSON.stringify(rows.map(({ values }) => values));
}

/** What steps were made twice or never, by the runs' metrics. @param {string} runsDir @param {number} steps */
function twice(runsDir, steps) {
  for (const run of readdirSync(join(work, runsDir)).filter((each) => each.startsWith("demo-"))) {
    const lines = readFileSync(join(work, runsDir, run, "metrics.jsonl"), "utf8")
      .trim()
      .split("\n");
    const made = lines.map((line) => JSON.parse(line)).filter((line) => line.clean === undefined);
    if (made.length !== steps || made.some(({ step }, index) => step !== index + 1))
      return `${run} has ${made.length} lines of ${steps} steps`;
  }
  return null;
}

/** Waits until a job trains. @param {string} runsDir @returns {Promise<{ slurm: string, worker: number, where: string }>} */
async function training(runsDir) {
  for (;;) {
    const { jobs } = mtard(`jobs --runs-dir ${runsDir}`);
    const list =
      /** @type {{ name: string, state: string, doing: string, slurm: string, worker: number, where: string }[]} */ (
        jobs
      );
    const job = list.find(
      ({ name, state, doing }) => name.startsWith("train") && state === "running" && /step [1-9]/.test(doing),
    );
    if (job) return job;
    await sleep(500);
  }
}

/** @param {string} line @returns {Record<string, unknown>} */
function mtard(line) {
  const { stdout, stderr } = spawnSync(
    "node",
    [join(root, "dist/cli/main.js"), ...line.split(" "), "--json"],
    {
      ...{ cwd: work, env: environment, encoding: "utf8" },
    },
  );
  if (stdout.trim() === "") throw new Error(`mtard ${line}: ${stderr}`);
  return JSON.parse(stdout);
}

/** The same for calls that wait. @param {string} line @returns {Promise<Record<string, unknown>>} */
async function mtardLater(line) {
  const child = spawn("node", [join(root, "dist/cli/main.js"), ...line.split(" "), "--json"], {
    ...{ cwd: work, env: environment, stdio: ["ignore", "pipe", "ignore"] },
  });
  let text = "";
  for await (const chunk of child.stdout) text += String(chunk);
  return text.trim() === "" ? {} : JSON.parse(text);
}

/** Ends a daemon of the cluster, by the file with its id. @param {string} name */
function endDaemon(name) {
  process.kill(Number(readFileSync(join(cluster, `${name}.pid`), "utf8").trim()), "SIGKILL");
}

/** @param {string} name @param {string[]} args */
function script(name, ...args) {
  return execFileSync(join(root, `scripts/slurm/${name}.sh`), [cluster, ...args], { encoding: "utf8" });
}

/** @param {string} program @param {string[]} args */
function slurm(program, ...args) {
  return execFileSync(program, args, { env: environment, encoding: "utf8" });
}
