import type { Argv, CommandModule } from "yargs";
import type { GlobalArguments } from "./output.js";
import { checkOptions, runCheck } from "./teacher-check.js";
import { fetchOptions, runFetch } from "./teacher-fetch.js";
import { importOptions, runImport } from "./teacher-import.js";
import { listOptions, runList } from "./teacher-list.js";
import { runShow, showOptions } from "./teacher-show.js";

/** How each action is called. */
export const teacherUsages = {
  fetch: "fetch <name>",
  import: "import",
  list: "list",
  show: "show <name>",
  check: "check <name>",
} as const;

/** `mtard teacher fetch | import | list | show | check`. */
export const teacherCommand: CommandModule = {
  command: "teacher",
  describe: "fetch, bring in, list, show and check teachers",
  builder: (yargs) =>
    (yargs as Argv<GlobalArguments>)
      .command(teacherUsages.fetch, "bring in a teacher of the paper", fetchOptions, runFetch)
      .command(
        teacherUsages.import,
        "bring in an ONNX classifier or PyTorch weights",
        importOptions,
        runImport,
      )
      .command(teacherUsages.list, "every teacher that is here, or could be", listOptions, runList)
      .command(teacherUsages.show, "what is known of one teacher", showOptions, runShow)
      .command(teacherUsages.check, "measure a teacher's clean and robust accuracy", checkOptions, runCheck)
      .demandCommand(1, `name what to do: ${Object.keys(teacherUsages).join(", ")}`),
  handler: () => undefined,
};
