import { InputError } from "../errors.js";
import { type Device, type DeviceRequest, gpuNames } from "../runtime/device.js";

/** What teachers compute in; images and logits are float32 in any. */
export type TeacherPrecision = "float32" | "float16";

/** @throws {InputError} if teachers cannot compute in the precision on the device. */
export function requireTeacherPrecision(precision: TeacherPrecision, device: Device): void {
  if (precision === "float32" || device === "cuda") return;
  throw new InputError("teacherPrecision is float16, and the teachers run on the CPU", {
    expected: "teachers on an NVIDIA GPU: ONNX Runtime computes float16 on a CPU in float32",
    found: "cpu",
    fix: "--set teacherPrecision=float32; or on a GPU, --device cuda",
  });
}

/** The same before a model is looked at, where it is plain that there will be no GPU; ONNX Runtime is not asked. */
export function foreseeTeacherPrecision(precision: TeacherPrecision, request: DeviceRequest): void {
  if (precision === "float32") return;
  if (request === "cpu" || (request === "auto" && gpuNames().length === 0))
    requireTeacherPrecision(precision, "cpu");
}
