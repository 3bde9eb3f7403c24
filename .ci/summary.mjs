// Prints `N passed, N failed, N skipped` from vitest's JSON report; exits with 1 if a test failed or none ran.
import { readFileSync } from "node:fs";
import process from "node:process";

/** @typedef {{ status: string, assertionResults: { status: string }[] }} TestFile */

/** @returns {TestFile[]} */
function testFiles() {
  try {
    return JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")).testResults;
  } catch {
    return [];
  }
}

const files = testFiles();
const count = (/** @type {string[]} */ ...statuses) =>
  files.flatMap((file) => file.assertionResults).filter(({ status }) => statuses.includes(status)).length;

// A file that could not be loaded has no tests to count and is one failure.
const broken = files.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
const passed = count("passed");
const failed = count("failed") + broken;
process.stdout.write(
  `${passed} passed, ${failed} failed, ${count("pending", "skipped", "todo", "disabled")} skipped\n`,
);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
