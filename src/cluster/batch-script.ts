import { oneLine } from "../errors.js";

/** One job of an array, as its script needs it. */
export interface ScriptTask {
  /** Its place in the array. */
  readonly index: number;
  readonly name: string;
  /** The worker's program and its arguments. */
  readonly argv: readonly string[];
  /** A file that the worker reads: a node without it does not share the folder. */
  readonly jobFile: string;
  /** A file where the worker writes JSON with a number "share", which changes as it gets on; null if it writes none. */
  readonly status: string | null;
}

/** What a batch script is made of. */
export interface BatchScript {
  /** The options of sbatch, by their long names; null for one without a value. */
  readonly options: readonly (readonly [name: string, value: string | null])[];
  readonly tasks: readonly ScriptTask[];
  /** The folder, seen by all nodes, where it counts tries. */
  readonly folder: string;
  /** How many tries without progress in between end a job. */
  readonly tries: number;
  /** Seconds in which a shared disk may be late to show a new file. */
  readonly patience: number;
}

/** Exit codes of a batch script beside its worker's: see {@link reasonOfExit}. */
export const exits = { noFolder: 66, noProgress: 69, stopped: 75, killed: 137 } as const;

/**
 * The text of a batch script for bash that does each job of an array: it starts the job's worker, tells it with TERM to save before the time
 * limit (USR1), and then has Slurm queue the job again. After a TERM (scancel, a preemption, a lost node) it leaves that to Slurm.
 */
export function batchScript({ options, tasks, folder, tries, patience }: BatchScript): string {
  return [
    "#!/bin/bash",
    ...options.map(([name, value]) => `#SBATCH --${name}${value === null ? "" : `=${sbatchValue(value)}`}`),
    "",
    "# mtard wrote this. Each job of the array has its worker:",
    'case "${SLURM_ARRAY_TASK_ID-}" in',
    ...tasks.map(
      ({ index, name, argv, jobFile, status }) =>
        `${index})\n` +
        `  name=${bashWord(oneLine(name))} job=${bashWord(jobFile)} status=${bashWord(status ?? "")}\n` +
        `  worker=(${argv.map(bashWord).join(" ")})\n  ;;`,
    ),
    "*) printf 'mtard: this script is for an array of jobs: sbatch it\\n' >&2; exit 64 ;;",
    "esac",
    `patience=${patience} tries=${tries} counter=${bashWord(folder)}/"$SLURM_ARRAY_TASK_ID".tries`,
    BODY,
  ].join("\n");
}

/** What every script does; in bash, as nodes have nothing else for sure. */
const BODY = String.raw`
host="$(hostname)"
me="\${SLURM_ARRAY_JOB_ID-}_$SLURM_ARRAY_TASK_ID"
say() { printf 'mtard: %s\n' "$1" >&2; }

# A shared disk may show a new file some seconds late.
for ((waited = 0; waited < patience; waited++)); do
  [[ ! -r "$job" ]] || break
  sleep 1
done
if [[ ! -r "$job" ]]; then
  say "$host cannot read $job: the folder \${job%/*} is not on a disk that this node shares with the host that queued the job"
  exit 66
fi

# How often it was begun since it last got on.
share() { [[ -z "$status" ]] || sed -n 's/.*"share": *\([-+.0-9eE]*\).*/\1/p' "$status" 2>/dev/null | tail -n 1; }
read -r begun before 2>/dev/null <"$counter"
[[ "\${begun-}" =~ ^[0-9]{1,6}$ ]] || begun=0
now="$(share)"
[[ "$now" == "\${before-}" ]] || begun=0
if ((begun >= tries)); then
  say "$name: given up after $begun tries that made no progress"
  exit 69
fi
counted=1
{ printf '%s %s\n' "$((begun + 1))" "$now" >"$counter"; } 2>/dev/null || counted=0

limit=0 ended=0 heard=0 id=
# The limit is near: the worker saves.
trap 'heard=1; if ((!limit)); then limit=1; say "$name: the time limit is near, saving"; [[ -z "$id" ]] || kill -TERM "$id" 2>/dev/null; fi' USR1
# Slurm gives TERM to every process of a job, the worker too, and a second one would end it without saving.
trap 'heard=1 ended=1' TERM
say "$name: job $me on $host, try $((\${SLURM_RESTART_COUNT:-0} + 1))"
"\${worker[@]}" &
id=$!
((!limit)) || kill -TERM "$id" 2>/dev/null
code=127
while :; do
  heard=0
  wait "$id"
  waited=$?
  # 127: it was waited for already.
  ((waited == 127 && code != 127)) || code=$waited
  ((heard)) || break
done

((code != 0)) || rm -f "$counter"
((code != 137)) || say "$name: the worker was killed, as for too little memory"
# Saved before the limit, or killed alone: once more. What ended the whole job has Slurm queue it again, or is meant.
if ((!ended && code != 0)) && { ((limit && (code == 75 || code > 128))) || ((code == 137)); }; then
  if ((!counted)); then
    say "$name: not queued again, as $counter cannot be written"
  elif ((begun + 1 >= tries)) && [[ "$(share)" == "$now" ]]; then
    say "$name: given up after $((begun + 1)) tries that made no progress"
    code=69
  else
    for pause in 0 2 5 10 20; do
      sleep "$pause"
      ((!ended)) || break
      if scontrol requeue "$me"; then
        say "$name: queued again"
        # Slurm ends this script now, or did so already; this is a sleep that ends with it.
        trap - TERM
        ((ended)) || read -rt 60 _ <> <(:)
        break
      fi
    done
  fi
fi
exit "$code"
`.replaceAll("\\${", "${");

/** A value of an option in a line `#SBATCH`. */
function sbatchValue(value: string): string {
  return /^[\w@%+=:,./()[\]*&|!-]+$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** A word of bash that is the text itself, whatever it holds. */
function bashWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
