/* Writes forty lines of metrics where only some fit, as the test's shell limits the size of files; then there is room again. */
import { execFileSync } from "node:child_process";
import { openMetrics } from "#mtard/run/metrics-file.js";

const [folder = ""] = process.argv.slice(2);
const metrics = openMetrics(folder, 0);
/** @type {string[]} */
const errors = [];
for (let step = 1; step <= 40; step++) {
  try {
    metrics.append({ epoch: 1, step, loss: 0.123456789, more: "x".repeat(50) });
  } catch (error) {
    errors.push(/** @type {Error} */ (error).message);
  }
}
execFileSync("prlimit", ["--pid", String(process.pid), "--fsize=unlimited"]);
const length = metrics.sync();
metrics.close();
console.log(JSON.stringify({ errors, length }));
