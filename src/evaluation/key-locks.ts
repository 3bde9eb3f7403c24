import { existsSync } from "node:fs";
import type { AttackId } from "../attacks/attacks.js";
import { WorkError } from "../errors.js";
import { type HeldLock, tryLock, waitForLock } from "../files/lock.js";
import type { MeasurementKeys } from "./kept.js";
import { isFinished } from "./record.js";
import type { MeasurementStore } from "./store.js";

/** The right to measure what a store does not know yet; null stands for the clean pass. */
export interface KeyLocks {
  /** Lets others have what is measured by now. */
  release(attack: AttackId | null): void;
  releaseAll(): void;
}

/**
 * Makes this process the only one that measures those of the keys which the store does not know. What another process is measuring is
 * waited for: then it is known, and measured once.
 *
 * @param needs Whether an attack is measured here and kept, given whether it is known.
 * @param say Called with messages for the user.
 * @param whileWaiting Called now and then while another process is waited for; what it throws ends the waiting.
 * @throws {WorkError} if the store's folder cannot be written, or its file system has no locks.
 */
export async function holdKeys(
  store: MeasurementStore,
  keys: MeasurementKeys,
  classes: number,
  needs: (attack: AttackId | null, isKnown: boolean) => boolean,
  say: (text: string) => void,
  whileWaiting?: () => void,
): Promise<KeyLocks> {
  const held = new Map<AttackId | null, HeldLock>();
  const releaseAll = (): void => {
    for (const lock of held.values()) lock.release();
    held.clear();
  };
  const all = [[null, keys.clean] as const, ...keys.attacks].map(([attack, key]) => ({
    ...{ attack, key },
    path: `${store.pathOf(key)}.lock`,
  }));
  try {
    // All processes in one order: none waits for another that waits for it.
    for (const { attack, key, path } of all.sort((one, other) => (one.path < other.path ? -1 : 1))) {
      const record = store.read(key, classes);
      const isKnown = record !== null && typeof record !== "string" && isFinished(key, record);
      if (needs(attack, isKnown))
        held.set(
          attack,
          await waitForLock(
            path,
            (holder) =>
              say(`waiting for another mtard that measures ${attack ?? "the clean images"} (${holder})`),
            whileWaiting,
          ),
        );
      else if (existsSync(path)) removeAbandoned(path);
    }
  } catch (error) {
    releaseAll();
    throw error;
  }
  return {
    release(attack) {
      held.get(attack)?.release();
      held.delete(attack);
    },
    releaseAll,
  };
}

/** Removes the lock of a process that was killed when its work was done. What is known is read all the same where this cannot be. */
function removeAbandoned(path: string): void {
  try {
    const lock = tryLock(path);
    if (typeof lock !== "string") lock.release();
  } catch (error) {
    if (!(error instanceof WorkError)) throw error;
  }
}
