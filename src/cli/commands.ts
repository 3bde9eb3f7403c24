import type { CommandModule } from "yargs";

/** Every command, one file each; what a command needs is loaded when it runs. */
export const commands: CommandModule[] = [];
