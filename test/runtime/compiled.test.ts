import { afterEach, describe, expect, it, vi } from "vitest";
import { compiled, compileRefusal, forgetCompiled, type NamedTensors } from "#mtard/runtime/compiled.js";
import { tf, type Tensor } from "#mtard/runtime/tensorflow.js";

const before = tf.memory().numTensors;
afterEach(() => {
  vi.unstubAllEnvs();
  expect(tf.memory().numTensors).toBe(before);
});

/** A work that says each time that it is run or traced. */
function counted(): { work: (inputs: NamedTensors) => NamedTensors; times: () => number } {
  let times = 0;
  return {
    work(inputs) {
      times++;
      return new Map([["double", tf.add(inputs.get("x") as Tensor, inputs.get("x") as Tensor)]]);
    },
    times: () => times,
  };
}

/** Doubles a number, or as many ones as there are. */
function double(owner: object, { work }: ReturnType<typeof counted>, shape: number[], options = {}): unknown {
  const input = tf.ones(shape);
  const made = compiled(owner, "double", new Map([["x", input]]), work, options);
  const values = made.get("double")?.arraySync();
  tf.dispose([input, ...made.values()]);
  return values;
}

describe("compiled", () => {
  it("traces a work once for inputs of a shape", () => {
    const [owner, counter] = [{}, counted()];
    for (let call = 0; call < 3; call++) expect(double(owner, counter, [2])).toEqual([2, 2]);
    expect(counter.times()).toBe(1);
    expect(double(owner, counter, [1, 3])).toEqual([[2, 2, 2]]);
    expect(counter.times()).toBe(2);
    expect(double({}, counter, [2])).toEqual([2, 2]);
    expect(counter.times()).toBe(3);
  });

  it("runs it operation by operation the first few times, if asked to", () => {
    const [owner, counter] = [{}, counted()];
    for (let call = 0; call < 5; call++) expect(double(owner, counter, [2], { after: 2 })).toEqual([2, 2]);
    expect(counter.times()).toBe(3);
  });

  it("runs it operation by operation each time where that is asked for by MTARD_COMPILE=0", () => {
    vi.stubEnv("MTARD_COMPILE", "0");
    const [owner, counter] = [{}, counted()];
    for (let call = 0; call < 3; call++) expect(double(owner, counter, [2])).toEqual([2, 2]);
    expect(counter.times()).toBe(3);
  });

  it.each(["compiled", "in parts", "operation by operation"])(
    "does a work again on what it made, so often as asked, %s",
    (way) => {
      if (way === "operation by operation") vi.stubEnv("MTARD_COMPILE", "0");
      const division = way === "in parts" ? { division: { parts: 2, rows: ["x"] } } : {};
      const [x, by] = [tf.tensor1d([1, -2]), tf.tensor1d([10])];
      const owner = {};
      let runs = 0;
      function work(inputs: NamedTensors): NamedTensors {
        runs++;
        return new Map([["x", tf.mul(inputs.get("x") as Tensor, inputs.get("by") as Tensor)]]);
      }
      for (let call = 0; call < 2; call++) {
        const inputs = new Map([
          ["by", by],
          ["x", x],
        ]);
        const made = compiled(owner, "powers", inputs, work, {
          ...division,
          repeated: { times: 3, input: "x" },
        });
        expect([...made.keys()]).toEqual(["x"]);
        expect(made.get("x")?.arraySync()).toEqual([1000, -2000]);
        tf.dispose([...made.values()]);
      }
      expect(runs).toBe(way === "operation by operation" ? 6 : 1);
      expect(x.arraySync()).toEqual([1, -2]);
      tf.dispose([x, by]);
    },
  );

  it("forgets the functions that were not used for long", () => {
    const [owner, counter] = [{}, counted()];
    for (let size = 1; size <= 40; size++) {
      double(owner, counter, [size]);
      double(owner, counter, [1]);
    }
    expect(counter.times()).toBe(40);
    double(owner, counter, [40]);
    expect(counter.times()).toBe(40);
    double(owner, counter, [2]);
    expect(counter.times()).toBe(41);
  });

  it("frees the functions of an owner that is done, and makes them anew if it is not", () => {
    const [owner, other, counter] = [{}, {}, counted()];
    for (const each of [owner, other]) double(each, counter, [2]);
    forgetCompiled(owner);
    forgetCompiled(owner);
    expect(double(other, counter, [2])).toEqual([2, 2]);
    expect(counter.times()).toBe(2);
    expect(double(owner, counter, [2])).toEqual([2, 2]);
    expect(counter.times()).toBe(3);
  });

  it("runs what cannot be traced as it is, and says why", () => {
    const owner = {};
    const work = (inputs: NamedTensors): NamedTensors =>
      new Map([
        [
          "sum",
          tf.scalar((inputs.get("x") as Tensor).dataSync<"float32">().reduce((sum, each) => sum + each, 0)),
        ],
      ]);
    for (let call = 0; call < 2; call++) {
      const input = tf.ones([3]);
      const made = compiled(owner, "sum", new Map([["x", input]]), work);
      expect(made.get("sum")?.arraySync()).toBe(3);
      tf.dispose([input, ...made.values()]);
    }
    expect(compileRefusal()).toBe("it reads a tensor's values");
  });

  it("passes on what a work throws", () => {
    expect(() =>
      compiled({}, "fails", new Map(), () => {
        throw new RangeError("too few");
      }),
    ).toThrow(RangeError);
  });
});
