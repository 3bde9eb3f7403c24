import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError, WorkError } from "../errors.js";
import { dataFilesOf, openStoredModel } from "../onnx/external-data.js";
import type { ClassifierShape } from "../onnx/signature.js";
import type { StandardModel } from "./verify.js";
import type { StoredTeacher } from "./load.js";
import type { VerifyAnswer, VerifyRequest } from "./verify-process.js";

/** The limits of a small model, and what each megabyte of its files adds to them. */
const PROCESSOR_SECONDS = 3;
const SECONDS_A_MEGABYTE = 0.25;
const MEMORY_MEGABYTES = 700;
const MEMORY_FACTOR = 4;

/** Limits memory, in kilobytes, and processor time, in seconds, then runs the program in the shell's place. */
const LIMITED = 'ulimit -d "$0" && ulimit -t "$1" && shift && exec "$@"';

/**
 * Runs `verifyClassifier` in a process of its own. ONNX Runtime trusts its models: it divides by a stride of 0, takes 100 GB if a model
 * asks for them, and never returns from an endless loop. Here that ends only the extra process.
 *
 * @throws {InputError} also if the model ends the process, or takes more processor time or memory than a classifier of its size needs;
 * {@link WorkError} if ONNX Runtime cannot be used.
 */
export async function verifyClassifierApart(
  model: StandardModel,
  expected: ClassifierShape,
  source: string,
): Promise<Float32Array> {
  const megabytes = sizeOf(model, source) / 1e6;
  const memory = Math.ceil((MEMORY_MEGABYTES + MEMORY_FACTOR * megabytes) * 1000);
  const seconds = Math.floor(PROCESSOR_SECONDS + SECONDS_A_MEGABYTE * megabytes);
  const program = [process.execPath, fileURLToPath(new URL("verify-process.js", import.meta.url))];
  const child = spawn("/bin/sh", ["-c", LIMITED, String(memory), String(seconds), ...program], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    serialization: "advanced",
    // One thread: threads that wait for each other take processor time too.
    env: { ...process.env, MTARD_THREADS: "1" },
  });
  const ended = new AbortController();
  const { signal } = ended;
  try {
    const answered = once(child, "message", { signal }).then(([answer]) => answer as VerifyAnswer);
    const exited = once(child, "exit", { signal }).then(([code, killed]): VerifyAnswer => {
      const found =
        killed === "SIGXCPU" || killed === "SIGKILL"
          ? `it took more than ${seconds} s for a few images`
          : `it ended ONNX Runtime with ${String(killed ?? code)}`;
      return { kind: "refused", message: `ONNX Runtime cannot run ${source}`, detail: { found } };
    });
    child.send({ model, expected, source } satisfies VerifyRequest);
    const answer = await Promise.race([answered, exited]);
    if (answer.kind === "logits") return answer.logits;
    const { message, detail } = answer;
    if (answer.kind === "failed") throw new WorkError(message, detail);
    throw new InputError(message, {
      expected: "a classifier that ONNX Runtime can run",
      fix: "check the file with onnx.checker, or export it again",
      ...detail,
    });
  } finally {
    ended.abort();
    child.kill("SIGKILL");
  }
}

/** The models that passed in this process, each as its SHA-256 and the data set it was tried for. */
const passed = new Set<string>();

/**
 * Verifies a bare .onnx file, once per process; teachers in the store were verified when they were imported.
 *
 * @throws {InputError} as {@link verifyClassifierApart} does.
 */
export async function verifyBareModel(
  { folder, manifest, model, dataFolder }: StoredTeacher,
  source: string,
): Promise<void> {
  const key = `${manifest.sha256} ${manifest.dataset}`;
  if (folder !== null || passed.has(key)) return;
  const expected = { name: manifest.dataset, image: manifest.image, classes: manifest.classes };
  await verifyClassifierApart({ bytes: model, dataFolder }, expected, source);
  passed.add(key);
}

function sizeOf(model: StandardModel, source: string): number {
  const sizeOfFile = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (typeof model === "string") return sizeOfFile(model) + sizeOfFile(`${model}.data`);
  const { bytes, dataFolder } = model;
  if (dataFolder === null) return bytes.length;
  const named = dataFilesOf(openStoredModel(bytes, source, dataFolder).model);
  const files = named.map((name) => sizeOfFile(join(dataFolder, name)));
  return files.reduce((total, size) => total + size, bytes.length);
}
