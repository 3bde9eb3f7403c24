import type { Argv } from "yargs";
import type { GlobalArguments } from "./output.js";
import { usages, type CommandBody } from "./usages.js";

const { actions } = usages.teacher;

/** `mtard teacher fetch | import | list | show | check`; an action's file is loaded when it is called, as a command's is. */
export const teacherCommand: CommandBody = {
  builder: (yargs) =>
    (yargs as Argv<GlobalArguments>)
      .command(
        actions.fetch,
        "bring in a published teacher or student",
        async (of) => (await import("./teacher-fetch.js")).fetchOptions(of),
        async (args) => (await import("./teacher-fetch.js")).runFetch(args),
      )
      .command(
        actions.import,
        "bring in an ONNX classifier or PyTorch weights",
        async (of) => (await import("./teacher-import.js")).importOptions(of),
        async (args) => (await import("./teacher-import.js")).runImport(args),
      )
      .command(
        actions.list,
        "every teacher that is here, or could be",
        async (of) => (await import("./teacher-list.js")).listOptions(of),
        async (args) => (await import("./teacher-list.js")).runList(args),
      )
      .command(
        actions.show,
        "what is known of one teacher",
        async (of) => (await import("./teacher-show.js")).showOptions(of),
        async (args) => (await import("./teacher-show.js")).runShow(args),
      )
      .command(
        actions.check,
        "measure a teacher's clean and robust accuracy",
        async (of) => (await import("./teacher-check.js")).checkOptions(of),
        async (args) => (await import("./teacher-check.js")).runCheck(args),
      )
      .demandCommand(1, `name what to do: ${Object.keys(actions).join(", ")}`),
  handler: () => undefined,
};
