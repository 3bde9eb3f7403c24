import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError, WorkError } from "../errors.js";
import { requireRegularFile } from "../files/kind.js";
import type { ClassifierShape } from "../onnx/signature.js";
import type { TrialRequest, TrialResult } from "./trial.js";
import { batchLimits, firstLimits, type Limits } from "./trial-limits.js";
import { tellTrial } from "./trial-notice.js";
import type { TrialMessage } from "./verify-process.js";

/**
 * Limits memory, in kilobytes, and processor time, in seconds, then runs the program in the shell's place. A limit that cannot be set is one
 * that the system has already, and lower.
 */
const LIMITED = 'ulimit -d "$0"; ulimit -t "$1"; shift; exec "$@"';

/** How often the process is looked at. */
const LOOK_MILLISECONDS = 50;
/** A process that sleeps for so long waits for something that will not come. */
const ASLEEP_SECONDS = 5;
/** Clock ticks a second in /proc, on every Linux. */
const TICKS = 100;
/** Before a trial is spoken of. */
const SILENT_MILLISECONDS = 1500;

/** What {@link tryApart} is asked; the rest it finds out. */
export type TrialOrder = Partial<TrialRequest> & Pick<TrialRequest, "model" | "expected" | "source">;

/**
 * Tries a model in a process of its own. ONNX Runtime trusts its models: it divides by a stride of 0, takes 100 GB if a model asks for
 * them, and never returns from an endless loop. Here that ends only the extra process.
 *
 * @throws {InputError} also if the model ends the process, or takes more processor time or memory than a classifier of its size needs;
 * {@link WorkError} if ONNX Runtime cannot be used.
 */
export async function tryApart(order: TrialOrder): Promise<TrialResult> {
  const { model, source, expected } = order;
  requireRegularFile(model, "an ONNX file");
  const request: TrialRequest = { adapt: null, readOnly: false, batches: [], gradient: false, ...order };
  const bytes = sizeOfFile(model);
  const tried = { megabytes: (bytes + besides(dirname(model))) / 1e6, image: expected.image };
  // The most that any part may take: what the process is told before each is less.
  const most = batchLimits(tried, Math.max(3, ...request.batches), Infinity);
  const seconds = Math.ceil(3 * firstLimits(tried).seconds + 3 * most.seconds);
  const program = [process.execPath, fileURLToPath(new URL("verify-process.js", import.meta.url))];
  const child = spawn(
    "/bin/sh",
    ["-c", LIMITED, String(Math.ceil(most.megabytes * 1000)), String(seconds), ...program],
    {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      serialization: "advanced",
      // One thread: threads that wait for each other take processor time too.
      env: { ...process.env, MTARD_THREADS: "1" },
    },
  );
  const notice = setTimeout(() => tellTrial(`trying ${source} in a process of its own`), SILENT_MILLISECONDS);
  const ended = new AbortController();
  try {
    const answers = [
      answerOf(child, ended.signal),
      overrun(child, firstLimits({ ...tried, megabytes: bytes / 1e6 }), ended.signal),
    ];
    child.send(request);
    const answer = await Promise.race(answers);
    if (answer.kind === "passed") return answer.result;
    const { message, detail } = answer;
    if (answer.kind === "failed") throw new WorkError(message, detail);
    throw new InputError(message === "" ? `ONNX Runtime cannot run ${source}` : message, {
      expected: "a classifier that ONNX Runtime can run",
      fix: "check the file with onnx.checker, or export it again",
      ...detail,
    });
  } finally {
    clearTimeout(notice);
    ended.abort();
    child.removeAllListeners("message");
    child.once("error", () => undefined);
    child.kill("SIGKILL");
  }
}

/**
 * Runs `verifyClassifier` in a process of its own.
 *
 * @throws {InputError} and {@link WorkError} as {@link tryApart}.
 */
export async function verifyClassifierApart(
  model: string,
  expected: ClassifierShape,
  source: string,
): Promise<Float32Array> {
  return (await tryApart({ model, expected, source })).logits;
}

type Answer = Exclude<TrialMessage, { kind: "part" }>;

/** What the process answers in the end, or how it ended without an answer. */
async function answerOf(child: ChildProcess, signal: AbortSignal): Promise<Answer> {
  let doing = "at its start";
  const answered = new Promise<Answer>((resolve) => {
    child.on("message", (message: TrialMessage) => {
      if (message.kind === "part") doing = message.doing;
      else resolve(message);
    });
  });
  const exited = once(child, "exit", { signal }).then(([code, killed]): Answer => {
    const found =
      killed === "SIGXCPU" || killed === "SIGKILL"
        ? `it took more than a classifier of its size needs ${doing}`
        : `it ended ONNX Runtime with ${String(killed ?? code)}`;
    return refused(found);
  });
  return Promise.race([answered, exited]);
}

/** What to do about a model that takes more than others, and is meant to. */
const TRUSTED =
  "export it again; if it is your own and may take as much, the same command after MTARD_TRIAL_FACTOR=4";

function refused(found: string, fix?: string): Answer {
  return { kind: "refused", message: "", detail: { found, ...(fix === undefined ? {} : { fix }) } };
}

/** Looks at the process until it takes more than a part of its work may take, or waits without end. */
function overrun(child: ChildProcess, first: Limits, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    let part = { doing: "to begin", limits: first };
    // Looks are counted, not time: the computer may sleep, and Ctrl-Z stop this process too.
    let [began, awake, looksAsleep] = [0, 0, 0];
    let used: Usage = { seconds: 0, megabytes: 0 };
    child.on("message", (message: TrialMessage) => {
      if (message.kind !== "part") return;
      part = message;
      began = (usageOf(child.pid) ?? used).seconds;
    });
    const timer = setInterval(() => {
      const now = usageOf(child.pid);
      if (now === null) return;
      used = now;
      const { doing, limits } = part;
      looksAsleep++;
      if (used.seconds > awake || now.runnable) [awake, looksAsleep] = [used.seconds, 0];
      if (used.megabytes > limits.megabytes)
        resolve(refused(`it took more than ${limits.megabytes.toFixed(0)} MB ${doing}`, TRUSTED));
      else if (used.seconds - began > limits.seconds)
        resolve(refused(`it took more than ${seconds(limits.seconds)} ${doing}`, TRUSTED));
      else if (looksAsleep * LOOK_MILLISECONDS > ASLEEP_SECONDS * 1000)
        resolve(refused(`it waited for more than ${ASLEEP_SECONDS} s ${doing}`));
    }, LOOK_MILLISECONDS);
    signal.addEventListener("abort", () => clearInterval(timer));
  });
}

function seconds(count: number): string {
  return `${count < 10 ? Number(count.toFixed(1)) : Math.round(count)} s`;
}

/** What a process has taken so far. */
interface Usage {
  readonly seconds: number;
  readonly megabytes: number;
  /** Whether it runs or waits for a processor or a disk, rather than sleeps. */
  readonly runnable?: boolean;
}

function usageOf(pid: number | undefined): Usage | null {
  try {
    const stat = readFileSync(`/proc/${pid ?? 0}/stat`, "utf8");
    // The second field is the program's name in brackets, which may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const status = readFileSync(`/proc/${pid ?? 0}/status`, "utf8");
    // Files mapped into memory, such as external data, can be dropped and do not count.
    const kilobytes = Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    return {
      seconds: (Number(fields[11]) + Number(fields[12])) / TICKS,
      megabytes: kilobytes / 1000,
      runnable: fields[0] === "R" || fields[0] === "D",
    };
  } catch {
    return null;
  }
}

/** The bytes of the files in a folder: which of them hold a model's external data only its trial finds out. */
function besides(folder: string): number {
  try {
    return readdirSync(folder).reduce((total, name) => total + sizeOfFile(join(folder, name)), 0);
  } catch {
    return 0;
  }
}

function sizeOfFile(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
