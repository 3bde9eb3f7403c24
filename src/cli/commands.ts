import type { CommandModule } from "yargs";
import { dataCommand } from "./data.js";
import { demoCommand } from "./demo.js";
import { doctorCommand } from "./doctor.js";
import { evaluateCommand } from "./evaluate.js";
import { exportCommand } from "./export.js";
import { teacherCommand } from "./teacher.js";
import { trainCommand } from "./train.js";

/** Every command, one file each; what a command needs is loaded when it runs. */
export const commands: CommandModule[] = [
  demoCommand,
  dataCommand,
  teacherCommand,
  trainCommand,
  evaluateCommand,
  exportCommand,
  doctorCommand,
];
