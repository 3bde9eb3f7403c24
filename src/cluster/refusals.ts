import { InputError, oneLine, WorkError } from "../errors.js";
import { askSlurm } from "./ask-slurm.js";
import type { SlurmOptions } from "./slurm-options.js";

/**
 * The error for jobs that sbatch refuses, by what it says of them.
 *
 * @param said Its message in one line.
 */
export async function refusalOf(said: string, options: SlurmOptions): Promise<InputError | WorkError> {
  const { partition, account, gres } = options;
  if (/invalid account|account.*not (exist|permitted)|account\/partition combination/i.test(said))
    return new InputError(
      account === null
        ? "Slurm wants an account for these jobs"
        : `Slurm does not take the account ${account}`,
      {
        expected: `--account with ${await accountsHere()}`,
        found: said,
        fix: "sacctmgr show associations user=$USER lists the accounts of this user",
      },
    );
  if (/partition/i.test(said))
    return new InputError(`Slurm does not take jobs for ${partition ?? "the default partition"}`, {
      expected: "a --partition that sinfo lists and this account may use",
      found: said,
    });
  if (/generic resource|gres/i.test(said))
    return new InputError(`Slurm does not know the resources of --gres ${gres ?? ""}`, {
      expected: "what sinfo -o '%P %G' lists",
      found: said,
    });
  if (/qos/i.test(said) && !/limit|policy/i.test(said))
    return new InputError("Slurm does not take the quality of service of these jobs", {
      expected: "--sbatch qos=NAME with one that sacctmgr show qos lists and this account may use",
      found: said,
    });
  if (/limit|policy/i.test(said))
    return new WorkError("Slurm does not take so many or so large jobs of this user", {
      found: said,
      fix: "wait until others are done and run the same command, or ask for less (--time, --cpus, --mem)",
    });
  if (/node configuration|satisfied|node count/i.test(said))
    return new InputError("no node of the cluster can run these jobs", {
      expected: "--cpus, --mem, --gres and --sbatch that one node has (sinfo -N -o '%N %P %c %m %G')",
      found: said,
    });
  if (/option|specification|argument/i.test(said))
    return new InputError("sbatch does not understand its options", {
      found: said,
      fix: "look at --sbatch; sbatch --help lists them",
    });
  return new WorkError("Slurm did not take the jobs", { found: said === "" ? "no message" : said });
}

async function accountsHere(): Promise<string> {
  const format = ["--noheader", "--parsable2", "format=account"];
  const user = process.env["USER"] ?? process.env["LOGNAME"] ?? "";
  try {
    const answer = await askSlurm("sacctmgr", ["show", "associations", `user=${user}`, ...format], 0);
    const names = [...new Set(answer.out.split("\n").filter((name) => name !== ""))];
    if (answer.code === 0 && names.length > 0) return `one of ${oneLine(names.join(", "))}`;
  } catch {
    // Without it there is only what sbatch said.
  }
  return "an account of this user";
}
