import { expect, it } from "vitest";
import { TYPES } from "#mtard/runtime/kernels.js";
import { tf } from "#mtard/runtime/tensorflow.js";

it("numbers the types as the binding that was compiled against TensorFlow's headers does", () => {
  const { binding } = tf.backend() as unknown as { binding: Record<string, unknown> };
  for (const [name, number] of Object.entries(TYPES)) expect([name, binding[name]]).toEqual([name, number]);
});
