import type { DeviceRequest } from "../runtime/device.js";
import { studentAnswer, teacherAnswer } from "./answers.js";
import { goldenStepDistance } from "./golden-step.js";
import { memoryOf } from "./memory.js";
import { peakOf } from "./peak.js";
import { speedOf } from "./speed.js";

/** What a process of the self-check can be asked, each by one plain object. */
export const probes = {
  student: studentAnswer,
  teacher: teacherAnswer,
  golden: (question: { readonly device: DeviceRequest }) => goldenStepDistance(question),
  speed: speedOf,
  peak: peakOf,
  memory: memoryOf,
} as const;
