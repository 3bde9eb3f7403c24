import type { CommandModule } from "yargs";
import { usages, type CommandBody, type CommandName } from "./usages.js";

/** A command's file is loaded when the command is called: `mtard --help` loads none. */
const bodies: Readonly<Record<CommandName, () => Promise<CommandBody>>> = {
  setup: async () => (await import("./setup.js")).setupCommand,
  demo: async () => (await import("./demo.js")).demoCommand,
  data: async () => (await import("./data.js")).dataCommand,
  teacher: async () => (await import("./teacher.js")).teacherCommand,
  train: async () => (await import("./train.js")).trainCommand,
  evaluate: async () => (await import("./evaluate.js")).evaluateCommand,
  obfuscation: async () => (await import("./obfuscation.js")).obfuscationCommand,
  attack: async () => (await import("./attack.js")).attackCommand,
  export: async () => (await import("./export.js")).exportCommand,
  table: async () => (await import("./table.js")).tableCommand,
  figure: async () => (await import("./figure.js")).figureCommand,
  study: async () => (await import("./study.js")).studyCommand,
  sweep: async () => (await import("./sweep.js")).sweepCommand,
  jobs: async () => (await import("./jobs.js")).jobsCommand,
  watch: async () => (await import("./watch.js")).watchCommand,
  report: async () => (await import("./report.js")).reportCommand,
  leaderboard: async () => (await import("./leaderboard.js")).leaderboardCommand,
  networks: async () => (await import("./networks.js")).networksCommand,
  recipe: async () => (await import("./recipe.js")).recipeCommand,
  doctor: async () => (await import("./doctor.js")).doctorCommand,
};

/** A command's options and what it does. */
export function commandBody(name: CommandName): Promise<CommandBody> {
  return bodies[name]();
}

/** Every command for yargs: those that the call names with their options, the others only to be listed. */
export function commandsFor(argv: readonly string[]): Promise<CommandModule[]> {
  return Promise.all(
    (Object.keys(usages) as CommandName[]).map(async (name): Promise<CommandModule> => {
      const { usage, describe } = usages[name];
      const body = argv.includes(name) ? await bodies[name]() : { handler: () => undefined };
      return { command: usage, describe, ...body };
    }),
  );
}
