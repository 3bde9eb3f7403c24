import type { Argv } from "yargs";
import type { GlobalArguments } from "./output.js";
import { checkOptions, runCheck } from "./teacher-check.js";
import { fetchOptions, runFetch } from "./teacher-fetch.js";
import { importOptions, runImport } from "./teacher-import.js";
import { listOptions, runList } from "./teacher-list.js";
import { runShow, showOptions } from "./teacher-show.js";
import { usages, type CommandBody } from "./usages.js";

const { actions } = usages.teacher;

/** `mtard teacher fetch | import | list | show | check`. */
export const teacherCommand: CommandBody = {
  builder: (yargs) =>
    (yargs as Argv<GlobalArguments>)
      .command(actions.fetch, "bring in a published teacher or student", fetchOptions, runFetch)
      .command(actions.import, "bring in an ONNX classifier or PyTorch weights", importOptions, runImport)
      .command(actions.list, "every teacher that is here, or could be", listOptions, runList)
      .command(actions.show, "what is known of one teacher", showOptions, runShow)
      .command(actions.check, "measure a teacher's clean and robust accuracy", checkOptions, runCheck)
      .demandCommand(1, `name what to do: ${Object.keys(actions).join(", ")}`),
  handler: () => undefined,
};
