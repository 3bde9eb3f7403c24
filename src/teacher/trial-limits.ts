import { totalmem } from "node:os";
import type { ImageShape } from "../graph/network.js";

/* What a classifier of a size may take. Measured need is a fifth of it or less, for the networks of docs/architecture.md. */

/** Limits of a part of a trial. */
export interface Limits {
  /** Processor time. */
  readonly seconds: number;
  readonly megabytes: number;
}

/** What a model is tried on. */
export interface Tried {
  /** Of all its files. */
  readonly megabytes: number;
  readonly image: ImageShape;
}

/** Reading, and the first few images. */
const FIRST = { seconds: 3, secondsAMegabyte: 0.25, megabytes: 700, memoryFactor: 6 } as const;
/** More images: what each may take for itself, for images of 32x32, with its share for each megabyte of the model. */
const EACH = { seconds: 0.1, secondsAMegabyte: 0.02, megabytes: 3, memoryShare: 0.4 } as const;
/** A batch may take so many times what a few images took, and a little. */
const SLACK = { times: 5, seconds: 3 } as const;
const CIFAR_PIXELS = 32 * 32;

/** The limits of reading a model and running it on a few images. */
export function firstLimits({ megabytes }: Tried): Limits {
  return factored({
    seconds: FIRST.seconds + FIRST.secondsAMegabyte * megabytes,
    megabytes: FIRST.megabytes + FIRST.memoryFactor * megabytes,
  });
}

/**
 * The limits of running a model on a batch.
 *
 * @param measured The processor time that an image took among few.
 */
export function batchLimits(tried: Tried, batch: number, measured: number): Limits {
  const { megabytes, image } = tried;
  const scale = Math.max(1, (image.height * image.width) / CIFAR_PIXELS);
  const most = EACH.seconds + EACH.secondsAMegabyte * megabytes;
  return factored({
    seconds: SLACK.seconds + batch * Math.min(SLACK.times * measured, most * scale),
    megabytes:
      FIRST.megabytes +
      FIRST.memoryFactor * megabytes +
      batch * (EACH.megabytes + EACH.memoryShare * megabytes) * scale,
  });
}

/** `MTARD_TRIAL_FACTOR`, for models that a person trusts and that take more than others of their size. */
function factored({ seconds, megabytes }: Limits): Limits {
  const factor = Number(process.env["MTARD_TRIAL_FACTOR"] || 1);
  const times = factor > 1 && Number.isFinite(factor) ? factor : 1;
  return { seconds: seconds * times, megabytes: Math.min(megabytes * times, totalmem() / 1e6) };
}
