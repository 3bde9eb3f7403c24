import { classifierShape, findDataset } from "../data/datasets.js";
import { readStoreRecord } from "../data/store.js";
import { teacherRoles, type TeacherRole } from "../methods/method.js";
import { type Device, gpuNames } from "../runtime/device.js";
import { type Estimate, estimateMeasurement, estimateTraining, type Ground } from "./estimate.js";
import type { Job, MeasurementJob, TrainingJob } from "./job.js";
import { networksOf, readPastWork, teachersAtHand, type TeacherWork } from "./past-work.js";
import { imagesOf, type Places } from "./session.js";
import { ASSUMED_H100 } from "./speed.js";

/** How long each of a plan's jobs will take, by id: by finished work in the folder of runs, else by counted operations. */
export function estimatesOf(jobs: readonly Job[], dataset: string, places: Places): Map<string, Estimate> {
  const record = readStoreRecord(dataset, places.dataDir);
  const found = new Map<string, Estimate>();
  if (!record) return found;
  const { image, classes } = classifierShape(findDataset(dataset, places.dataDir));
  const shape = { image, classes };
  const device = deviceOf(places);
  const ground: Ground = {
    ...{ device, past: readPastWork(places) },
    assumed: device === "cuda" ? ASSUMED_H100 : null,
  };
  const networks = networksOf(teachersAtHand(places.teachersDir));
  const trainings = new Map(jobs.flatMap((job) => (job.kind === "train" ? [[job.id, job] as const] : [])));

  function teacherOf({ standIns, inputs }: TrainingJob, role: TeacherRole): TeacherWork | null {
    const standIn = trainings.get(standIns[role] ?? "");
    const sha256 = inputs[`${role}Teacher`];
    if (standIn) return { sha256: standIn.id, network: standIn.settings.student };
    return sha256 === null ? null : { sha256, network: networks.get(sha256) ?? null };
  }
  function training(job: TrainingJob): Estimate {
    const [clean = null, robust = null] = teacherRoles.map((role) => teacherOf(job, role));
    const { settings } = job;
    const images = imagesOf(settings, record ?? { train: 0, test: 0 });
    const whole = estimateTraining({ settings, shape, images, teachers: { clean, robust } }, ground);
    const share = job.until === null ? 1 : job.until / settings.epochs;
    return { ...whole, seconds: whole.seconds === null ? null : whole.seconds * share };
  }
  function measurement({ of, students, batchSize }: MeasurementJob): Estimate {
    const isRun = "run" in of;
    const network = isRun
      ? (trainings.get(of.run)?.settings.student ?? null)
      : (networks.get(of.sha256) ?? null);
    const attacks = students.flatMap(({ measurements }) => measurements);
    const subject = isRun ? "student" : "teacher";
    return estimateMeasurement({ ...{ subject, network, shape, batchSize }, attacks }, ground);
  }
  for (const job of jobs) found.set(job.id, job.kind === "train" ? training(job) : measurement(job));
  return found;
}

function deviceOf({ device }: Places): Device {
  if (device !== "auto") return device;
  return gpuNames().length > 0 ? "cuda" : "cpu";
}
