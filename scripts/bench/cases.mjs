import { InputError } from "#mtard/errors.js";

/* What is compared: cases, precisions and ways of running. */

/** @typedef {{ student: string, batch: number, size: number, classes: number }} Case */

/** The cases of `make bench`; 32x32 images have 10 classes here, 64x64 ones 200, as Tiny-ImageNet. */
export const USUAL_CASES =
  "resnet-18/32,resnet-18/128,mobilenet-v2/32,mobilenet-v2/128,resnet-20/128,preact-resnet-18@64/32";
/** The case of a quick look. */
export const QUICK_CASES = "resnet-20/32";

/**
 * The precisions of a step: everything in float32; the attack in bfloat16 (setting `attackPrecision`); the training passes as well
 * (`precision`). In PyTorch, these parts run under `torch.autocast`.
 */
export const PRECISIONS = /** @type {const} */ (["float32", "bfloat16-attack", "bfloat16"]);
/** @typedef {typeof PRECISIONS[number]} Precision */

/** Whether this program's passes are compiled, or run kernel by kernel (`MTARD_COMPILE=0`). */
export const COMPILE = /** @type {const} */ (["on", "off"]);
/** @typedef {typeof COMPILE[number]} Compile */

/** @param {Precision} precision */
export function precisionSettings(precision) {
  return {
    precision: precision === "bfloat16" ? precision : /** @type {const} */ ("float32"),
    attackPrecision: precision === "float32" ? precision : /** @type {const} */ ("bfloat16"),
  };
}

/**
 * Cases as `NETWORK/BATCH` or `NETWORK@SIZE/BATCH`, comma-separated; images are 32x32 if nothing is said.
 *
 * @param {string} text
 * @returns {Case[]}
 * @throws {InputError} if it is none.
 */
export function parseCases(text) {
  return text.split(",").map((one) => {
    const [, student, side = "32", images] = /^([\w.-]+)(?:@(\d+))?\/(\d+)$/.exec(one.trim()) ?? [];
    const [size, batch] = [Number(side), Number(images)];
    if (student !== undefined && size >= 1 && batch >= 2)
      return { student, batch, size, classes: size === 64 ? 200 : 10 };
    throw new InputError("--cases is wrong", {
      expected: "NETWORK/BATCH or NETWORK@SIZE/BATCH, comma-separated, of 2 images or more",
      found: one,
    });
  });
}

/** @param {Case} one */
export const caseName = ({ student, batch, size }) => `${student}${size === 32 ? "" : `@${size}`}/${batch}`;

/**
 * Words of a list, comma-separated, each once.
 *
 * @template {string} Word
 * @param {string} option
 * @param {string} text
 * @param {readonly Word[]} known
 * @returns {Word[]}
 * @throws {InputError} if one of them is unknown.
 */
export function parseWords(option, text, known) {
  const words = [...new Set(text.split(",").map((word) => word.trim()))];
  return words.map((word) => {
    const found = known.find((one) => one === word);
    if (found !== undefined) return found;
    throw new InputError(`--${option} is wrong`, {
      expected: `${known.join(", ")}; several of them comma-separated`,
      found: word,
    });
  });
}
