import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const path = `${process.env["PATH"] ?? ""}${delimiter}/usr/sbin${delimiter}/sbin`;
const scripts = resolve(import.meta.dirname, "../../scripts/slurm");

/** Whether Slurm's programs are installed, of which a cluster on this machine is made. */
export const hasSlurm = ["munged", "slurmctld", "slurmd", "sbatch"].every((program) =>
  path.split(delimiter).some((folder) => existsSync(join(folder, program))),
);

/** Whether this process may make namespaces, in which nodes have host names and disks of their own. */
export const hasNamespaces = ((): boolean => {
  try {
    execFileSync("unshare", ["--uts", "--mount", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** A cluster on this machine, which this process talks to. */
export interface LocalCluster {
  readonly folder: string;
  /** Starts what does not run. */
  start(): void;
  /** Ends a daemon: `slurmctld`, `slurmd-node1`. @param signal KILL is a crash, after which a controller has forgotten its last seconds. */
  end(daemon: string, signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Runs a program of Slurm, or one that needs the cluster's settings. */
  call(program: string, ...args: readonly string[]): string;
  stop(): void;
}

/** Whether a process works: one that ended stays listed until somebody asks how, which in a container may be nobody. */
function isAlive(id: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${id}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** Starts a cluster with two nodes of four processors. @param environment What start-local.sh reads: UNSHARED. */
export function startCluster(environment: Readonly<Record<string, string>> = {}): LocalCluster {
  const folder = mkdtempSync(join(tmpdir(), "mtard-slurm-"));
  const before = process.env["SLURM_CONF"];
  const env = (): NodeJS.ProcessEnv => ({ ...process.env, PATH: path, CPUS: "4", ...environment });
  const run = (program: string, ...args: readonly string[]): string =>
    execFileSync(program, args, { encoding: "utf8", env: env(), timeout: 60_000 });
  const start = (): void => void run(join(scripts, "start-local.sh"), folder);
  start();
  process.env["SLURM_CONF"] = join(folder, "slurm.conf");
  return {
    folder,
    start,
    async end(daemon, signal) {
      const id = Number(readFileSync(join(folder, `${daemon}.pid`), "utf8"));
      process.kill(id, signal);
      while (isAlive(id)) await wait(50);
    },
    call: run,
    stop() {
      run(join(scripts, "stop-local.sh"), folder);
      if (before === undefined) delete process.env["SLURM_CONF"];
      else process.env["SLURM_CONF"] = before;
      rmSync(folder, { recursive: true });
    },
  };
}
