// Shows where the time of a student's passes goes, by kind of operation: of compiled passes as oneDNN tells, else kernel by kernel.
import { spawn } from "node:child_process";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import yargs from "yargs";
import { formatTable } from "#mtard/cli/text-table.js";
import { InputError, WorkError } from "#mtard/errors.js";
import { caseName, COMPILE, parseCases, parseWords } from "./cases.mjs";
import { runBench } from "./main.mjs";
import { collect } from "./profile-lines.mjs";
import { formatSeconds } from "./summary.mjs";

/** @typedef {import("./cases.mjs").Case} Case */

/** @param {readonly string[]} argv */
function parse(argv) {
  return yargs([...argv])
    .scriptName("node scripts/bench/profile.mjs")
    .usage("$0\n\nShows where the time of a student's passes goes, by kind of operation.")
    .option("cases", { type: "string", default: "mobilenet-v2/32,resnet-18/32" })
    .option("rounds", { type: "number", default: 7, describe: "timed passes, after 2 to warm up" })
    .option("threads", { type: "number", default: 1 })
    .option("compile", { type: "string", default: "on", describe: "on, off, or both: on,off" })
    .option("json", { type: "boolean", default: false, describe: "print one JSON object on stdout" })
    .strict()
    .exitProcess(false)
    .fail((/** @type {string | null} */ message, /** @type {Error | undefined} */ error) => {
      throw error ?? new InputError(message ?? "the call is wrong");
    })
    .parseAsync();
}

/** @param {Awaited<ReturnType<typeof parse>>} args */
async function bench({ cases, rounds, threads, compile }) {
  const profiles = [];
  for (const one of parseCases(cases)) {
    for (const way of parseWords("compile", compile, COMPILE))
      profiles.push({ case: one, compile: way, passes: await profile(one, { rounds, threads, way }) });
  }
  return { machine: { cpu: cpus()[0]?.model ?? "unknown", threads }, rounds, profiles };
}

/**
 * Runs the passes of a case in a process of its own and reads what it and oneDNN say.
 *
 * @param {Case} one
 * @param {{ rounds: number, threads: number, way: import("./cases.mjs").Compile }} how
 * @throws {WorkError} if the process fails.
 */
async function profile({ student, batch, size }, { rounds, threads, way }) {
  const script = fileURLToPath(new URL("profile-passes.mjs", import.meta.url));
  const child = spawn(process.execPath, [script, student, ...[batch, size, rounds].map(String)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...process.env,
      MTARD_THREADS: String(threads),
      // One operation at a time, so that their times add up.
      TF_NUM_INTEROP_THREADS: "1",
      ...(way === "off" ? { MTARD_COMPILE: "0" } : { ONEDNN_VERBOSE: "1" }),
    },
  });
  const lines = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(line);
  if (child.exitCode === null) await new Promise((resolve) => child.once("close", resolve));
  if (child.exitCode === 0) return collect(lines);
  throw new WorkError(`the passes of ${student} ended with ${child.exitCode ?? child.signalCode}`);
}

/** @param {Awaited<ReturnType<typeof bench>>} result */
function text({ machine, rounds, profiles }) {
  return [
    `${machine.cpu}, ${machine.threads} threads, one operation at a time; medians of ${rounds} passes`,
    ...profiles.flatMap(({ case: one, compile, passes }) => [
      "",
      `${caseName(one)}, ${compile === "on" ? "compiled: times as oneDNN tells them" : "kernel by kernel"}`,
      ...passes.flatMap(({ pass, seconds, cpuSeconds, rows }) => {
        // oneDNN tells of time on the clock, the calls of kernels were timed by the processor's.
        const whole = compile === "on" ? seconds : cpuSeconds;
        const rest = whole - rows.reduce((sum, row) => sum + row.seconds, 0);
        const all = [...rows, { kind: "all else", seconds: rest, calls: null }];
        return [
          "",
          formatTable([
            [pass, "time", "share", "operations"],
            ...all.map((row) => [
              row.kind,
              formatSeconds(row.seconds),
              `${((100 * row.seconds) / whole).toFixed(0)}%`,
              row.calls === null ? "" : row.calls.toFixed(0),
            ]),
            ["whole pass, on the clock", formatSeconds(seconds), "", ""],
            ["whole pass, processor time", formatSeconds(cpuSeconds), "", ""],
          ]),
        ];
      }),
    ]),
  ].join("\n");
}

await runBench(parse, bench, text);
