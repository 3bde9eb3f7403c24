import type { Normalization } from "../graph/network.js";
import { cifar10Absent, cifar10Models } from "./robustbench-cifar10.js";
import { cifar100Absent, cifar100Models } from "./robustbench-cifar100.js";

/** What a model of RobustBench withstands: changes of L-infinity radius 8/255, of L2 radius 0.5, or common corruptions. */
export const threatModels = ["Linf", "L2", "corruptions"] as const;
export type ThreatModel = (typeof threatModels)[number];

/** What names a model of RobustBench. */
export interface RobustBenchName {
  readonly dataset: "cifar10" | "cifar100";
  readonly threat: ThreatModel;
  readonly name: string;
}

/** A model of RobustBench whose network mtard has. */
export interface RobustBenchModel extends RobustBenchName {
  readonly network: string;
  /** The id of its file on Google Drive. */
  readonly drive: string;
  /** Applied to images in [0, 1]; null for none, or where the file itself has it. */
  readonly normalization: Normalization | null;
  readonly normalizationInFile: boolean;
  /** The key under which the file has the weights that RobustBench reads, where it is none of the usual ones. */
  readonly key: string | null;
  /** Accuracies in percent, as RobustBench states them: of clean images, and under AutoAttack or corruptions. */
  readonly clean: number;
  readonly robust: number;
  /** The radius of its AutoAttack where that is another than the threat model's. */
  readonly epsilon: number | null;
}

/** A model of RobustBench whose network mtard lacks. */
export interface AbsentModel extends RobustBenchName {
  readonly reason: string;
}

/** How the files of each data set normalise: rounded as most write it, and to all digits. */
const statistics = {
  cifar10: {
    usual: { mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] },
    deepmind: { mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] },
    exact: {
      mean: [0.4913997551666284, 0.48215855929893703, 0.4465309133731618],
      std: [0.24703225141799082, 0.24348516474564, 0.26158783926049628],
    },
  },
  cifar100: {
    usual: { mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] },
    deepmind: { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] },
    exact: {
      mean: [0.5070751592371323, 0.48654887331495095, 0.4409178433670343],
      std: [0.2673342858792401, 0.2564384629170883, 0.27615047132568404],
    },
  },
} as const satisfies Record<string, Record<string, Normalization>>;

/** The normalisations of either data set. */
const shared = {
  half: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  rounded: { mean: [0.491, 0.482, 0.447], std: [0.247, 0.243, 0.262] },
} as const satisfies Record<string, Normalization>;

/** What keeps a model from being a network of mtard. */
const reasons: Readonly<Record<string, string>> = {
  "early-shortcut": "a PreActResNet-18 whose shortcuts begin before the first activation",
  "dm-preact": "a PreActResNet-18 in DeepMind's form: Swish, and 3x3 shortcuts",
  ensemble: "several networks together",
  "resnet-50": "a ResNet-50",
  "own-normalisation": "a WideResNet that normalises each image by its own mean and deviation",
  hypersphere: "a WideResNet with normalised features and weights in its classifier",
  xcit: "an XCiT",
  resnest: "a ResNeSt",
  resnext: "a ResNeXt",
  searched: "a WideResNet whose stages have widths and parts of their own",
  "mean-sparse": "a network with MeanSparse operators",
  pssilu: "a WideResNet with a parametric activation",
  sodef: "a network with a differential equation at its end",
  pruned: "a pruned or binary network",
};

let parsed: readonly RobustBenchModel[] | undefined;

/** RobustBench's models for CIFAR-10 and CIFAR-100 whose networks mtard has. */
export function robustBenchModels(): readonly RobustBenchModel[] {
  parsed ??= [...rowsOf(cifar10Models, "cifar10"), ...rowsOf(cifar100Models, "cifar100")].map(
    ({ dataset, threat, name, rest }) => {
      const [network = "", drive = "", clean, robust, ...extras] = rest;
      return {
        dataset,
        threat,
        name,
        network,
        drive,
        normalization: normalizationOf(dataset, network, extras),
        normalizationInFile: extras.includes("stored"),
        key: valueOf("key", extras) ?? null,
        clean: Number(clean),
        robust: Number(robust),
        epsilon: Number(valueOf("eps", extras) ?? NaN) || null,
      };
    },
  );
  return parsed;
}

/** RobustBench's models for CIFAR-10 and CIFAR-100 whose networks mtard lacks, each with what keeps it away. */
export function absentModels(): AbsentModel[] {
  return [...rowsOf(cifar10Absent, "cifar10"), ...rowsOf(cifar100Absent, "cifar100")].map(
    ({ rest: [reason = ""], ...named }) => ({ ...named, reason: reasons[reason] ?? reason }),
  );
}

/** How RobustBench's models are written: `robustbench:cifar10/Linf/Sehwag2020Hydra`. */
export function robustBenchId({ dataset, threat, name }: RobustBenchName): string {
  return `robustbench:${dataset}/${threat}/${name}`;
}

/** The name of such a model in the store: `cifar10-Linf-Sehwag2020Hydra`. */
export function storeName({ dataset, threat, name }: RobustBenchName): string {
  return `${dataset}-${threat}-${name}`;
}

/** Whether a text, in any of the ways to write it, with or without data set and threat model, names a model. */
export function names(text: string, model: RobustBenchName): boolean {
  const written = text.toLowerCase().replace(/^robustbench:/, "");
  const { dataset, threat, name } = model;
  const ways = [
    name,
    `${threat}/${name}`,
    `${dataset}/${name}`,
    `${dataset}/${threat}/${name}`,
    storeName(model),
  ];
  return ways.some((way) => way.toLowerCase() === written);
}

interface Row extends RobustBenchName {
  readonly rest: readonly string[];
}

function rowsOf(table: string, dataset: RobustBenchName["dataset"]): Row[] {
  return table
    .trim()
    .split("\n")
    .map((line) => {
      const [threat, name = "", ...rest] = line.trim().split(/\s+/);
      return { dataset, threat: threatModels.find((each) => each === threat) ?? "Linf", name, rest };
    });
}

/** DeepMind's form always normalises, so the plain ids that stand for it do, too. */
function normalizationOf(
  dataset: RobustBenchName["dataset"],
  network: string,
  extras: readonly string[],
): Normalization | null {
  const known: Readonly<Record<string, Normalization>> = { ...shared, ...statistics[dataset] };
  const named = extras.map((each) => known[each]).find((each) => each !== undefined);
  const isDeepMinds = network.endsWith("-deepmind") || network === "wide-resnet-70-16";
  return named ?? (isDeepMinds ? statistics[dataset].deepmind : null);
}

function valueOf(name: string, extras: readonly string[]): string | undefined {
  return extras.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
}
