import type { CommandModule } from "yargs";

/** What a command's file holds: its options, and what it does. */
export type CommandBody = Pick<CommandModule, "builder" | "handler">;

/** How a command is called, as the list of commands shows it. */
export interface CommandUsage {
  readonly usage: string;
  readonly describe: string;
  /** How each of its actions is called, if it has any. */
  readonly actions?: Readonly<Record<string, string>>;
}

export type Usages = Readonly<Record<string, CommandUsage>>;

/** Every command, by its first word and in the order they are listed. */
export const usages = {
  setup: { usage: "setup", describe: "bring the engines mtard runs on, once for each user and machine" },
  demo: { usage: "demo", describe: "the whole job on built-in data and teachers, in minutes" },
  data: {
    usage: "data <dataset>",
    describe: "fetch a data set or take a local copy, verify it and pack it",
  },
  teacher: {
    usage: "teacher",
    describe: "fetch, bring in, list, show and check teachers",
    actions: {
      fetch: "fetch <model>",
      import: "import",
      list: "list",
      show: "show <name>",
      check: "check <name>",
    },
  },
  train: { usage: "train", describe: "train a student, with checkpoints, metrics and resume" },
  evaluate: {
    usage: "evaluate <model>",
    describe: "clean and robust accuracy of a run's student, a teacher or an ONNX file",
  },
  obfuscation: {
    usage: "obfuscation <model>",
    describe: "look for obfuscated gradients: the paper's four signs, with numbers and verdicts",
  },
  attack: {
    usage: "attack <model>",
    describe: "adversarial images of a model, as a picture: clean, adversarial, difference",
  },
  export: {
    usage: "export <run>",
    describe:
      "a run's student (or a teacher) to hand on: a folder with ONNX, a card and a page, or one format",
  },
  table: {
    usage: "table <number>",
    describe: "a table of the paper beside ours: trains and evaluates what is missing",
  },
  figure: {
    usage: "figure <number>",
    describe: "a figure of the paper from our runs: trains and evaluates what is missing",
  },
  study: {
    usage: "study <name>",
    describe: "methods under the same conditions over seeds, with what their differences are worth",
  },
  sweep: {
    usage: "sweep <name>",
    describe: "one method with many choices of its settings: a table, the best of them, and a picture",
  },
  jobs: {
    usage: "jobs [action] [jobs..]",
    describe: "what other processes do for a table, figure, study or sweep: list, cancel, run",
  },
  watch: {
    usage: "watch [folder]",
    describe: "a live page of all runs, jobs and measurements below a folder, on this machine alone",
  },
  report: {
    usage: "report <runs..>",
    describe: "a page about a run, or several compared: curves, accuracies, examples, in one HTML file",
  },
  leaderboard: {
    usage: "leaderboard [folder]",
    describe:
      "every measured model below a folder: a page that sorts and filters, tables, RobustBench's JSON",
  },
  networks: { usage: "networks", describe: "list the networks that can be a student or a teacher" },
  recipe: {
    usage: "recipe",
    describe: "list the paper's trainings and show every setting of one with its source",
    actions: { list: "list", show: "show" },
  },
  doctor: { usage: "doctor", describe: "say what runs on this machine and what to fix" },
} as const satisfies Usages;

export type CommandName = keyof typeof usages;
