import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Of } from "../files/sha256.js";
import { type DeviceRequest, studentDevice } from "../runtime/device.js";
import { askNvidiaSmi } from "../runtime/nvidia-smi.js";
import type { Precision } from "../runtime/precision.js";
import { tf } from "../runtime/tensorflow.js";
import { openTeacher } from "../teacher/bridge.js";
import { formatManifest, MANIFEST_FILE } from "../teacher/manifest.js";
import { rememberTried } from "../teacher/tried.js";
import { onnxOf } from "./answers.js";
import { manifestFor } from "./fixed-teacher.js";
import { stepper } from "./speed.js";
import { subjectOf } from "./subject.js";

/** A step whose teacher, the same network as the student, works in a process of its own. */
export interface MemoryQuestion {
  readonly network: string;
  readonly count: number;
  /** The student's. */
  readonly device: DeviceRequest;
  readonly teacherDevice: DeviceRequest;
  readonly precision: Precision;
  /** An empty folder, for the teacher. */
  readonly folder: string;
}

/** What steps with a teacher take; bytes. */
export interface Memory {
  /** The most memory that the student's process, and the teacher's, had at once. */
  readonly student: number;
  readonly teacher: number;
  /** What the steps added to the memory in use on all GPUs, or null where that is not known. */
  readonly gpu: number | null;
  /** Seconds of a step with the teacher's work, after the first. */
  readonly step: number;
}

/** Makes two steps with a teacher in its own process, and looks at what is held. @throws {WorkError} as `studentDevice` and `openTeacher`. */
export async function memoryOf({
  network: id,
  count,
  device,
  teacherDevice,
  precision,
  folder,
}: MemoryQuestion): Promise<Memory> {
  const before = gpuBytes();
  studentDevice(tf, device);
  const subject = subjectOf(id, count);
  const { input, classes } = subject.network;
  const model = onnxOf(subject);
  const manifest = manifestFor("self-check", sha256Of(model), input, classes);
  const place = join(folder, manifest.name);
  mkdirSync(place);
  writeFileSync(join(place, manifest.file), model);
  writeFileSync(join(place, MANIFEST_FILE), formatManifest(manifest));
  // mtard's own writer made it just now.
  rememberTried(manifest, { batch: count, gradient: false, seconds: 0 });
  const others = new Set(childrenOf(process.pid));
  const teacher = await openTeacher(
    { kind: "folder", folder: place },
    { device: teacherDevice, maxBatch: count },
  );
  const processes = childrenOf(process.pid).filter((child) => !others.has(child));
  const steps = stepper(subject, precision, () => teacher);
  await steps.seconds();
  const step = await steps.seconds();
  const after = gpuBytes();
  const teachers = processes.map(peakBytes).reduce((sum, bytes) => sum + bytes, 0);
  await teacher.close();
  steps.dispose();
  return {
    student: peakBytes(process.pid),
    teacher: teachers,
    gpu: before === null || after === null ? null : after - before,
    step,
  };
}

/** Bytes in use on all GPUs, or null where there are none, or it is not said. */
function gpuBytes(): number | null {
  const used = askNvidiaSmi("memory.used").map(([mebibytes]) => Number(mebibytes) * 2 ** 20);
  const total = used.reduce((sum, bytes) => sum + bytes, 0);
  return used.length > 0 && Number.isFinite(total) ? total : null;
}

/** The processes that a process started, of all its threads. */
function childrenOf(pid: number): number[] {
  return readdirSync("/proc").flatMap((entry) => {
    const parent = /^\d+$/.test(entry) ? statusOf(Number(entry), "PPid") : NaN;
    return parent === pid ? [Number(entry)] : [];
  });
}

/** The most memory that a process had at once; NaN if it is gone. */
function peakBytes(pid: number): number {
  return statusOf(pid, "VmHWM") * 1024;
}

/** A number of /proc/PID/status; NaN if there is none. */
function statusOf(pid: number, field: "PPid" | "VmHWM"): number {
  try {
    return Number(
      new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1],
    );
  } catch {
    return NaN;
  }
}
