import type { ErrorDetail } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import type { Device, DeviceRequest } from "../runtime/device.js";
import type { TeacherPrecision } from "./teacher-precision.js";

/* What the two sides of the bridge say to each other. */

/** What the worker starts with. */
export interface WorkerStart {
  readonly model: Uint8Array;
  /** The folder of the model's external data, or null if it has none. */
  readonly dataFolder: string | null;
  readonly device: DeviceRequest;
  readonly threads: number;
  readonly precision: TeacherPrecision;
  readonly image: ImageShape;
  readonly classes: number;
  /** The most images of one run; larger requests run in parts. */
  readonly maxBatch: number;
  /** What it is called in errors. */
  readonly name: string;
  /** Seconds that any answer may take. */
  readonly patience: number;
  /** About how long an answer takes, in seconds; 0 if that is not known. */
  readonly expectedSeconds: number;
}

/** Asks the worker to write the logits of `count` images (NHWC, float32) to shared memory, or to close. */
export type WorkerRequest =
  | {
      readonly kind: "logits";
      readonly id: number;
      readonly images: SharedArrayBuffer;
      readonly logits: SharedArrayBuffer;
      readonly count: number;
    }
  | { readonly kind: "close" };

export type WorkerReply =
  | { readonly kind: "ready"; readonly device: Device }
  | { readonly kind: "done"; readonly id: number }
  /** That an answer takes long. */
  | { readonly kind: "late"; readonly text: string }
  | {
      readonly kind: "failed";
      /** The request that failed, or null for the start. */
      readonly id: number | null;
      readonly input: boolean;
      /** Whether there will be no more answers. */
      readonly stopped: boolean;
      readonly message: string;
      readonly detail: ErrorDetail;
    };

/** What the process with the session starts with; the model comes on its stdin. */
export type ProcessStart = Pick<
  WorkerStart,
  "dataFolder" | "device" | "threads" | "precision" | "image" | "classes"
>;

/** Asks it for the logits of images, NCHW. */
export interface ProcessRequest {
  readonly images: Float32Array;
  readonly count: number;
}

export type ProcessReply =
  | { readonly kind: "ready"; readonly device: Device }
  | { readonly kind: "logits"; readonly logits: Float32Array }
  | {
      readonly kind: "failed";
      readonly input: boolean;
      readonly message: string;
      readonly detail: ErrorDetail;
    };
