import { describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import { floatTensor, floatValue, node } from "#mtard/onnx/build.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { verifyClassifier } from "#mtard/teacher/verify.js";
import { classifierNodes, type GraphInit, image, model, parameters } from "../onnx/models.js";

const expected = { name: "test-images", image, classes: 5 };
const scalar = (name: string, value: number) => floatTensor(name, [], Float32Array.of(value));

/** The tiny classifier in the standard form, with nodes that make `logits` of `z`, or `z` of `images`. */
function verified(nodes: GraphInit["node"], more: GraphInit["initializer"] = []): Promise<Float32Array> {
  const graph = {
    node: nodes ?? [],
    initializer: [...parameters, ...more],
    input: [floatValue("images", ["batch", 3, 8, 8])],
    output: [floatValue("logits", ["batch", 5])],
  };
  return verifyClassifier({ bytes: serializeModel(model(graph)), dataFolder: null }, expected, "it");
}

async function refusal(...graph: Parameters<typeof verified>): Promise<InputError> {
  const error: unknown = await verified(...graph).catch((thrown: unknown) => thrown);
  if (error instanceof InputError) return error;
  throw new Error("it was not refused", { cause: error });
}

describe("verifyClassifier", () => {
  it("gives the logits of three images", async () => {
    expect(await verified(classifierNodes("images", "logits"))).toHaveLength(15);
  });

  it.each([0.5, 1e-5])(
    "refuses a model with noise of %s for its random numbers, not for its batch",
    async (size) => {
      const { message, detail } = await refusal(
        [
          node("RandomNormalLike", ["images"], "noise"),
          node("Mul", ["noise", "size"], "scaled"),
          node("Add", ["images", "scaled"], "z"),
          ...classifierNodes("z", "logits"),
        ],
        [scalar("size", size)],
      );
      expect(message).toBe("it answers the same image differently when asked again");
      expect(detail.found).toBe('random numbers in RandomNormalLike "noise"');
      expect(detail.fix).toContain("model.eval()");
    },
  );

  it("lets random numbers be that change no answer", async () => {
    const nodes = [
      node("RandomNormalLike", ["images"], "noise"),
      node("Mul", ["noise", "size"], "scaled"),
      node("Add", ["images", "scaled"], "z"),
      ...classifierNodes("z", "logits"),
    ];
    expect(await verified(nodes, [scalar("size", 0)])).toHaveLength(15);
  });

  it("refuses a mixture of images for its batch", async () => {
    const mean = node("ReduceMean", ["images"], "mean");
    const nodes = [mean, node("Sub", ["images", "mean"], "z"), ...classifierNodes("z", "logits")];
    expect((await refusal(nodes)).message).toBe("the batch size of it cannot be made free");
  });

  it.each([
    [1, "it answers probabilities"],
    [10, "it answers probabilities, times a constant"],
    [-3, "it answers probabilities, times a constant"],
  ])("notices probabilities times %d, however they are computed", async (factor, message) => {
    const nodes = [
      ...classifierNodes("images", "z"),
      node("Exp", ["z"], "e"),
      node("ReduceSum", ["e", "axes"], "s"),
      node("Div", ["e", "s"], "p"),
      node("Mul", ["p", "factor"], "logits"),
    ];
    const axes = {
      ...floatTensor("axes", [1], new Float32Array()),
      dataType: 7,
      rawData: new Uint8Array(BigInt64Array.of(1n).buffer),
    };
    const found = await refusal(nodes, [axes, scalar("factor", factor)]);
    expect(found.message).toBe(message);
    expect(found.detail.found).toContain(`sum to ${factor}`);
  });

  it("takes positive logits that are the same for every image, and those whose sums differ", async () => {
    const dead = [
      ...classifierNodes("images", "z"),
      node("Mul", ["z", "factor"], "n"),
      node("Add", ["n", "seven"], "logits"),
    ];
    expect(await verified(dead, [scalar("factor", 0), scalar("seven", 7)])).toEqual(
      new Float32Array(15).fill(7),
    );
    expect(await verified(dead, [scalar("factor", 0.01), scalar("seven", 7)])).toHaveLength(15);
  });
});
