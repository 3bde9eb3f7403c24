// This program's side of `run.mjs`: a subject as its argument, then one line of JSON in, one out, as step.py does.
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { InputError, WorkError } from "#mtard/errors.js";
import { prepareNativeLibraries, studentDevice, threadCount } from "#mtard/runtime/device.js";

/** Rows and columns of the matrices whose products say what the machine reaches. */
const PEAK_SIDE = 2048;

/** @param {object} answer */
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

/** @param {import("./subject.mjs").Subject} subject */
async function main(subject) {
  prepareNativeLibraries(subject.device, threadCount());
  const { tf } = await import("#mtard/runtime/tensorflow.js");
  const { openOurStep } = await import("./ours.mjs");
  const { peakOf } = await import("#mtard/self-check/peak.js");
  const device = studentDevice(tf, subject.device);
  const peak = { device: subject.device, sizes: [PEAK_SIDE] };
  const step = await openOurStep(subject, mkdtempSync(join(subject.folder, "run-")));
  say({ device });
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    if ("inputs" in command) say(await step.writeInputs(command.inputs));
    else if ("peak" in command) say({ peak: peakOf({ ...peak, precision: command.peak }).operations });
    else if ("parts" in command) say({ parts: await step.parts(command.parts) });
    else say(await step.step(command.step));
  }
  await step.close();
}

try {
  await main(JSON.parse(process.argv[2] ?? "{}"));
} catch (error) {
  if (!(error instanceof InputError || error instanceof WorkError)) throw error;
  say({ problem: error.message, detail: error.detail });
  process.exitCode = error.exitCode;
}
