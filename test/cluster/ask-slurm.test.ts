import { describe, expect, it } from "vitest";
import { askSlurm, readSlurm } from "#mtard/cluster/ask-slurm.js";
import { cancel } from "#mtard/cluster/cancel.js";
import { queueStates } from "#mtard/cluster/queue-states.js";
import { requireSlurm } from "#mtard/cluster/require-slurm.js";
import { readSlurmOptions } from "#mtard/cluster/slurm-options.js";
import { InputError, WorkError } from "#mtard/errors.js";
import { useFakeSlurm } from "./fake-slurm.js";

const slurm = useFakeSlurm();
const AWAY = 'echo "slurm_load_jobs error: Unable to contact slurm controller (connect failure)" >&2; exit 1';
const awayTwice = (then: string): string =>
  `n=$(grep -c . "$FOLDER/calls"); if [ "$n" -le 2 ]; then ${AWAY}; fi; ${then}`;

describe("a program of Slurm", () => {
  it("that is not there is missed", async () => {
    process.env["PATH"] = slurm.folder;
    await expect(requireSlurm(readSlurmOptions({}))).rejects.toThrow(InputError);
    await expect(requireSlurm(readSlurmOptions({}))).rejects.toThrow("there is no sbatch on this machine");
  });

  it("without a cluster says so", async () => {
    slurm.set({ sbatch: 'echo "sbatch: fatal: Could not establish a configuration source" >&2; exit 1' });
    await expect(readSlurm("sbatch", "--version")).rejects.toThrow("does not know its cluster");
  });

  it("is called again while the controller is away", async () => {
    slurm.set({ squeue: awayTwice("echo '7_0|RUNNING|n1|1:00|None'") });
    const states = await queueStates(["7_0"]);
    expect(states.get("7_0")).toEqual({ state: "running", why: "", node: "n1", secondsLeft: 60 });
    expect(slurm.calls()).toHaveLength(3);
  });

  it("is called once where patience is none", async () => {
    slurm.set({ sbatch: AWAY });
    expect((await askSlurm("sbatch", [], 0)).code).toBe(1);
    expect(slurm.calls()).toHaveLength(1);
  });

  it("that fails says in one harmless line why", async () => {
    slurm.set({ sinfo: 'printf "sinfo: error: bad\\033[31m thing\\nsinfo: fatal: worse\\n" >&2; exit 1' });
    const error = await readSlurm("sinfo").catch((error: unknown) => error);
    expect(error).toBeInstanceOf(WorkError);
    expect((error as WorkError).detail.found).toBe("bad?[31m thing; worse");
  });

  it("gets no formats that a person set for reading", async () => {
    process.env["SQUEUE_FORMAT"] = "%u";
    slurm.set({ squeue: 'echo "7_0|PENDING|$SQUEUE_FORMAT|$SLURM_BITSTR_LEN|None"' });
    try {
      expect((await askSlurm("squeue", [])).out).toBe("7_0|PENDING||0|None\n");
    } finally {
      delete process.env["SQUEUE_FORMAT"];
    }
  });
});

describe("states", () => {
  it("come from the controller, from accounts, or from nobody", async () => {
    slurm.set({
      squeue: 'echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1',
      scontrol:
        'case "$3" in 7) echo "JobId=8 ArrayJobId=7 ArrayTaskId=1 JobState=FAILED Reason=NonZeroExitCode ExitCode=66:0 NodeList=n2";; *) echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1;; esac',
      sacct: 'echo "9_4|OUT_OF_MEMORY|0:125|n3"',
    });
    const states = await queueStates(["7_1", "9_4", "11"]);
    expect([...states].map(([id, { state, node }]) => [id, state, node])).toEqual([
      ["7_1", "failed", "n2"],
      ["9_4", "failed", "n3"],
      ["11", "gone", null],
    ]);
    slurm.set({ sacct: 'echo "Slurm accounting storage is disabled" >&2; exit 1' });
    expect((await queueStates(["9_4"])).get("9_4")?.state).toBe("gone");
  });
});

describe("cancelling", () => {
  it("leaves alone what is over", async () => {
    slurm.set({
      scancel:
        'echo "scancel: error: Kill job error on job id 7_0: Job/step already completing or completed" >&2; echo "scancel: error: Kill job error on job id 8: Invalid job id specified" >&2; exit 1',
    });
    await cancel(["7_0", "8"]);
    expect(slurm.calls()).toEqual(["scancel 7_0 8"]);
    await cancel([]);
    expect(slurm.calls()).toHaveLength(1);
  });

  it("of another user's jobs fails", async () => {
    slurm.set({
      scancel: 'echo "scancel: error: Kill job error on job id 7: Access/permission denied" >&2; exit 1',
    });
    await expect(cancel(["7"])).rejects.toMatchObject({
      detail: { found: "Kill job error on job id 7: Access/permission denied" },
    });
  });

  it("takes nothing else than ids", async () => {
    slurm.set({ scancel: "" });
    await expect(cancel(["--user=root"])).rejects.toThrow("not the id of a job");
    expect(slurm.calls()).toEqual([]);
  });
});
