import { InputError } from "../errors.js";
import { layerInputs } from "./liveness.js";
import { extentAfter, type Layer, type Network } from "./network.js";
import { parameterSpecs } from "./parameters.js";

/** What a value of a network is for one image: a map of features, or a row of numbers. */
type ValueShape =
  | { readonly kind: "map"; readonly height: number; readonly width: number; readonly channels: number }
  | { readonly kind: "row"; readonly length: number };

/**
 * Checks that a network's layers fit together: each reads values that earlier ones make, of the channels it says, and the output is one
 * logit a class.
 *
 * @param source What the network is called in errors.
 * @throws {InputError} naming the first layer that does not fit, what it needs and what it gets.
 */
export function requireSoundNetwork(network: Network, source: string): void {
  const { input, classes, normalization, layers, output } = network;
  const shapes = new Map<string, ValueShape>([["images", { kind: "map", ...input }]]);
  const parameters = new Set<string>();
  for (const [index, layer] of layers.entries()) {
    const where = `layer ${index + 1} of ${source} (${layer.op}${"name" in layer ? ` "${layer.name}"` : ""})`;
    const refuse = (expected: string, found: string): never => {
      throw new InputError(`${where} does not fit`, { expected, found });
    };
    if ("name" in layer) {
      if (parameters.has(layer.name)) refuse("parameters of its own", `those of "${layer.name}" twice`);
      parameters.add(layer.name);
    }
    if (shapes.has(layer.output)) refuse("an output of its own", `"${layer.output}", which is there already`);
    const read = (value: string): ValueShape =>
      shapes.get(value) ?? refuse("a value that an earlier layer makes", `"${value}"`);
    shapes.set(layer.output, shapeAfter(layer, read, refuse));
  }
  const last = shapes.get(output);
  if (last?.kind !== "row" || last.length !== classes)
    throw new InputError(`the output of ${source} is no row of logits`, {
      expected: `${classes} numbers an image, as a linear layer makes`,
      found: last ? describe(last) : `no value "${output}"`,
    });
  requireUsed(network, shapes, source);
  for (const [name, values] of Object.entries(normalization ?? {}) as [string, readonly number[]][])
    if (values.length !== input.channels || (name === "std" && values.some((value) => !(value > 0))))
      throw new InputError(`the normalisation of ${source} does not fit`, {
        expected: `${input.channels} numbers, one a channel${name === "std" ? ", above 0" : ""}`,
        found: `${name} ${values.join(", ")}`,
      });
}

/** Every value leads to the logits, and no two things share a name: the engine frees what nothing reads, and keeps parameters by name. */
function requireUsed(network: Network, shapes: ReadonlyMap<string, unknown>, source: string): void {
  const { layers, output } = network;
  const unread = [...shapes.keys()].find(
    (value) => value !== output && !layers.some((layer) => layerInputs(layer).includes(value)),
  );
  if (unread !== undefined)
    throw new InputError(`nothing reads the value "${unread}" of ${source}`, {
      expected: "every value to lead to the output",
      found: `"${unread}", which no layer takes in`,
    });
  if (layers.some((layer) => layerInputs(layer).includes(output)))
    throw new InputError(`layers of ${source} go on after its output "${output}"`, {
      expected: "the output last, read by no layer",
      found: `"${output}" taken in again`,
    });
  const names = parameterSpecs(network).map(({ name }) => name);
  const twice =
    names.find((name, index) => names.indexOf(name) !== index) ?? names.find((name) => shapes.has(name));
  if (twice !== undefined)
    throw new InputError(`two things in ${source} are called "${twice}"`, {
      expected: "names of layers and values that are no parameter's (NAME.weight, NAME.bias, ...)",
      found: `"${twice}" twice`,
    });
  const maker = layers.find((layer) => layer.output === output);
  if (maker?.op === "activation")
    throw new InputError(`the output of ${source} is an activation`, {
      expected: "logits, as a linear layer makes: losses take their softmax themselves",
      found: `"${output}", made by ${maker.function}`,
    });
}

type Refuse = (expected: string, found: string) => never;

function shapeAfter(layer: Layer, read: (value: string) => ValueShape, refuse: Refuse): ValueShape {
  const map = (value: string): ValueShape & { kind: "map" } => {
    const shape = read(value);
    return shape.kind === "map" ? shape : refuse("a map of features", describe(shape));
  };
  const needChannels = (wanted: number, found: number): void => {
    if (wanted !== found) refuse(`${wanted} channels`, `${found}`);
  };
  switch (layer.op) {
    case "conv": {
      const from = map(layer.input);
      const { channels, kernel, padding, groups, filters } = layer;
      needChannels(channels, from.channels);
      if (groups !== 1 && (groups !== channels || groups !== filters))
        refuse("1 group, or as many as channels and filters (depthwise)", String(groups));
      const [height, width] = [extentAfter(layer, from.height), extentAfter(layer, from.width)];
      if (height < 1 || width < 1)
        refuse(`maps of at least ${kernel - padding[0] - padding[1]} rows and columns`, describe(from));
      return { kind: "map", height, width, channels: filters };
    }
    case "batchNorm": {
      const from = map(layer.input);
      needChannels(layer.channels, from.channels);
      return from;
    }
    case "activation":
      return read(layer.input);
    case "add": {
      const [left, right] = layer.inputs.map(read) as [ValueShape, ValueShape];
      if (describe(left) !== describe(right)) refuse(describe(left), describe(right));
      return left;
    }
    case "subsample": {
      const from = map(layer.input);
      const { channelsBefore, channelsAfter } = layer;
      const channels = channelsBefore + from.channels + channelsAfter;
      return {
        kind: "map",
        height: extentAfter(layer, from.height),
        width: extentAfter(layer, from.width),
        channels,
      };
    }
    case "globalAveragePool":
      return { kind: "row", length: map(layer.input).channels };
    case "linear": {
      const from = read(layer.input);
      if (from.kind !== "row") return refuse("a row of numbers, as globalAveragePool makes", describe(from));
      if (from.length !== layer.inputs) refuse(`${layer.inputs} numbers`, String(from.length));
      return { kind: "row", length: layer.outputs };
    }
  }
}

function describe(shape: ValueShape): string {
  return shape.kind === "row"
    ? `a row of ${shape.length} numbers`
    : `maps of ${shape.height}x${shape.width}x${shape.channels}`;
}
