import { InputError } from "../errors.js";
import { didYouMean } from "../nearest.js";
import { askSlurm, readSlurm } from "./ask-slurm.js";
import { gresCounts } from "./gres.js";
import type { SlurmOptions } from "./slurm-options.js";
import { secondsOf } from "./slurm-time.js";

/** A node of a cluster in one of its partitions. */
export interface SlurmNode {
  readonly name: string;
  /** What the host calls itself. */
  readonly host: string;
  readonly partition: string;
  readonly cpus: number;
  /** Megabytes. */
  readonly memory: number;
  /** Such as `gpu:a100:4`; empty if it has none. */
  readonly gres: string;
}

/** A partition of a cluster; times in seconds, null without limit. */
export interface SlurmPartition {
  readonly name: string;
  readonly isDefault: boolean;
  readonly isUp: boolean;
  readonly longest: number | null;
  /** The limit of a job that names none. */
  readonly usual: number | null;
}

/** What this cluster offers to jobs with the options that were asked for. */
export interface SlurmCluster {
  readonly partitions: readonly SlurmPartition[];
  /** The nodes where the jobs may run. */
  readonly nodes: readonly SlurmNode[];
  /** The limit that the jobs will have, in seconds; null if they have none. */
  readonly limitSeconds: number | null;
  /** How many jobs an array may have. */
  readonly arraySize: number;
}

/**
 * Looks whether Slurm is there and has what the jobs ask for.
 *
 * @throws {InputError} without Slurm on this machine; naming the option that it does not have, and what it has; {@link WorkError} if its
 * controller does not answer.
 */
export async function requireSlurm(options: SlurmOptions): Promise<SlurmCluster> {
  // The program itself is missed before the controller.
  await readSlurm("sbatch", "--version");
  await requireNames(options);
  const partitions = readPartitions(await readSlurm("scontrol", "show", "partition", "--oneliner"));
  const chosen = choosePartitions(partitions, options.partition);
  const longest = chosen.some(({ longest }) => longest === null)
    ? null
    : Math.max(...chosen.map(({ longest }) => longest ?? 0));
  if (options.timeSeconds !== null && longest !== null && options.timeSeconds > longest)
    throw new InputError(`--time ${options.time ?? ""} is longer than the partition allows`, {
      expected: `at most ${Math.floor(longest / 60)} minutes in ${namesOf(chosen)}`,
      found: `${options.timeSeconds / 60} minutes`,
      fix: "a shorter --time (jobs go on by themselves in another try), or another --partition",
    });
  const nodes = (await readNodes()).filter(({ partition }) => chosen.some(({ name }) => name === partition));
  requireResources(options, nodes, namesOf(chosen));
  const limits = chosen.map(({ usual }) => usual).filter((usual) => usual !== null);
  return {
    ...{ partitions, nodes },
    limitSeconds: options.timeSeconds ?? (limits.length === 0 ? null : Math.min(...limits)),
    arraySize: arraySizeIn(await readSlurm("scontrol", "show", "config")),
  };
}

/**
 * The host names of the nodes of a partition, or of several with commas, or of the default one.
 *
 * @throws as {@link requireSlurm}.
 */
export async function nodesOf(partition: string | null): Promise<string[]> {
  const partitions = readPartitions(await readSlurm("scontrol", "show", "partition", "--oneliner"));
  const names = choosePartitions(partitions, partition).map(({ name }) => name);
  const nodes = (await readNodes()).filter((node) => names.includes(node.partition));
  return [...new Set(nodes.map(({ host }) => host))];
}

/** Reads `scontrol show partition --oneliner`. */
export function readPartitions(text: string): SlurmPartition[] {
  return text.split("\n").flatMap((line) => {
    const field = (key: string): string => new RegExp(`(?:^|\\s)${key}=(\\S*)`).exec(line)?.[1] ?? "";
    const name = field("PartitionName");
    if (name === "") return [];
    const longest = secondsOf(field("MaxTime"));
    return [
      {
        ...{ name, longest },
        isDefault: field("Default") === "YES",
        isUp: field("State") === "UP",
        usual: secondsOf(field("DefaultTime")) ?? longest,
      },
    ];
  });
}

async function readNodes(): Promise<SlurmNode[]> {
  return parseNodes(await readSlurm("sinfo", "--noheader", "--Node", "--format=%N|%n|%R|%c|%m|%G"));
}

/** Reads what `sinfo` says of nodes in the format `%N|%n|%R|%c|%m|%G`. */
export function parseNodes(text: string): SlurmNode[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", host = "", partition = "", cpus, memory, gres = ""] = line.trim().split("|");
    if (name === "" || partition === "") return [];
    // A "+" behind a number says that some have more.
    const [count, megabytes] = [Number.parseInt(cpus ?? "", 10), Number.parseInt(memory ?? "", 10)];
    return [
      {
        name,
        host,
        partition,
        cpus: count || 0,
        memory: megabytes || 0,
        gres: gres === "(null)" ? "" : gres,
      },
    ];
  });
}

function arraySizeIn(config: string): number {
  const [, size] = /^MaxArraySize\s*=\s*(\d+)/m.exec(config) ?? [];
  // The largest index is one less.
  return Math.max(1, Number(size ?? "1001") - 1);
}

function choosePartitions(all: readonly SlurmPartition[], wanted: string | null): SlurmPartition[] {
  const names = all.map(({ name }) => name);
  if (wanted === null) {
    const usual = all.filter(({ isDefault }) => isDefault);
    if (usual.length > 0) return usual;
    throw new InputError("this cluster has no default partition", {
      expected: `--partition with one of ${names.join(", ")}`,
      found: "none",
    });
  }
  return wanted.split(",").map((name) => {
    const found = all.find((partition) => partition.name === name);
    if (found?.isUp === true) return found;
    throw new InputError(
      found
        ? `the partition ${name} takes no jobs`
        : `there is no partition ${name}${didYouMean(name, names)}`,
      {
        expected: `one of ${all
          .filter(({ isUp }) => isUp)
          .map(({ name }) => name)
          .join(", ")}`,
        found: name,
        fix: "sinfo lists the partitions that this user sees",
      },
    );
  });
}

function namesOf(partitions: readonly SlurmPartition[]): string {
  return partitions.map(({ name }) => name).join(", ");
}

/** Refuses what no single node has; what only is in use now, jobs wait for. */
function requireResources(options: SlurmOptions, nodes: readonly SlurmNode[], partitions: string): void {
  const { cpus, gres, mem } = options;
  const most = (numbers: number[]): number => Math.max(0, ...numbers);
  const cpusThere = most(nodes.map((node) => node.cpus));
  if (cpus !== null && cpus > cpusThere)
    throw new InputError(`no node has ${cpus} processors for --cpus`, {
      expected: `at most ${cpusThere}, as the largest node of ${partitions}`,
      found: String(cpus),
    });
  const memoryThere = most(nodes.map(({ memory }) => memory));
  if (mem !== null && megabytesOf(mem) > memoryThere)
    throw new InputError(`no node has the memory for --mem ${mem}`, {
      expected: `at most ${memoryThere}M, as the largest node of ${partitions}`,
      found: mem,
    });
  if (gres === null) return;
  const there = [...new Set(nodes.map((node) => node.gres).filter((text) => text !== ""))];
  for (const [name, count] of gresCounts(gres)) {
    if (there.some((text) => (gresCounts(text).get(name) ?? 0) >= count)) continue;
    throw new InputError(`no node has what --gres ${gres} asks for`, {
      expected:
        there.length === 0 ? `none: the nodes of ${partitions} have no such resources` : there.join("; "),
      found: gres,
      fix: "ask for what a node of the partition has, or name another --partition (sinfo -o '%P %G' lists all)",
    });
  }
}

function megabytesOf(mem: string): number {
  const [, number = "", unit = "M"] = /^(\d+)([KMGT]?)$/i.exec(mem) ?? [];
  const scale = { K: 1 / 1024, M: 1, G: 1024, T: 1024 ** 2 }[unit.toUpperCase() || "M"] ?? 1;
  return Number(number) * scale;
}

/** Refuses options that this cluster's sbatch does not have. */
async function requireNames({ extra }: SlurmOptions): Promise<void> {
  if (extra.length === 0) return;
  const help = await askSlurm("sbatch", ["--help"]);
  const known = [...new Set([...help.out.matchAll(/--([a-z][a-z0-9-]*)/g)].map(([, name = ""]) => name))];
  // Without its list sbatch itself refuses.
  if (known.length === 0) return;
  for (const [name] of extra)
    if (!known.includes(name))
      throw new InputError(`sbatch has no option --${name}${didYouMean(name, known)}`, {
        expected: "an option that sbatch --help lists",
        found: name,
      });
}
