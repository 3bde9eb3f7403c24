import { InputError } from "../errors.js";
import type { StoredTensor } from "../graph/parameters.js";
import type { StoredIntegers } from "../weights/npz.js";
import { MOST_CLASSES } from "./datasets.js";
import type { ImageSize } from "./own-image.js";
import type { OwnAccount } from "./own-report.js";

/** Images of one array with their labels: uint8 NHWC. */
export interface ArrayPart {
  readonly image: ImageSize & { readonly channels: 1 | 3 };
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

/** What NumPy code makes such a file. */
export const NUMPY_FIX =
  "numpy.savez(FILE, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test), images in uint8, or float32 in [0, 1]";

/**
 * The images of an array, as uint8 NHWC.
 *
 * @throws {InputError} if the array is of another type, shape or range.
 */
export function readImages(
  array: StoredTensor & Partial<StoredIntegers>,
  name: string,
  account: OwnAccount,
): Omit<ArrayPart, "labels"> {
  const { shape } = array;
  const wrong = (found: string): InputError =>
    new InputError(`array ${JSON.stringify(name)} does not hold images`, {
      expected:
        "uint8, or floats in [0, 1], [N, height, width], [N, height, width, 1 or 3] or [N, 1 or 3, height, width]",
      found,
      fix: NUMPY_FIX,
    });
  const [count = 0, ...extents] = shape;
  const last = extents[2] ?? 1;
  const isLast = extents.length === 2 || last === 1 || last === 3;
  const [height = 0, width = 0, channels = 1] = isLast ? extents : [extents[1], extents[2], extents[0]];
  const fits = extents.length === 2 || extents.length === 3;
  if (!fits || (channels !== 1 && channels !== 3) || count * height * width === 0)
    throw wrong(`[${shape.join(", ")}]`);
  const image = { height, width, channels } as const;
  const integers = "readBytes" in array;
  if (integers && !array.readBytes) throw wrong("integers that are not uint8");
  const bytes = array.readBytes ? array.readBytes() : bytesOf(array.read(), wrong);
  if (!integers) account.countConverted("in floating point, brought to 8 bits", count);
  return { image, pixels: isLast ? bytes : channelsLast(bytes, image) };
}

/** Floats in [0, 1] as the nearest bytes. */
function bytesOf(values: Float32Array, wrong: (found: string) => InputError): Uint8Array {
  const bytes = new Uint8Array(values.length);
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (!(value >= 0 && value <= 1)) throw wrong(`a value of ${value}`);
    bytes[index] = Math.round(255 * value);
  }
  return bytes;
}

function channelsLast(bytes: Uint8Array, image: ArrayPart["image"]): Uint8Array {
  const { height, width, channels } = image;
  const plane = height * width;
  const moved = new Uint8Array(bytes.length);
  for (let start = 0; start < bytes.length; start += plane * channels)
    for (let channel = 0; channel < channels; channel++)
      for (let pixel = 0; pixel < plane; pixel++)
        moved[start + pixel * channels + channel] = bytes[start + channel * plane + pixel] as number;
  return moved;
}

/**
 * The labels of an array, a byte each.
 *
 * @throws {InputError} if one is no class, or there are several for an image.
 */
export function readLabels(array: StoredTensor, name: string): Uint8Array {
  const [count = 0, ...rest] = array.shape;
  const values = rest.every((extent) => extent === 1) ? array.read() : null;
  const wrong = values?.findIndex(
    (value) => !(Number.isInteger(value) && value >= 0 && value < MOST_CLASSES),
  );
  if (values && count > 0 && wrong === -1) return Uint8Array.from(values);
  throw new InputError(`array ${JSON.stringify(name)} does not hold labels`, {
    expected: `[N] or [N, 1], whole numbers from 0 to at most ${MOST_CLASSES - 1}, one class an image`,
    found:
      values && wrong !== undefined && wrong >= 0
        ? `label ${values[wrong]} of image ${wrong}`
        : `[${array.shape.join(", ")}]`,
    fix: "labels.argmax(1) turns rows with one 1 into labels",
  });
}
