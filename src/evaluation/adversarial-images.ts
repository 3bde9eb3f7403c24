import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { AttackId } from "../attacks/attacks.js";
import { InputError } from "../errors.js";
import { type AdversarialFile, hasAdversarialImages, openAdversarialFile } from "./adversarial-file.js";
import type { MeasuredImages } from "./images.js";
import type { Kept, KeptUse, MeasurementKeys } from "./kept.js";
import type { MeasurementKey } from "./key.js";
import type { MeasurementStore } from "./store.js";

/** The adversarial images of a measurement: one file for each attack, if they are wanted. */
export interface AdversarialImages {
  readonly files: ReadonlyMap<AttackId, AdversarialFile>;
  close(): void;
  /** Removes the files. */
  remove(): void;
}

/**
 * Opens the files of the adversarial images, which stand beside the records. A file belongs to the record that names it, and only the
 * call that made it or goes on with it writes to it; an attack without such a file starts anew.
 *
 * @throws {InputError} if an unfinished attack lacks its images and `kept` is `require`; then nothing was touched.
 */
export function openAdversarialImages(
  store: MeasurementStore | null,
  { attacks }: MeasurementKeys,
  data: MeasuredImages,
  { adversarial, kept: use }: { adversarial?: string | undefined; kept?: KeptUse | undefined },
  kept: Kept,
  say: (text: string) => void,
): AdversarialImages {
  const wanted = adversarial !== undefined;
  const files = new Map<AttackId, AdversarialFile>();
  const close = (): void => {
    for (const file of files.values()) file.close();
  };
  if (!store) {
    if (wanted) throw new Error("adversarial images are kept beside a store's records");
    return { files, close, remove: () => undefined };
  }

  const isThere = new Map(
    [...attacks].map(([id, key]) => {
      const named = kept.state.attacks[id] && kept.images.get(id);
      return [id, named !== undefined && hasAdversarialImages(pathOf(store, key, named), data)];
    }),
  );
  for (const [id, key] of wanted && use === "require" ? attacks : [])
    if (kept.state.attacks[id] && !kept.isOver(id) && !isThere.get(id)) throw withoutImages(id, store, key);
  try {
    for (const [id, key] of attacks) {
      const resumed = isThere.get(id) === true;
      if (wanted && !resumed) {
        if (kept.state.attacks[id]) say(`${id} is known, but not its adversarial images: they are made`);
        kept.forget(id);
        kept.images.set(id, randomBytes(8).toString("hex"));
      }
      // What is found from here on would be missing in the file.
      if (!wanted && !kept.isOver(id)) kept.images.delete(id);
      const named = kept.images.get(id);
      removeOthers(store, key, named);
      if (wanted && named !== undefined)
        files.set(id, openAdversarialFile(pathOf(store, key, named), data, resumed));
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    files,
    close,
    remove() {
      for (const key of attacks.values()) removeOthers(store, key, undefined);
    },
  };
}

function pathOf(store: MeasurementStore, key: MeasurementKey, named: string): string {
  return `${store.pathOf(key)}.${named}.images`;
}

/** Removes the files of a key's images but one; a process that still writes to one of them keeps its own to the end. */
function removeOthers(store: MeasurementStore, key: MeasurementKey, named: string | undefined): void {
  const start = `${basename(store.pathOf(key))}.`;
  const names = existsSync(store.folder) ? readdirSync(store.folder) : [];
  for (const name of names)
    if (name.startsWith(start) && name.endsWith(".images") && name !== `${start}${named}.images`)
      rmSync(join(store.folder, name), { force: true });
}

function withoutImages(attack: AttackId, store: MeasurementStore, key: MeasurementKey): InputError {
  return new InputError(`the adversarial images of the unfinished ${attack} are not all there`, {
    expected: `${store.pathOf(key)} and the file of images that it names`,
    found: "none, or not all of them",
    fix: "leave --resume out to start it anew",
  });
}
