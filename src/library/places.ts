import { classifierShape, findDataset } from "../data/datasets.js";
import { type Dataset, openDataset } from "../data/store.js";
import type { ClassifierShape } from "../onnx/signature.js";
import {
  type DeviceRequest,
  prepareNativeLibraries,
  requestedDevice,
  threadCount,
} from "../runtime/device.js";

/** Where data sets and teachers are kept; the command line's defaults. */
export interface Places {
  /** The folder of packed data sets; `MTARD_DATA` or `data` by default. */
  readonly dataDir?: string | undefined;
  /** The folder of teachers; `MTARD_TEACHERS` or `teachers` by default. */
  readonly teachersDir?: string | undefined;
}

/** The places that a call names, and the usual ones for the others. */
export function placesOf({ dataDir, teachersDir }: Places): Required<Places> & {
  dataDir: string;
  teachersDir: string;
} {
  return {
    dataDir: dataDir ?? (process.env["MTARD_DATA"] || "data"),
    teachersDir: teachersDir ?? (process.env["MTARD_TEACHERS"] || "teachers"),
  };
}

/** A data set: its name in the store, or one that is open already. */
export type DatasetOption = string | Dataset;

/** @throws {InputError} if no data set has the name, or the store does not have it yet. */
export function datasetOf(option: DatasetOption, dataDir: string): Dataset {
  return typeof option === "string" ? openDataset(findDataset(option, dataDir).id, dataDir) : option;
}

/** What a classifier has to fit: a data set, or images and classes of which no data set is at hand. */
export type ShapeOption = DatasetOption | ClassifierShape;

/** @throws {InputError} if no data set has the name. */
export function shapeOf(option: ShapeOption, dataDir: string): ClassifierShape {
  if (typeof option === "string") return classifierShape(findDataset(option, dataDir));
  return "description" in option ? classifierShape(option.description) : option;
}

/**
 * Tells the engines where to run, before either is loaded.
 *
 * @throws {InputError} if the device is unknown, or `MTARD_THREADS` is no number of threads.
 */
export function prepareEngines(device: DeviceRequest | undefined): DeviceRequest {
  const request = requestedDevice(device);
  prepareNativeLibraries(request, threadCount());
  return request;
}
