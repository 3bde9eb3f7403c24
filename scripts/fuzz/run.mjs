import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nastyModels } from "./nasty-models.mjs";
import { faultsOf, tryModel } from "./try-model.mjs";

/*
 * node scripts/fuzz/run.mjs [MODELS] [SEED] [FIRST]: brings in or evaluates so many nasty models, 300 by default, and says what they did.
 * FIRST is the kind to begin with, from 0.
 */

const [models = 300, seed = 0, first = 0] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), "mtard-fuzz-"));
const places = ["--data-dir", join(folder, "data"), "--teachers-dir", join(folder, "teachers")];
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
execFileSync(process.execPath, [main, "data", "demo", ...places], { stdio: "ignore" });

/** A linear congruential generator is enough to choose from lists. */
let state = seed >>> 0;
const below = (/** @type {number} */ many) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * many);
};

/** @type {((path: string) => string[])[]} */
const commands = [
  (path) => [
    "teacher",
    "import",
    "--name",
    "nasty",
    "--force",
    "--dataset",
    "demo",
    "--onnx",
    path,
    ...places,
  ],
  (path) => [
    "evaluate",
    path,
    "--dataset",
    "demo",
    "--attacks",
    "pgd-sat",
    "--steps",
    "2",
    "--limit",
    "100",
    "--again",
    "--runs-dir",
    join(folder, "runs"),
    ...places,
  ],
];

const kinds = Object.entries(nastyModels);
/** @type {Map<string, number>} */
const messages = new Map();
const worst = { seconds: 0, processor: 0, megabytes: 0 };
let faults = 0;
for (let index = first; index < first + models; index++) {
  const [kind, make] = /** @type {(typeof kinds)[number]} */ (kinds[index % kinds.length]);
  const round = Math.floor(index / kinds.length);
  const command = /** @type {(path: string) => string[]} */ (commands[(round + index) % commands.length]);
  const outcome = await tryModel(make(below), command, join(folder, "model"));
  for (const key of /** @type {const} */ (["seconds", "processor", "megabytes"]))
    worst[key] = Math.max(worst[key], outcome[key]);
  const error = outcome.stderr.split("\n").find((line) => line.startsWith("error: "));
  const found = /^ {2}found +(.*)$/m.exec(outcome.stderr)?.[1] ?? "";
  const said =
    outcome.code === 0
      ? "accepted"
      : (error ?? "no message").replaceAll(join(folder, "model", "nasty.onnx"), "FILE");
  messages.set(said.slice(0, 90), (messages.get(said.slice(0, 90)) ?? 0) + 1);
  const wrong = faultsOf(outcome);
  if (wrong.length > 0) faults++;
  const { seconds, processor, megabytes } = outcome;
  const numbers = `${seconds.toFixed(1)} s, ${processor.toFixed(1)} s of processor, ${megabytes.toFixed(0)} MB`;
  console.log(
    `${index} ${kind}: ${numbers}; ${said} ${found.slice(0, 120)}${wrong.length > 0 ? `; WRONG: ${wrong.join(", ")}` : ""}`,
  );
}
rmSync(folder, { recursive: true, force: true });
console.log();
for (const [said, count] of [...messages].sort((one, other) => other[1] - one[1]))
  console.log(`${count}  ${said}`);
console.log(
  `${models} models, ${faults} faults; at most ${worst.seconds.toFixed(1)} s, ${worst.processor.toFixed(1)} s of processor, ${worst.megabytes.toFixed(0)} MB`,
);
process.exitCode = faults === 0 ? 0 : 1;
