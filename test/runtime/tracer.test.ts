import { afterEach, describe, expect, it } from "vitest";
import { attribute, execute } from "#mtard/runtime/kernels.js";
import { inPrecision } from "#mtard/runtime/precision.js";
import { tf, type Tensor, type Tensor2D } from "#mtard/runtime/tensorflow.js";
import {
  callFunction,
  constant,
  deleteFunction,
  isHalf,
  TraceError,
  traceFunction,
} from "#mtard/runtime/tracer.js";

const before = tf.memory().numTensors;
afterEach(() => {
  expect(tf.memory().numTensors).toBe(before);
});

let count = 0;

/** Traces a work and runs it on its inputs. */
function traced(inputs: readonly Tensor[], work: (inputs: Tensor[]) => Tensor[], outputs = 1): Tensor[] {
  const name = `test_${count++}`;
  traceFunction(name, inputs, work);
  const made = callFunction(name, inputs, outputs);
  deleteFunction(name);
  return made;
}

/** What a work makes, as nested arrays; everything is freed. */
function valuesOf(inputs: readonly Tensor[], work: (inputs: Tensor[]) => Tensor[]): unknown {
  const made = traced(inputs, work);
  const values = made[0]?.arraySync();
  tf.dispose([...inputs, ...made]);
  return values;
}

describe("traceFunction", () => {
  it("makes one function of what runs operation by operation", () => {
    const inputs = [tf.tensor2d([[1, -2]]), tf.tensor2d([[3], [4]])];
    const work = ([one, other]: Tensor[]): Tensor[] => [
      tf.relu(tf.add(tf.matMul(one as Tensor2D, other as Tensor2D), 6.5)),
    ];
    expect(valuesOf(inputs, work)).toEqual([[1.5]]);
  });

  it("gives the shapes that TensorFlow infers while it traces", () => {
    const shapes: number[][] = [];
    const made = valuesOf([tf.zeros([2, 3, 4])], ([input]) => {
      const turned = tf.transpose(input as Tensor, [2, 0, 1]);
      const flat = tf.reshape(turned, [4, 6]);
      const sums = tf.sum(flat, 1);
      shapes.push(turned.shape, flat.shape, sums.shape);
      return [sums];
    });
    expect(shapes).toEqual([[4, 2, 3], [4, 6], [4]]);
    expect(made).toEqual([0, 0, 0, 0]);
  });

  it("takes other inputs of the same shapes", () => {
    const example = tf.scalar(1);
    traceFunction("test_scaled", [example], ([input]) => [tf.mul(input as Tensor, 3)]);
    for (const value of [2, -5]) {
      const input = tf.scalar(value);
      const made = callFunction("test_scaled", [input], 1);
      expect(made[0]?.arraySync()).toBe(3 * value);
      tf.dispose([input, ...made]);
    }
    example.dispose();
    deleteFunction("test_scaled");
  });

  it("makes new tensors also of what it was only given, or gives twice", () => {
    const input = tf.tensor1d([1, 2]);
    const made = traced([input], ([same]) => [same as Tensor, tf.clone(same as Tensor)], 2);
    input.dispose();
    expect(made.map((each) => each.arraySync())).toEqual([
      [1, 2],
      [1, 2],
    ]);
    tf.dispose(made);
  });

  it("has tensors within it that are said never to change, and refuses others", () => {
    const [input, other] = [tf.scalar(2), tf.scalar(5)];
    const work = ([given]: Tensor[]): Tensor[] => [tf.add(given as Tensor, other)];
    expect(() => traced([input], work)).toThrow(
      new TraceError("it reads a tensor that is not among its inputs"),
    );
    constant(other);
    const made = traced([input], work);
    expect(made[0]?.arraySync()).toBe(7);
    tf.dispose([input, other, ...made]);
  });

  it("refuses to read values, whose numbers would be part of it for good", () => {
    const input = tf.scalar(2);
    expect(() => traced([input], ([given]) => [tf.scalar(given?.dataSync()[0] ?? 0)])).toThrow(
      new TraceError("it reads a tensor's values"),
    );
    // The engine is as it was before.
    const sum = tf.add(input, 1);
    expect(sum.arraySync()).toBe(3);
    tf.dispose([input, sum]);
  });

  it("refuses what TensorFlow refuses, in its words", () => {
    const input = tf.scalar(2);
    expect(() => traced([input], ([given]) => [execute("NoSuch", [], [given as Tensor])])).toThrow(
      /^Op type not registered 'NoSuch'/,
    );
    const unfit = tf.zeros([3, 3]);
    expect(() =>
      traced([unfit], ([given]) => [execute("MatMul", [attribute.float32("T")], [given as Tensor])]),
    ).toThrow(TraceError);
    unfit.dispose();
    input.dispose();
  });
});

describe("in bfloat16", () => {
  /** The nearest bfloat16, ties to even, by the bits of float32. */
  function rounded(value: number): number {
    const bits = new Uint32Array(Float32Array.of(value).buffer);
    const [of = 0] = bits;
    bits[0] = ((of + 0x7fff + ((of >>> 16) & 1)) & 0xffff0000) >>> 0;
    return new Float32Array(bits.buffer)[0] ?? NaN;
  }
  const numbers = [1.003, -0.1, 3.14159, 1e-20, 65_519];

  it("rounds what operations read and make, and what leaves is float32 again", () => {
    const input = tf.tensor1d(numbers);
    const made = traced([input], ([given]) => {
      const half = inPrecision("bfloat16", () => tf.mul(given as Tensor, 3));
      return [tf.add(half, 0)];
    });
    expect(made.map(isHalf)).toEqual([false]);
    expect(made[0]?.arraySync()).toEqual(numbers.map((each) => rounded(rounded(each) * 3)));
    tf.dispose([input, ...made]);
  });

  it("hands bfloat16 from one function to another", () => {
    const input = tf.tensor1d(numbers);
    const halves = traced([input], ([given]) => [inPrecision("bfloat16", () => tf.neg(given as Tensor))]);
    expect(halves.map(isHalf)).toEqual([true]);
    const made = traced(halves, ([given]) => [tf.neg(given as Tensor)]);
    expect(made[0]?.arraySync()).toEqual(numbers.map(rounded));
    tf.dispose([input, ...halves, ...made]);
  });
});

describe("a function that works on parts of a batch", () => {
  /** Rows times a matrix that every part has whole, and how many rows the part has, for each of them. */
  function work([rows, weight, numbers]: Tensor[]): Tensor[] {
    const moved = tf.tidy(() => tf.add(tf.matMul(rows as Tensor2D, weight as Tensor2D), numbers as Tensor));
    return [moved, tf.fill([(rows as Tensor2D).shape[0]], rows?.shape[0] ?? 0)];
  }

  it.each([1, 2, 3, 6])("makes of %d parts what it would of all rows, in their order", (parts) => {
    const inputs = [
      tf.tensor2d(
        Array.from({ length: 12 }, (_, index) => index + 0.5),
        [6, 2],
      ),
      tf.tensor2d([
        [1, 10, 100],
        [0.5, 2, -3],
      ]),
      tf.tensor2d([6, 5, 4, 3, 2, 1], [6, 1]),
    ];
    const [whole, counted] = work(inputs) as [Tensor, Tensor];
    const name = `parts_${parts}`;
    traceFunction(name, inputs, work, parts > 1 ? { parts, rows: new Set([0, 2]) } : undefined);
    for (let call = 0; call < 3; call++) {
      const [made, size] = callFunction(name, inputs, 2) as [Tensor, Tensor];
      expect(made.arraySync()).toEqual(whole.arraySync());
      expect(size.arraySync()).toEqual(Array.from({ length: 6 }, () => 6 / parts));
      tf.dispose([made, size]);
    }
    deleteFunction(name);
    expect(() => callFunction(name, inputs, 2)).toThrow(name);
    tf.dispose([...inputs, whole, counted]);
  });

  it("repeats on each part what it made of the part the time before", () => {
    const rows = tf.tensor2d([1, 2, 3, 4], [4, 1]);
    const factor = tf.scalar(3);
    const times = (given: Tensor[]): Tensor[] => [tf.mul(given[1] as Tensor, given[0] as Tensor)];
    const division = { parts: 2, rows: new Set([1]), repeated: { times: 4, input: 1 } };
    traceFunction("repeats", [factor, rows], times, division);
    const tensors = tf.memory().numTensors;
    for (let call = 0; call < 2; call++) {
      const [made] = callFunction("repeats", [factor, rows], 1) as [Tensor];
      expect(made.arraySync()).toEqual([[81], [162], [243], [324]]);
      made.dispose();
    }
    expect(rows.arraySync()).toEqual([[1], [2], [3], [4]]);
    expect(tf.memory().numTensors).toBe(tensors);
    deleteFunction("repeats");
    expect(() => {
      traceFunction("repeats", [factor, rows], (given) => [...times(given), ...times(given)], division);
    }).toThrow("one output");
    tf.dispose([rows, factor]);
  });

  it("refuses parts that are not of one size", () => {
    const input = tf.ones([5, 2]);
    expect(() => {
      traceFunction("uneven", [input], (given) => given, { parts: 2, rows: new Set([0]) });
    }).toThrow("5 rows do not make 2 parts");
    input.dispose();
  });

  it("ends with what TensorFlow says of a part that fails", () => {
    const [input, places] = [tf.ones([4, 2]), tf.tensor1d([0, 1, 0, 9], "int32")];
    const types = [attribute.float32("Tparams"), attribute.int32("Tindices"), attribute.int32("Taxis")];
    const check = (given: Tensor[]): Tensor[] => [
      execute("GatherV2", [...types, attribute.integer("batch_dims", 0)], [...given, tf.scalar(0, "int32")]),
    ];
    traceFunction("fails", [input, places], check, { parts: 2, rows: new Set([0, 1]) });
    expect(() => callFunction("fails", [input, places], 1)).toThrow(/indices|range/);
    deleteFunction("fails");
    tf.dispose([input, places]);
  });
});
