import { InputError } from "../errors.js";
import { kindOf } from "../files/kind.js";
import { initialWeights } from "../graph/initialize.js";
import type { LinearLayer, Network } from "../graph/network.js";
import { loadWeights, type Weights } from "../graph/parameters.js";
import { networkIdentity } from "../model/identity.js";
import { openModel } from "../model/model.js";
import { findModel } from "../model/reference.js";
import { createNetwork, networkIds, networkVariants } from "../networks/networks.js";
import type { InitialWeights } from "../run/run-directory.js";
import { isOnnxName } from "../teacher/reference.js";
import type { Random } from "../runtime/random.js";
import { recogniseWeights, type RecognisedWeights, type WeightSets } from "../weights/recognise-weights.js";
import { withWeightsFile } from "../weights/weights-file.js";

/** What a student starts from, as a person names it. */
export interface InitRequest {
  /** A file of weights, a run directory, a teacher's name or folder, or an .onnx file that mtard wrote. */
  readonly from: string;
  /** Whether the last linear layer is taken as well (`kept`, the default), or drawn afresh, for other classes perhaps. */
  readonly head?: "kept" | "new" | undefined;
  /** Which weights of a file to take, where it has several: their keys joined by dots, such as `state_dict_ema`. */
  readonly key?: string | undefined;
}

/** A student with the weights it starts from. */
export interface InitialStudent {
  /** The student's network, with the normalisation that came with the weights. */
  readonly network: Network;
  readonly weights: Weights;
  readonly origin: InitialWeights;
  /** What a person may want to know of the file: which weights were taken, what was left out. */
  readonly notes: readonly string[];
}

/**
 * Reads the weights a student starts from; they fit it by all names and shapes, but for a new classifier.
 *
 * @param random Draws a new classifier's weights.
 * @throws {InputError} if nothing is there, or the weights are of another network: the error names it, where it is known.
 */
export async function initialStudent(
  student: Network,
  { from, head = "kept", key }: InitRequest,
  teachersDir: string,
  random: Random,
): Promise<InitialStudent> {
  const taken =
    kindOf(from) === "file" && !isOnnxName(from)
      ? await fromFile(student, from, head, key)
      : await fromModel(student, from, head, teachersDir);
  const network = withNormalization(student, taken.normalization);
  const weights = head === "kept" ? taken.weights : withFreshHead(network, taken.weights, random);
  const sha256 = networkIdentity(network, weights);
  return {
    network,
    weights,
    origin: {
      sha256,
      from,
      head,
      ...(key === undefined ? {} : { key }),
      normalization: network.normalization ?? null,
    },
    notes: taken.notes,
  };
}

/** The network with this normalisation in place of its own, or with none. */
function withNormalization(
  { id, input, classes, initialization, layers, output }: Network,
  normalization: Network["normalization"],
): Network {
  const plain = { id, input, classes, initialization, layers, output };
  return normalization ? { ...plain, normalization } : plain;
}

type Taken = Pick<Network, "normalization"> & {
  readonly weights: Weights;
  readonly notes: readonly string[];
};

async function fromModel(
  student: Network,
  from: string,
  head: "kept" | "new",
  teachersDir: string,
): Promise<Taken> {
  const { known } = await openModel(findModel(from, teachersDir));
  if (!known)
    throw new InputError(`--init: ${from} is an ONNX graph of another origin, whose weights have no names`, {
      expected: "a teacher imported with --network, a run, or a file of weights",
      found: "a foreign ONNX graph",
    });
  const { network, weights } = known;
  const alike = sameLayers(withClasses(student, network.classes), network);
  if (!alike) throw otherNetwork(from, student, network.id);
  requireClasses(from, head, network.classes, student);
  return { weights, notes: [], ...(network.normalization ? { normalization: network.normalization } : {}) };
}

/** How weights are recognised for `--init`. */
interface FileOptions {
  readonly key: string | undefined;
  readonly keyOption: string;
}

function fromFile(
  student: Network,
  path: string,
  head: "kept" | "new",
  key: string | undefined,
): Promise<Taken> {
  const options: FileOptions = { key, keyOption: "--init-key" };
  return withWeightsFile(path, (file) => {
    const classes = [student.classes, ...classCounts(student, file)];
    const [first = student, ...others] = classes.map((count) => withClasses(student, count));
    const fit = recognised([first, ...others], file, path, options);
    if (fit === null) {
      const near = nearestFit(student, file, path, classes, options);
      if (near !== null) throw otherNetwork(path, student, near);
      recogniseWeights([student], file, path, options);
      throw new Error("weights that fit were not recognised");
    }
    const { network, weights, notes } = fit;
    requireClasses(path, head, network.classes, student);
    return {
      weights: loadWeights(weights),
      notes,
      ...(network.normalization ? { normalization: network.normalization } : {}),
    };
  });
}

function recognised(
  candidates: readonly [Network, ...Network[]],
  file: WeightSets,
  path: string,
  options: FileOptions,
): RecognisedWeights | null {
  try {
    return recogniseWeights(candidates, file, path, options);
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

function requireClasses(from: string, head: string, classes: number, student: Network): void {
  if (head === "new" || classes === student.classes) return;
  throw new InputError(`--init: the weights of ${from} tell ${classes} classes apart`, {
    expected: `${student.classes} classes`,
    found: `${classes}`,
    fix: "--init-head new draws a fresh classifier for these classes",
  });
}

function otherNetwork(from: string, student: Network, id: string): InputError {
  return new InputError(`--init: ${from} does not fit ${student.id}`, {
    expected: `the weights of ${student.id}, by all names and shapes`,
    found: `these weights are of ${id}, names and shapes`,
    fix: `--student ${id}`,
  });
}

/** Sizes beside the listed networks that weights may be of. */
const DEPTHS = { resnet: [26, 38, 62, 74, 164], wideResNet: [10, 16, 22, 28, 34, 40, 70] };
const WIDTHS = [1, 2, 4, 5, 6, 8, 10, 12, 16];

/** The network that tensors are of, by names and shapes; null if no network that is looked through is. */
function nearestFit(
  student: Network,
  file: WeightSets,
  path: string,
  classes: readonly number[],
  options: FileOptions,
): string | null {
  const ids = [
    ...networkVariants(student.id),
    ...networkIds.flatMap(networkVariants),
    ...DEPTHS.resnet.flatMap((depth) => networkVariants(`resnet-${depth}`)),
    ...DEPTHS.wideResNet.flatMap((depth) =>
      WIDTHS.flatMap((width) => networkVariants(`wide-resnet-${depth}-${width}`)),
    ),
  ];
  for (const id of new Set(ids))
    for (const count of classes) {
      const network = createNetwork(id, { image: student.input, classes: count });
      if (recognised([network], file, path, options)) return id;
    }
  return null;
}

/** The numbers of classes that tensors shaped like the classifier's weights stand for, whatever they are called. */
function classCounts(student: Network, { sets }: WeightSets): number[] {
  const { inputs } = headOf(student);
  const tensors = sets.flatMap(({ weights }) => [...weights.values()]);
  const counts = tensors.flatMap(({ shape: [count = 0, width, ...more] }) =>
    width === inputs && more.length === 0 ? [count] : [],
  );
  return [...new Set(counts)].filter((count) => count !== student.classes && count > 1);
}

/** The last linear layer, which tells the classes apart. */
function headOf({ id, layers }: Network): LinearLayer {
  const head = layers.findLast((layer) => layer.op === "linear");
  if (head) return head;
  throw new InputError(`${id} has no linear layer that could be its classifier`, {
    fix: "leave --init-head out",
  });
}

/** The same network for another number of classes. */
function withClasses(network: Network, classes: number): Network {
  if (network.classes === classes) return network;
  const head = headOf(network);
  const layers = network.layers.map((layer) => (layer === head ? { ...head, outputs: classes } : layer));
  return { ...network, classes, layers };
}

function sameLayers(one: Network, other: Network): boolean {
  return JSON.stringify(one.layers) === JSON.stringify(other.layers);
}

/** The weights with the classifier's drawn afresh, as they would be for a student that starts from nothing. */
function withFreshHead(network: Network, weights: Weights, random: Random): Weights {
  const { name } = headOf(network);
  const fresh = initialWeights(network, random);
  return new Map(
    [...fresh].map(([parameter, tensor]) => [
      parameter,
      parameter.startsWith(`${name}.`) ? tensor : (weights.get(parameter) ?? tensor),
    ]),
  );
}
