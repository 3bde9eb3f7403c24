import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { type BatchScript, batchScript, type ScriptTask } from "#mtard/cluster/batch-script.js";

const top = mkdtempSync(join(tmpdir(), "mtard-batch-"));
afterAll(() => rmSync(top, { recursive: true }));
let folders = 0;

/** A script of bash in a folder of its own, which can be run; a stand-in for scontrol, which says what it was asked, ends the script. */
function place(script: string, slurmEnds = 'kill -TERM "$PPID"'): string {
  const folder = join(top, `a 'b' "c" ${++folders}`);
  mkdirSync(join(folder, "bin"), { recursive: true });
  const programs = {
    "bin/scontrol": `echo "$@" >"$FOLDER/asked"; ${slurmEnds}`,
    worker: script,
  };
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/bash\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  writeFileSync(join(folder, "job.json"), "{}");
  return folder;
}

const taskIn = (folder: string, changes: Partial<ScriptTask> = {}): ScriptTask => ({
  ...{
    index: 3,
    name: "b-mtard, seed 0",
    argv: [join(folder, "worker"), "one"],
    jobFile: join(folder, "job.json"),
  },
  status: join(folder, "status.json"),
  ...changes,
});

/** Begins the script of a job as Slurm does. */
function begin(folder: string, changes: Partial<BatchScript> = {}): ChildProcess {
  const script = batchScript({
    options: [],
    tasks: [taskIn(folder)],
    folder,
    tries: 3,
    patience: 0,
    ...changes,
  });
  writeFileSync(join(folder, "batch.sh"), script);
  return spawn("bash", [join(folder, "batch.sh")], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      ...{ SLURM_ARRAY_JOB_ID: "7", SLURM_ARRAY_TASK_ID: "3", FOLDER: folder },
      PATH: `${join(folder, "bin")}${delimiter}${process.env["PATH"] ?? ""}`,
    },
  });
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly said: string;
}

function ended(child: ChildProcess): Promise<Ended> {
  let said = "";
  for (const pipe of [child.stdout, child.stderr])
    pipe?.on("data", (text: Buffer) => (said += text.toString()));
  return new Promise((done) => child.once("close", (code, signal) => done({ code, signal, said })));
}

async function untilThere(path: string): Promise<void> {
  while (!existsSync(path)) await wait(20);
}

const textOf = (path: string): string => readFileSync(path, "utf8").trim();
const savesOnTerm =
  'trap \'echo >>"$FOLDER/saved"; exit 75\' TERM; echo $$ >"$FOLDER/ready.new"; mv "$FOLDER/ready.new" "$FOLDER/ready"; while :; do sleep 0.05; done';

describe("the text", () => {
  it("says options to sbatch in its own quotes", () => {
    const lines = batchScript({
      options: [
        ["requeue", null],
        ["array", "0-3,7%2"],
        ["output", '/a b/"c"/%%x/%a.log'],
      ],
      ...{ tasks: [], folder: "/f", tries: 5, patience: 30 },
    }).split("\n");
    expect(lines.slice(0, 4)).toEqual([
      "#!/bin/bash",
      "#SBATCH --requeue",
      "#SBATCH --array=0-3,7%2",
      '#SBATCH --output="/a b/\\"c\\"/%%x/%a.log"',
    ]);
  });

  it("gives a worker its arguments as they are", async () => {
    const folder = place('printf "%s\\0" "$@"');
    const odd = [
      "",
      "a b",
      "it's",
      '"$HOME"',
      "`id`",
      "$(id)",
      "back\\slash",
      "two\nlines",
      "é*?",
      "-n",
      "#!",
    ];
    const argv = [join(folder, "worker"), ...odd];
    const { code, said } = await ended(
      begin(folder, { tasks: [taskIn(folder, { argv, name: "$(id)\n`id`" })] }),
    );
    expect(code).toBe(0);
    expect(said.slice(said.indexOf("try 1\n") + 6)).toBe(odd.map((word) => `${word}\0`).join(""));
    expect(said).toContain("mtard: $(id) `id`: job 7_3 on ");
  });
});

describe("a job", () => {
  it("ends as its worker does, and counts no more", async () => {
    const folder = place('test -e "$FOLDER/3.tries"; echo "counted: $?"; exit "${2-0}"');
    const failing = [taskIn(folder, { argv: [join(folder, "worker"), "one", "3"] })];
    const failed = await ended(begin(folder, { tasks: failing }));
    expect(failed).toMatchObject({ code: 3, said: expect.stringContaining("counted: 0") as string });
    expect(await ended(begin(folder))).toMatchObject({ code: 0 });
    expect(existsSync(join(folder, "3.tries"))).toBe(false);
    expect(existsSync(join(folder, "asked"))).toBe(false);
  });

  it("of another index, or none, is no job of the script's", async () => {
    const folder = place("exit 0");
    const child = begin(folder, { tasks: [taskIn(folder, { index: 4 })] });
    expect(await ended(child)).toMatchObject({
      code: 64,
      said: expect.stringContaining("sbatch it") as string,
    });
  });

  it("says what node does not share which folder", async () => {
    const folder = place("exit 0");
    const { code, said } = await ended(
      begin(folder, { tasks: [taskIn(folder, { jobFile: "/nowhere/jobs/x.json" })] }),
    );
    expect(code).toBe(66);
    expect(said).toMatch(
      /^mtard: \S+ cannot read \/nowhere\/jobs\/x\.json: the folder \/nowhere\/jobs is not on a disk/,
    );
  });

  it("saves before the time limit, and is queued again", async () => {
    const folder = place(savesOnTerm, '(sleep 0.3; kill -TERM "$PPID") &');
    const child = begin(folder);
    const end = ended(child);
    await untilThere(join(folder, "ready"));
    child.kill("SIGUSR1");
    const { signal, said } = await end;
    expect(said).toMatch(/the time limit is near, saving\n/);
    expect(textOf(join(folder, "asked"))).toBe("requeue 7_3");
    // As Slurm ends it: by the signal.
    expect(signal).toBe("SIGTERM");
  });

  it("is told once, however often the signal comes", async () => {
    const folder = place(
      'trap \'echo told; n=1\' TERM; echo >"$FOLDER/ready"; until [ -e "$FOLDER/end" ]; do sleep 0.05; done; exit 0',
    );
    const child = begin(folder);
    const end = ended(child);
    await untilThere(join(folder, "ready"));
    for (let times = 0; times < 3; times++) {
      child.kill("SIGUSR1");
      await wait(200);
    }
    writeFileSync(join(folder, "end"), "");
    const { code, said } = await end;
    expect(code).toBe(0);
    expect(said.match(/told/g)).toHaveLength(1);
  });

  it("leaves it to Slurm to queue it again when Slurm ends it", async () => {
    const folder = place(savesOnTerm);
    const child = begin(folder);
    const end = ended(child);
    await untilThere(join(folder, "ready"));
    child.kill("SIGTERM");
    await wait(200);
    // Slurm gives the signal to the worker itself; here the script, which is not to hand on a second one, has not done so.
    expect(existsSync(join(folder, "saved"))).toBe(false);
    process.kill(Number(textOf(join(folder, "ready"))), "SIGTERM");
    expect(await end).toMatchObject({ code: 75 });
    expect(existsSync(join(folder, "asked"))).toBe(false);
  });

  it("whose worker alone is killed is queued again", async () => {
    const folder = place("kill -KILL $$");
    const { said } = await ended(begin(folder));
    expect(said).toContain("the worker was killed");
    expect(textOf(join(folder, "asked"))).toBe("requeue 7_3");
  });

  it("that was stopped by somebody else is not", async () => {
    const folder = place("exit 75");
    expect(await ended(begin(folder))).toMatchObject({ code: 75 });
    expect(existsSync(join(folder, "asked"))).toBe(false);
  });
});

describe("tries", () => {
  const killed =
    'echo >>"$FOLDER/begun"; [ -z "$SHARE" ] || echo "{\\"share\\":$SHARE}" >"$FOLDER/status.json"; kill -KILL $$';

  it("without progress have a bound", async () => {
    const folder = place(killed);
    await ended(begin(folder));
    await ended(begin(folder));
    rmSync(join(folder, "asked"));
    const third = await ended(begin(folder));
    expect(third).toMatchObject({
      code: 69,
      said: expect.stringContaining("given up after 3 tries") as string,
    });
    expect(existsSync(join(folder, "asked"))).toBe(false);
    // As after a node was lost, which nobody had heard of.
    expect(await ended(begin(folder))).toMatchObject({ code: 69 });
    expect(textOf(join(folder, "begun")).split("\n")).toHaveLength(1);
    expect(readFileSync(join(folder, "begun"), "utf8")).toBe("\n\n\n");
  });

  it("that get on have none", async () => {
    const folder = place(killed);
    for (let share = 1; share <= 7; share++) {
      process.env["SHARE"] = `0.${share}`;
      await ended(begin(folder));
      expect(textOf(join(folder, "asked"))).toBe("requeue 7_3");
      rmSync(join(folder, "asked"));
    }
    delete process.env["SHARE"];
    expect(textOf(join(folder, "3.tries"))).toBe("1 0.6");
  });

  it("that cannot be counted are not queued again", async () => {
    const folder = place(killed);
    const { code, said } = await ended(begin(folder, { folder: "/proc/nowhere" }));
    expect(code).toBe(137);
    expect(said).toContain("not queued again, as /proc/nowhere/3.tries cannot be written");
  });
});
