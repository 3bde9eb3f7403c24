import type { CommandModule } from "yargs";
import { attackCommand } from "./attack.js";
import { dataCommand } from "./data.js";
import { demoCommand } from "./demo.js";
import { doctorCommand } from "./doctor.js";
import { evaluateCommand } from "./evaluate.js";
import { exportCommand } from "./export.js";
import { figureCommand } from "./figure.js";
import { networksCommand } from "./networks.js";
import { recipeCommand, recipeUsages } from "./recipe.js";
import { reportCommand } from "./report.js";
import { tableCommand } from "./table.js";
import { teacherCommand, teacherUsages } from "./teacher.js";
import { trainCommand } from "./train.js";
import type { Usages } from "./usage-error.js";

/** Every command, one file each; what a command needs is loaded when it runs. */
export const commands: CommandModule[] = [
  demoCommand,
  dataCommand,
  teacherCommand,
  trainCommand,
  evaluateCommand,
  attackCommand,
  exportCommand,
  tableCommand,
  figureCommand,
  reportCommand,
  networksCommand,
  recipeCommand,
  doctorCommand,
];

/** How each of them is called. */
export const usages: Usages = {
  ...Object.fromEntries(
    commands.map(({ command }) => {
      const usage = String(command);
      return [usage.split(" ")[0] ?? usage, usage];
    }),
  ),
  teacher: teacherUsages,
  recipe: recipeUsages,
};
