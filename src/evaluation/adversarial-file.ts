import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import type { AttackId } from "../attacks/attacks.js";
import { encodeNpz } from "../weights/npz.js";
import { InputError } from "../errors.js";
import type { StoredTensor } from "../graph/parameters.js";
import { writeFailure, writeFileAtomically } from "../files/atomic.js";
import type { ImageSource } from "./images.js";

/** The adversarial images of an unfinished evaluation, kept on the disk as they are found. */
export interface AdversarialFile {
  put(attack: AttackId, indexes: readonly number[], images: Float32Array): void;
  /**
   * Writes them all as `adversarial_ATTACK` `[N, height, width, channels]`, with `labels` and `index` `[N]`, float32: under each attack
   * the image that fooled the model, else the last one tried; an image that is wrong when clean as it is.
   */
  writeNpz(path: string): void;
  close(): void;
}

/** Images written at a time. */
const PIECE = 256;

/**
 * Opens the file at `path`, raw float32 values, with every image as it is under every attack.
 *
 * @param resume Go on with the file that is there.
 * @throws {InputError} if there is none to go on with, or one of another size; {@link WorkError} if the disk refuses.
 */
export function openAdversarialFile(
  path: string,
  source: ImageSource,
  attacks: readonly AttackId[],
  resume: boolean,
): AdversarialFile {
  const { height, width, channels } = source.shape;
  const size = height * width * channels * Float32Array.BYTES_PER_ELEMENT;
  const all = Array.from({ length: source.count }, (_, index) => index);
  const placeOf = (attack: AttackId, index: number): number =>
    (attacks.indexOf(attack) * source.count + index) * size;
  if (resume) requireSize(path, attacks.length * source.count * size);
  const file = open(path, resume);

  function put(attack: AttackId, indexes: readonly number[], images: Float32Array): void {
    const bytes = new Uint8Array(images.buffer, images.byteOffset, images.byteLength);
    try {
      for (const [row, index] of indexes.entries())
        writeSync(file, bytes, row * size, size, placeOf(attack, index));
      fsyncSync(file);
    } catch (cause) {
      throw writeFailure(path, cause);
    }
  }

  function imagesUnder(attack: AttackId): StoredTensor {
    return {
      shape: [source.count, height, width, channels],
      read() {
        const values = new Float32Array((source.count * size) / Float32Array.BYTES_PER_ELEMENT);
        const bytes = new Uint8Array(values.buffer);
        for (let done = 0; done < bytes.length;) {
          const received = readSync(file, bytes, done, bytes.length - done, placeOf(attack, 0) + done);
          if (received === 0) throw new Error(`${path} became shorter`);
          done += received;
        }
        return values;
      },
    };
  }

  if (!resume) {
    for (const attack of attacks)
      for (let first = 0; first < all.length; first += PIECE) {
        const indexes = all.slice(first, first + PIECE);
        put(attack, indexes, source.read(indexes));
      }
  }
  return {
    put,
    close: () => closeSync(file),
    writeNpz(target) {
      const list = (values: ArrayLike<number>): StoredTensor => ({
        shape: [source.count],
        read: () => Float32Array.from(values),
      });
      const arrays: [string, StoredTensor][] = [
        ...attacks.map((attack): [string, StoredTensor] => [`adversarial_${attack}`, imagesUnder(attack)]),
        ["labels", list(source.labels)],
        ["index", list(all)],
      ];
      writeFileAtomically(target, encodeNpz(arrays));
    },
  };
}

function open(path: string, resume: boolean): number {
  try {
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, resume ? "r+" : "w+");
  } catch (cause) {
    throw writeFailure(path, cause);
  }
}

function requireSize(path: string, expected: number): void {
  const found = existsSync(path) ? `${statSync(path).size} bytes` : "no such file";
  if (found === `${expected} bytes`) return;
  throw new InputError("the adversarial images of the unfinished evaluation are not all there", {
    expected: `${path} of ${expected} bytes`,
    found,
    fix: "leave --resume out to start anew",
  });
}
