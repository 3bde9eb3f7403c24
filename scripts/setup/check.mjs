import { join } from "node:path";
import { cacheFolder } from "./cache.mjs";
import { SetupError } from "./failure.mjs";
import { lastLine, run } from "./run.mjs";

/**
 * Loads both native libraries, each in a process of its own, and says what runs where.
 *
 * @param {string} root The package: a checkout, or as npm installed it.
 * @param {import("./wheels.mjs").Device} device What was set up.
 * @returns {Promise<string>}
 */
export async function checkNative(root, device) {
  const reports = await Promise.all([checkLibrary(root, "libtensorflow"), checkLibrary(root, "onnxruntime")]);
  const names = ["libtensorflow", "ONNX Runtime"];
  const text = reports
    .map((report, index) => `${names[index]} ${report.version} on ${report.device}`)
    .join(", ");
  const idle = device === "cuda" ? reports.find((report) => report.device !== "cuda") : undefined;
  if (idle === undefined) return text;
  const reason =
    reports.find((report) => report.cudaProblem)?.cudaProblem?.found ?? "libtensorflow does not use it";
  if (idle.gpus.length === 0) return `${text}: ${reason}`;
  throw new SetupError(`${idle.gpus.join(", ")} is not used`, {
    expected: "both libraries on cuda",
    found: `${text}; ${reason}`,
    fix: "see that nvidia-smi works and its driver is 525 or newer; or set up for the CPU (mtard setup --device cpu)",
  });
}

/**
 * @param {string} root
 * @param {"libtensorflow" | "onnxruntime"} library
 * @returns {Promise<{ version: string, device: string, gpus: string[], cudaProblem?: { found?: string } }>}
 */
async function checkLibrary(root, library) {
  const result = await run(process.execPath, [join(root, "dist/runtime/native-check.js"), library], {
    cwd: root,
  });
  if (result.ok) return JSON.parse(result.stdout);
  throw new SetupError(`${library} does not run`, {
    found: lastLine(result),
    fix: `delete ${cacheFolder()} and set up again; mtard doctor says more`,
  });
}
