import { arrayOf } from "./array-ids.js";

/** What is to be grouped: a task, and the jobs of Slurm that it waits for. */
export interface Waiting {
  /** Ids of Slurm's jobs that must be done before, each once. */
  readonly needs: readonly string[];
}

/** Tasks that become one array. */
export interface TaskGroup<Task> {
  readonly tasks: readonly { readonly task: Task; readonly index: number }[];
  /** What `--dependency` says of all of them; null if they wait for nothing. */
  readonly dependency: string | null;
}

/**
 * Chooses those of the tasks that can become one array together: those that wait for nothing; else those that each wait for another job of one
 * array, with the index of that job (`aftercorr`); else those that wait for the same jobs (`afterok`).
 *
 * @param most How many tasks an array may have.
 * @returns Null if there are no tasks.
 */
export function nextGroup<Task extends Waiting>(
  tasks: readonly Task[],
  most: number,
): TaskGroup<Task> | null {
  const free = tasks.filter(({ needs }) => needs.length === 0);
  if (free.length > 0) return numbered(free.slice(0, most), null);
  const single = tasks.find(({ needs }) => needs.length === 1 && needs[0]?.includes("_") === true);
  if (single) return aligned(tasks, arrayOf(single.needs[0] ?? ""), most);
  const [first] = tasks;
  if (!first) return null;
  const key = keyOf(first);
  return numbered(tasks.filter((task) => keyOf(task) === key).slice(0, most), `afterok:${key}`);
}

function aligned<Task extends Waiting>(tasks: readonly Task[], array: string, most: number): TaskGroup<Task> {
  const byIndex = new Map<number, Task>();
  for (const task of tasks) {
    const [need = ""] = task.needs;
    const index = Number(need.slice(array.length + 1));
    if (task.needs.length === 1 && need.startsWith(`${array}_`) && !byIndex.has(index) && byIndex.size < most)
      byIndex.set(index, task);
  }
  const inOrder = [...byIndex].sort(([left], [right]) => left - right);
  return { tasks: inOrder.map(([index, task]) => ({ task, index })), dependency: `aftercorr:${array}` };
}

function numbered<Task>(tasks: readonly Task[], dependency: string | null): TaskGroup<Task> {
  return { tasks: tasks.map((task, index) => ({ task, index })), dependency };
}

function keyOf({ needs }: Waiting): string {
  return [...needs].sort().join(":");
}
