import { isBuiltIn } from "../data/datasets.js";
import { methods, requireMethodId } from "../methods/methods.js";
import { teacherRolesOf } from "../methods/method.js";
import { teachersFor } from "../teacher/store.js";
import { recipe } from "./recipes.js";
import type { TrainingSettings } from "./settings.js";
import { isPapersTeacher, paperTeacher } from "./teachers.js";

/**
 * What makes a run's numbers other than its recipe's, beyond the settings' own names, one sentence each: another batch size, and a teacher
 * of the store that is not the paper's.
 */
export function departuresOf(settings: TrainingSettings, teachersDir: string): string[] {
  const { dataset, method, batchSize } = settings;
  const usual = recipe(settings).batchSize;
  const size =
    batchSize === usual
      ? []
      : [
          `batches of ${batchSize}, where the recipe has ${usual}: its rates are for those, and results change, in a public report on ARD by several points`,
        ];
  return [...size, ...(isBuiltIn(dataset) ? teachersBesides(settings, method, teachersDir) : [])];
}

function teachersBesides(settings: TrainingSettings, method: string, teachersDir: string): string[] {
  const there = teachersFor(settings.dataset, teachersDir);
  return teacherRolesOf(methods[requireMethodId(method)]).flatMap((role) => {
    const paper = paperTeacher(settings.dataset, role, "first");
    const used = there.find(({ name }) => name === settings[`${role}Teacher`]);
    if (!paper || !used || isPapersTeacher(used, paper)) return [];
    return [`the ${role} teacher ${used.name} is not the paper's, which is ${paper.name} (${paper.network})`];
  });
}
