import { InputError } from "../errors.js";
import type { Network, NetworkShape, Normalization } from "../graph/network.js";
import { fittingSizes, imageMisfit } from "../graph/image-fit.js";
import { didYouMean } from "../nearest.js";
import { cifarResNet } from "./cifar-resnet.js";
import { mobileNetV2 } from "./mobilenet-v2.js";
import { preActResNet } from "./preact-resnet.js";
import { resNet } from "./resnet.js";
import { deepMindForm, tradesForm, wideResNet, type WideResNetForm } from "./wide-resnet.js";

/** Architectures that differ in depth, width or shortcuts only. */
interface Family {
  /** Matches the ids of the family, whether they can be built or not. */
  readonly pattern: RegExp;
  /** Which sizes can be built, in words. */
  readonly sizes: string;
  /** The repositories whose form and parameter names the plain ids follow. */
  readonly origin: string;
  /** The ids that the paper and its public teachers use. */
  readonly ids: readonly string[];
  /** Id endings of other public forms of the same size; a weights file shows which form it holds. */
  readonly variants: readonly string[];
  /** Builds the network of an id from the groups that `pattern` matched; null if its size cannot be built. */
  readonly create: (id: string, groups: readonly string[], shape: NetworkShape) => Network | null;
}

const stages: Readonly<Record<string, readonly number[]>> = { "18": [2, 2, 2, 2], "34": [3, 4, 6, 3] };

const wideResNetForms = {
  "": null,
  "-trades": tradesForm,
  "-deepmind": deepMindForm,
  "-deepmind-relu": { ...deepMindForm, activation: "relu" },
} as const satisfies Record<string, WideResNetForm | null>;

/** The sizes whose plain ids mean DeepMind's form, which the paper uses for them; all others mean TRADES'. */
const deepMindSizes: readonly string[] = ["70-16", "22-6"];

/** Limits above any published network, and above what a machine can hold. */
const MAXIMUM_DEPTH = 1202;
const MAXIMUM_WIDTH = 64;

const families: readonly Family[] = [
  {
    pattern: /^resnet-(18|34)$/,
    sizes: "resnet-18, resnet-34",
    origin: "kuangliu/pytorch-cifar",
    ids: ["resnet-18", "resnet-34"],
    variants: [""],
    create: (id, [depth = ""], shape) => resNet(id, stages[depth] ?? [], shape),
  },
  {
    pattern: /^resnet-(\d+)(-a-end|-b)?$/,
    sizes: "resnet-D with D = 6n + 2 (8, 14, 20, ...), or 18 and 34",
    origin: "akamaster/pytorch_resnet_cifar10; -b: chenyaofo/pytorch-cifar-models",
    ids: ["resnet-8", "resnet-14", "resnet-20", "resnet-32", "resnet-44", "resnet-56", "resnet-110"],
    variants: ["", "-a-end", "-b"],
    create(id, [size, ending], shape) {
      const depth = Number(size);
      if (depth < 8 || depth % 6 !== 2 || depth > MAXIMUM_DEPTH) return null;
      return cifarResNet(id, depth, ending === "-b" ? "b" : ending === "-a-end" ? "a-end" : "a-split", shape);
    },
  },
  {
    pattern: /^preact-resnet-(\d+)(-bn)?$/,
    sizes: "preact-resnet-18, preact-resnet-34",
    origin: "kuangliu/pytorch-cifar",
    ids: ["preact-resnet-18", "preact-resnet-34"],
    variants: ["", "-bn"],
    create(id, [depth = "", ending], shape) {
      const blocks = stages[depth];
      return blocks ? preActResNet(id, blocks, ending === "-bn", shape) : null;
    },
  },
  {
    pattern: /^mobilenet-v2$/,
    sizes: "mobilenet-v2",
    origin: "kuangliu/pytorch-cifar",
    ids: ["mobilenet-v2"],
    variants: [""],
    create: (id, _, shape) => mobileNetV2(id, shape),
  },
  {
    pattern: /^wide-resnet-((\d+)-(\d+))(?:-c)?(-trades|-deepmind|-deepmind-relu)?$/,
    sizes: "wide-resnet-D-W with D = 6n + 4 (10, 16, 22, 28, 34, ...) and a width W of 1 to 64",
    origin: "yaodongyu/TRADES; 70-16 and 22-6: deepmind/deepmind-research",
    ids: ["wide-resnet-34-10", "wide-resnet-22-6", "wide-resnet-34-10-c", "wide-resnet-70-16"],
    variants: Object.keys(wideResNetForms),
    create(id, [size = "", depth, width, ending], shape) {
      const [layers, factor] = [Number(depth), Number(width)];
      if (layers < 10 || layers % 6 !== 4 || layers > MAXIMUM_DEPTH) return null;
      if (factor < 1 || factor > MAXIMUM_WIDTH) return null;
      const own = deepMindSizes.includes(size) ? deepMindForm : tradesForm;
      const form = wideResNetForms[(ending ?? "") as keyof typeof wideResNetForms] ?? own;
      return wideResNet(id, layers, factor, form, shape);
    },
  },
];

/** The ids of the networks that the paper and its public teachers use; `createNetwork` knows every size of their families. */
export const networkIds: readonly string[] = families.flatMap(({ ids }) => ids);

/** Describes each family: its ids above, its other sizes and endings, and whose form it follows. */
export function describeFamilies(): Pick<Family, "ids" | "sizes" | "variants" | "origin">[] {
  return families.map(({ ids, sizes, variants, origin }) => ({ ids, sizes, variants, origin }));
}

/**
 * Builds the layer graph of an architecture.
 *
 * @param normalization Applied to images in [0, 1] before the first layer. If left out, the architecture's own is used, if it has one;
 * null means none.
 * @throws {InputError} if no architecture has this id, its family has no network of this size, or it cannot take such images; the
 * error then names the smallest size and the nearest one that it takes.
 */
export function createNetwork(
  id: string,
  shape: NetworkShape,
  normalization?: Normalization | null,
): Network {
  const { normalization: own, ...network } = findNetwork(id, shape);
  const chosen = normalization === undefined ? own : normalization;
  const made = chosen ? { ...network, normalization: chosen } : network;
  requireImages(made);
  return made;
}

function requireImages(network: Network): void {
  const problem = imageMisfit(network);
  if (problem === null) return;
  const { id, input, normalization } = network;
  const found = `${input.height}x${input.width}x${input.channels}`;
  const sizes = fittingSizes(network);
  throw new InputError(`${id} cannot take images of ${found}: it ${problem}`, {
    expected: sizes
      ? `images of ${sizes.smallest}x${sizes.smallest} at the least, such as ${sizes.next.height}x${sizes.next.width}`
      : `images of ${normalization?.mean.length ?? input.channels} channels`,
    found,
    fix: sizes
      ? `mtard data NAME --from DIR --size ${sizes.next.height}x${sizes.next.width}, or another network`
      : "a network without a normalisation of its own, such as resnet-18",
  });
}

/** The network of an id, as {@link createNetwork} builds it, or null if there is none: a name in a file may be another program's own. */
export function networkNamed(
  id: string,
  shape: NetworkShape,
  normalization?: Normalization | null,
): Network | null {
  try {
    return createNetwork(id, shape, normalization);
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

function findNetwork(id: string, shape: NetworkShape): Network {
  for (const family of families) {
    const match = family.pattern.exec(id);
    if (!match) continue;
    const network = family.create(id, match.slice(1), shape);
    if (network) return network;
    throw new InputError(`there can be no network "${id}"`, {
      expected: family.sizes,
      fix: `--student or --network ${family.ids[0] ?? ""}`,
    });
  }
  throw new InputError(`unknown network "${id}"${didYouMean(id, networkIds)}`, {
    expected: `one of ${networkIds.join(", ")}, or another size of wide-resnet-D-W or resnet-D`,
    fix: "mtard networks lists them",
  });
}

/** The ids of an architecture in all its public forms, `id` first; a weights file shows which form it holds. */
export function networkVariants(id: string): readonly string[] {
  const family = families.find(({ pattern }) => pattern.test(id));
  if (!family || family.variants.some((ending) => ending !== "" && id.endsWith(ending))) return [id];
  return family.variants.map((ending) => id + ending);
}
