/** The whole state of a generator: four 32-bit words, plain and saved in checkpoints. */
export type RandomState = readonly [number, number, number, number];

/**
 * The seeded generator every random choice comes from: xoshiro128**, seeded by splitmix32.
 *
 * @see Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators" (2021).
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  private constructor(state: RandomState) {
    [this.#a, this.#b, this.#c, this.#d] = state;
  }

  /** A generator for a seed; distinct streams of one seed are independent. */
  static fromSeed(seed: number, stream = 0): Random {
    let mixed = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) | 0;
    const word = (): number => {
      mixed = (mixed + 0x9e3779b9) | 0;
      let value = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
      value = Math.imul(value ^ (value >>> 15), 0x735a2d97);
      return (value ^ (value >>> 15)) | 0;
    };
    return new Random([word(), word(), word(), word()]);
  }

  /** A generator that goes on where `state` was read. */
  static fromState(state: RandomState): Random {
    return new Random(state);
  }

  get state(): RandomState {
    return [this.#a, this.#b, this.#c, this.#d];
  }

  /** A uniform 32-bit integer, 0 to 2^32 - 1. */
  uint32(): number {
    const scrambled = Math.imul(this.#b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    return ((this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)) / 9007199254740992;
  }

  /** A uniform integer from 0 to `bound - 1`, without modulo bias; `bound` up to 2^32. */
  below(bound: number): number {
    const limit = 4294967296 - (4294967296 % bound);
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return value % bound;
  }

  /** A standard normal number (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** The integers 0 to `length - 1` in random order (Fisher and Yates). */
  permutation(length: number): Int32Array {
    const order = Int32Array.from({ length }, (_, index) => index);
    for (let last = length - 1; last > 0; last--) {
      const pick = this.below(last + 1);
      const held = order[last] as number;
      order[last] = order[pick] as number;
      order[pick] = held;
    }
    return order;
  }
}
