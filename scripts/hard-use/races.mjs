// Several processes at once on one run directory, one data store, one teacher's name: one of them wins each time, the others
// say why they did not, and nothing is mixed.
//
//   node scripts/hard-use/races.mjs --rounds 200 --locks 5000 --seed 0 --only run,data,import,check
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import {
  importCall,
  leftoversIn,
  options,
  prepareDemo,
  randomFrom,
  require,
  root,
  run,
  start,
  startProcess,
  teacherIn,
  TINY,
  workFolder,
  writeArrays,
} from "./program.mjs";

const {
  rounds = "",
  locks = "",
  seed = "",
  only = "",
} = options({
  rounds: "200",
  locks: "5000",
  seed: "0",
  only: "run,data,import,check",
});
const random = randomFrom(Number(seed));
const work = workFolder("races");

/** The file whose number every process raises under the lock; a lost count is two at once. */
const counter = join(work, "counter");
const counting = `
  import { readFileSync, writeFileSync } from "node:fs";
  import { setTimeout as wait } from "node:timers/promises";
  import { tryLock } from ${JSON.stringify(pathToFileURL(join(root, "dist/files/lock.js")).href)};
  let [taken, refused] = [0, 0];
  while (taken < Number(process.argv[1])) {
    const lock = tryLock(${JSON.stringify(join(work, "deep", ".working"))});
    if (typeof lock === "string") { refused++; await wait(Math.random()); continue; }
    const count = Number(readFileSync(${JSON.stringify(counter)}, "utf8"));
    if (Math.random() < 0.1) await wait(2 * Math.random());
    writeFileSync(${JSON.stringify(counter)}, String(count + 1));
    lock.release();
    taken++;
  }
  console.log(refused);`;

/** The lock itself, taken by ten processes in turn, which are stopped at random moments. */
async function raceForLock() {
  writeFileSync(counter, "0");
  const each = Math.ceil(Number(locks) / 10);
  const others = Array.from({ length: 10 }, () =>
    startProcess(["--input-type=module", "--eval", counting, String(each)], work, process.env),
  );
  const stopping = { over: false };
  void stopAndContinue(
    others.map(({ child }) => child),
    stopping,
  );
  const ended = await Promise.all(others.map(({ ended }) => ended));
  stopping.over = true;
  for (const { code, stderr } of ended) require(code === 0, stderr);
  const found = Number(readFileSync(counter, "utf8"));
  require(found === 10 * each, `the lock was taken ${10 * each} times, and ${found} were alone with it`);
  require(!existsSync(join(work, "deep/.working")), "the lock's file stayed");
  const refused = ended.reduce((sum, { stdout }) => sum + Number(stdout), 0);
  console.log(`lock: taken ${found} times by 10 processes, each time by one; refused ${refused} times`);
}

/** Stops processes at random moments, for as long as others need to come in between. @param {import("node:child_process").ChildProcess[]} children @param {{ over: boolean }} signal */
async function stopAndContinue(children, signal) {
  while (!signal.over) {
    await wait(50 * random());
    const child = children[Math.floor(random() * children.length)];
    if (child?.exitCode !== null) continue;
    child.kill("SIGSTOP");
    await wait(50 * random());
    child.kill("SIGCONT");
  }
}

/**
 * What several calls at once are about: each call by its number, and what has to be true of their ends.
 *
 * @typedef {object} Race
 * @property {(place: string, index: number) => string[]} call
 * @property {(place: string) => Promise<unknown>} [before]
 * @property {(place: string, ended: import("./program.mjs").Ended[]) => void} check
 */

/** @type {Record<string, Race>} */
const races = {
  run: {
    call: (place) => ["train", "--dataset", "demo", ...TINY, "--out", `${place}/run`],
    check(place, ended) {
      requireOneWinner(ended, /another mtard is working in|already holds this run/);
      const lines = readFileSync(join(place, "run/metrics.jsonl"), "utf8").trimEnd().split("\n");
      require(lines.length === 3, `metrics.jsonl has ${lines.length} lines, not 3`);
      for (const line of lines) JSON.parse(line);
    },
  },
  data: {
    call: (place, index) => [
      "data",
      "tiny",
      "--from",
      index % 2 === 0 ? "a.npz" : "a-again.npz",
      "--data-dir",
      place,
    ],
    check(place, ended) {
      const packed = ended.filter(({ code, stdout }) => code === 0 && stdout.includes("is ready"));
      const found = ended.filter(({ code, stdout }) => code === 0 && stdout.includes("is already there"));
      require(packed.length === 1 && found.length === ended.length - 1, reportOf(ended));
      require(readdirSync(place).join() === "tiny", `in the store: ${readdirSync(place).join()}`);
    },
  },
  import: {
    call: (place, index) => importOf(place, index % 2),
    check(place, ended) {
      requireOneWinner(ended, /is taken: another mtard|there is a teacher "it" already/);
      const model = teacherIn(join(place, "it"));
      const winner = ended.findIndex(({ code }) => code === 0);
      require(model === models[winner % 2], "the teacher is not the one of the call that succeeded");
    },
  },
  check: {
    before: (place) => run(importOf(place, 0), work),
    call: (place, index) =>
      index % 2 === 0 ? checkCall(place) : [...importOf(place, (index >> 1) % 2), "--force"],
    check(place, ended) {
      const model = teacherIn(join(place, "it"));
      const { measured } = JSON.parse(readFileSync(join(place, "it/teacher.json"), "utf8"));
      const right = rights[models.indexOf(model)];
      require(measured === undefined ||
        measured.correct === right, "another teacher's accuracy is in the manifest");
      for (const { code, stderr } of ended)
        require(code === 0 || stderr.includes("is taken: another mtard"), stderr);
    },
  },
};

/** What the two teachers are, and how many of 20 images each gets right. @type {string[]} */
let models = [];
/** @type {number[]} */
let rights = [];

const ROLES = ["clean", "robust"];

/** @param {string} place @param {number} which */
function importOf(place, which) {
  return importCall(place, ROLES[which] ?? "");
}

/** @param {string} place */
function checkCall(place) {
  return `teacher check it --attacks none --limit 20 --runs-dir ${place}/runs --teachers-dir ${place}`.split(
    " ",
  );
}

/** @param {import("./program.mjs").Ended[]} ended @param {RegExp} words What the others have to say. */
function requireOneWinner(ended, words) {
  const winners = ended.filter(({ code }) => code === 0);
  const losers = ended.filter(({ code, stderr }) => (code === 1 || code === 2) && words.test(stderr));
  require(winners.length === 1 && losers.length === ended.length - 1, reportOf(ended));
}

/** @param {import("./program.mjs").Ended[]} ended */
function reportOf(ended) {
  return ended.map(({ code, stdout, stderr }) => `ended with ${code}: ${stdout}${stderr}`).join("\n");
}

async function prepare() {
  await prepareDemo(work);
  await writeArrays(join(work, "a.npz"), { train: 200, side: 16, shift: 0 });
  copyFileSync(join(work, "a.npz"), join(work, "a-again.npz"));
  for (const [which, role] of ROLES.entries()) {
    const place = join(work, `alone-${role}`);
    await run(importOf(place, which), work);
    const checked = await run([...checkCall(place), "--json"], work);
    models.push(teacherIn(join(place, "it")));
    rights.push(JSON.parse(checked).measured.correct);
  }
}

await raceForLock();
await prepare();
const names = only.split(",").filter((name) => name !== "");
for (let round = 0; round < Number(rounds) && names.length > 0; round++) {
  const name = names[round % names.length] ?? "";
  const race = races[name];
  if (!race) throw new Error(`there is no race "${name}"`);
  const count = [2, 5, 10][Math.floor(round / names.length) % 3] ?? 2;
  const place = join(work, `round-${round}`);
  mkdirSync(place);
  await race.before?.(place);
  const others = [];
  for (let index = 0; index < count; index++) {
    others.push(start(race.call(place, index), work));
    await wait(random() < 0.5 ? 0 : 200 * random());
  }
  const stopping = { over: false };
  void stopAndContinue(
    others.map(({ child }) => child),
    stopping,
  );
  const ended = await Promise.all(others.map((each) => each.ended));
  stopping.over = true;
  try {
    race.check(place, ended);
    const left = leftoversIn(place);
    require(left.length === 0, `left behind: ${left.join(", ")}`);
  } catch (error) {
    console.error(`${reportOf(ended)}\nround ${round}, ${count} processes, ${name}, in ${place}:`);
    throw error;
  }
  rmSync(place, { recursive: true });
  console.log(`round ${round + 1}: ${count} processes, ${name}: right`);
}
rmSync(work, { recursive: true });
