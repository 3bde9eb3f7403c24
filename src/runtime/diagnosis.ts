import { execFile } from "node:child_process";
import { statfsSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { arithmeticOf } from "./arithmetic.js";
import { gpuNames, requestedDevice, threadCount } from "./device.js";
import { isOther, knownChoices } from "./kernel-choices.js";
import { setupRecord } from "../files/kernel.js";
import type { NativeLibrary, NativeReport } from "./native-check.js";

/** One thing checked: `broken` keeps the program from working, a `warning` does not. */
export interface Check {
  readonly name: string;
  readonly status: "ok" | "warning" | "broken";
  readonly found: string;
  /** What to do about it; present whenever the status is not `ok`. */
  readonly fix?: string;
}

const SETUP = "mtard setup";
const SETUP_CUDA = "mtard setup --device cuda";

/**
 * Checks everything the program needs of this machine. Each native library runs in a process of its own, so that a broken
 * one is reported instead of ending this process.
 *
 * @throws {InputError} if `MTARD_DEVICE` or `MTARD_THREADS` is not valid.
 */
export async function diagnoseMachine(): Promise<Check[]> {
  const wanted = requestedDevice();
  const threads = threadCount();
  const gpus = gpuNames();
  const setUpFor = setupRecord()?.device;
  const wantsCuda = wanted === "cuda" || setUpFor === "cuda";
  const [prerequisites, tensorflow, onnxRuntime] = await Promise.all([
    checkPrerequisites(),
    askLibrary("libtensorflow"),
    askLibrary("onnxruntime"),
  ]);
  const libraries = [
    checkLibrary("libtensorflow", tensorflow, wantsCuda),
    checkLibrary("ONNX Runtime", onnxRuntime, wantsCuda),
  ];
  const works = libraries.every(({ status }) => status !== "broken");
  return [
    // What only set-up needs is at most a warning once the libraries work.
    ...prerequisites.map((check) =>
      check.name !== "Node.js" && works && check.status === "broken"
        ? { ...check, status: "warning" as const }
        : check,
    ),
    ...libraries,
    ...("failure" in tensorflow ? [] : [checkPasses(tensorflow), checkArithmetic(tensorflow)]),
    checkKernels(),
    checkGpu(gpus, setUpFor),
    {
      name: "cores",
      status: "ok",
      found: `${availableParallelism()} usable, ${threads} threads a library (${cpus()[0]?.model ?? "?"})`,
    },
    checkMemory(),
    checkDisk(process.cwd()),
  ];
}

/** Runs the checks that set-up makes before it starts. */
async function checkPrerequisites(): Promise<Check[]> {
  const script = fileURLToPath(new URL("../../scripts/setup/prerequisites.mjs", import.meta.url));
  const { failure, stdout } = await runNode([script]);
  if (failure !== undefined)
    return [{ name: "prerequisites", status: "warning", found: failure, fix: SETUP }];
  const found = JSON.parse(stdout) as {
    name: string;
    ok: boolean;
    found: string;
    expected?: string;
    fix?: string;
  }[];
  return found.map(({ name, ok, found, expected, fix }) =>
    ok
      ? { name, status: "ok", found }
      : { name, status: "broken", found: `${found}, not ${expected ?? name}`, fix: fix ?? SETUP },
  );
}

/** What a native library says of itself in a process of its own, or in a line why it does not work. */
export async function askLibrary(
  library: NativeLibrary,
): Promise<NativeReport | { readonly failure: string }> {
  const script = fileURLToPath(new URL("native-check.js", import.meta.url));
  const { failure, stdout } = await runNode([script, library]);
  return failure === undefined ? (JSON.parse(stdout) as NativeReport) : { failure };
}

type LibraryAnswer = Awaited<ReturnType<typeof askLibrary>>;

function checkLibrary(name: string, answer: LibraryAnswer, wantsCuda: boolean): Check {
  if ("failure" in answer)
    return { name, status: "broken", found: answer.failure, fix: failureFix(answer.failure) };
  const { version, device, gpus, cudaProblem } = answer;
  const found = `${version}, computes on ${device}`;
  if (device === "cuda" || !wantsCuda) return { name, status: "ok", found };
  const reason =
    cudaProblem?.found ?? (gpus.length > 0 ? "it does not use the GPU" : "no NVIDIA GPU with a driver");
  const cpuFix = process.env["MTARD_DEVICE"] === "cuda" ? "MTARD_DEVICE=cpu" : "mtard setup --device cpu";
  return {
    name,
    status: gpus.length > 0 || process.env["MTARD_DEVICE"] === "cuda" ? "broken" : "warning",
    found: `${found}: ${reason}`,
    fix: gpus.length > 0 ? `${SETUP_CUDA}; nvidia-smi should work and its driver be 525 or newer` : cpuFix,
  };
}

function failureFix(failure: string): string {
  return failure.includes("SIGILL") ? "use a processor with AVX: TensorFlow's libraries need it" : SETUP;
}

function checkPasses({ compiling }: NativeReport): Check {
  const { works = false, found = "kernel by kernel" } = compiling ?? {};
  if (works) return { name: "passes", status: "ok", found };
  const fix = process.env["MTARD_COMPILE"] === "0" ? "unset MTARD_COMPILE" : SETUP;
  return { name: "passes", status: "warning", found, fix };
}

/** What the device of the student computes in besides float32: hardware, of which none is wrong. */
function checkArithmetic({ device }: NativeReport): Check {
  const { bfloat16, tf32 } = arithmeticOf(device);
  const has = [
    "float32",
    bfloat16.works ? `bfloat16 (${bfloat16.found})` : `no bfloat16 (${bfloat16.found})`,
    ...(device === "cuda" ? [tf32.works ? "tf32" : "no tf32"] : []),
  ];
  return { name: "arithmetic", status: "ok", found: `${device}: ${has.join(", ")}` };
}

/** Which ways of computing were measured here, and which of them are used. */
function checkKernels(): Check {
  const choices = knownChoices();
  const [faster, slower] = [choices.filter(isOther), choices.filter((choice) => !isOther(choice))].map(
    (some) =>
      some.map(
        ({ work, milliseconds: { usual, other } }) =>
          `${work} (${other.toFixed(1)} ms; usual: ${usual.toFixed(1)})`,
      ),
  ) as [string[], string[]];
  const found = [
    ...(faster.length > 0 ? [`used: ${faster.join("; ")}`] : []),
    ...(slower.length > 0 ? [`not used, as it is slower here: ${slower.join("; ")}`] : []),
  ];
  return {
    name: "kernels",
    status: "ok",
    found:
      found.length > 0
        ? found.join("; ")
        : "nothing measured yet: a student does so when it first needs a choice",
  };
}

function checkGpu(gpus: readonly string[], setUpFor: string | undefined): Check {
  if (gpus.length === 0)
    return { name: "GPU", status: "ok", found: "no NVIDIA GPU with a driver; the CPU is used" };
  const found = gpus.join(", ");
  return setUpFor === "cuda"
    ? { name: "GPU", status: "ok", found }
    : { name: "GPU", status: "warning", found: `${found}, not used: set up for the CPU`, fix: SETUP_CUDA };
}

function checkMemory(): Check {
  const free = process.availableMemory() / 1e9;
  const found = `${free.toFixed(1)} GB free`;
  return free >= 3
    ? { name: "memory", status: "ok", found }
    : {
        name: "memory",
        status: "warning",
        found,
        fix: "close other programs, or train with a smaller --batch-size",
      };
}

function checkDisk(folder: string): Check {
  const { bavail, bsize } = statfsSync(folder);
  const free = (bavail * bsize) / 1e9;
  const found = `${free.toFixed(1)} GB free in ${folder}`;
  return free >= 2
    ? { name: "disk", status: "ok", found }
    : { name: "disk", status: "warning", found, fix: "free some, or train with --out on another disk" };
}

/** Runs a script of ours to its end; `failure` says in a line why it did not succeed. */
function runNode(args: readonly string[]): Promise<{ failure?: string; stdout: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: 120_000, encoding: "utf8" }, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout });
      else {
        const lines = stderr
          .trim()
          .split("\n")
          .filter((line) => line !== "");
        const said = lines.at(-1);
        const ended = [`the process ended by ${error.signal}`, ...(said === undefined ? [] : [said])];
        resolve({ failure: error.signal ? ended.join(": ") : (said ?? error.message), stdout });
      }
    });
  });
}
