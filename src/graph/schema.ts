import { z } from "zod";
import { InputError } from "../errors.js";
import { requireSoundNetwork } from "./check.js";
import type { Network } from "./network.js";

const extent = z.int().positive().max(65_536);
const count = z.int().nonnegative().max(65_536);
const name = z.string().min(1).max(200);

const layer = z.discriminatedUnion("op", [
  z.strictObject({
    op: z.literal("conv"),
    name,
    input: name,
    output: name,
    channels: extent,
    filters: extent,
    kernel: extent,
    stride: extent,
    padding: z.tuple([count, count]),
    groups: extent,
    bias: z.boolean(),
  }),
  z.strictObject({ op: z.literal("batchNorm"), name, input: name, output: name, channels: extent }),
  z.strictObject({
    op: z.literal("activation"),
    input: name,
    output: name,
    function: z.enum(["relu", "silu"]),
  }),
  z.strictObject({ op: z.literal("add"), inputs: z.tuple([name, name]), output: name }),
  z.strictObject({
    op: z.literal("subsample"),
    input: name,
    output: name,
    stride: extent,
    channelsBefore: count,
    channelsAfter: count,
  }),
  z.strictObject({ op: z.literal("globalAveragePool"), input: name, output: name }),
  z.strictObject({
    op: z.literal("linear"),
    name,
    input: name,
    output: name,
    inputs: extent,
    outputs: extent,
  }),
]);

const perChannel = z.array(z.number()).min(1).max(64);

const networkSchema = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "letters, digits, '.', '_' and '-', at most 64"),
  input: z.strictObject({ height: extent, width: extent, channels: extent }),
  classes: extent,
  normalization: z.strictObject({ mean: perChannel, std: perChannel }).optional(),
  initialization: z.enum(["uniform", "kaiming-normal", "fan-out-normal"]),
  layers: z.array(layer).min(1).max(10_000),
  output: name,
});

/**
 * Checks a network that a program or a file brings.
 *
 * @param source What it is called in errors.
 * @throws {InputError} naming the part that is wrong, or the layer that does not fit the ones before it.
 */
export function parseNetwork(value: unknown, source: string): Network {
  const parsed = networkSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InputError(`${source} is not a network`, {
      expected: "layers as src/graph/network.ts describes them; networkBuilder makes them",
      found: issue ? `${issue.path.join(".") || "it"}: ${issue.message}` : "something else",
    });
  }
  const { normalization, ...network } = parsed.data;
  const whole: Network = { ...network, ...(normalization ? { normalization } : {}) };
  requireSoundNetwork(whole, source);
  return whole;
}
