import type { ErrorDetail } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import type { Device, DeviceRequest } from "../runtime/device.js";

/* What the two sides of the bridge say to each other. */

/** What the worker starts with. */
export interface WorkerStart {
  readonly model: Uint8Array;
  /** The folder of the model's external data, or null if it has none. */
  readonly dataFolder: string | null;
  readonly device: DeviceRequest;
  readonly threads: number;
  readonly image: ImageShape;
  readonly classes: number;
  /** The most images of one run; larger requests run in parts. */
  readonly maxBatch: number;
  /** See {@link CONTROL}. */
  readonly control: SharedArrayBuffer;
}

/**
 * Two int32 in shared memory: `busy` while the worker is inside ONNX Runtime, `halted` once it must not enter it any more. Node aborts
 * a process that ends while a worker is inside, so the main thread waits until `busy` is 0 before it exits.
 */
export const CONTROL = { busy: 0, halted: 1, length: 2 } as const;

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
  | {
      readonly kind: "failed";
      /** The request that failed, or null for the start. */
      readonly id: number | null;
      readonly input: boolean;
      readonly message: string;
      readonly detail: ErrorDetail;
    };
