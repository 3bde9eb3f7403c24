import { existsSync, readdirSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../errors.js";

/** The small files of an archive, or of the folder it was unpacked to, by their paths within it. */
export interface SourceFiles {
  readonly names: readonly string[];
  /** @throws {InputError} if the file is missing, damaged or too large. */
  read(name: string): Promise<Uint8Array>;
  readonly close: () => void;
}

/**
 * Opens the files of an unpacked archive, from `inner` within `folder` or else from `folder` itself.
 *
 * @param landmark A file that must be there, so that an unrelated folder is not walked through.
 * @param wanted Selects the files by name.
 * @throws {InputError} if the landmark is missing.
 */
export function openFolder(
  folder: string,
  inner: string,
  landmark: string,
  wanted: (name: string) => boolean,
  mostBytes: number,
): SourceFiles {
  const root = existsSync(join(folder, inner)) ? join(folder, inner) : folder;
  if (!existsSync(join(root, landmark)))
    throw new InputError(`${root} is not the data set's folder: it lacks ${landmark}`, {
      fix: "give the archive itself, or the folder it was unpacked to",
    });
  return {
    names: readdirSync(root, { recursive: true, encoding: "utf8" }).filter(wanted),
    async read(name) {
      const path = join(root, name);
      try {
        const { size } = await stat(path);
        if (size > mostBytes)
          throw new Error(`it is ${size} bytes long, and at most ${mostBytes} are expected`);
        return await readFile(path);
      } catch (cause) {
        throw new InputError(`${path} cannot be read`, {
          found: cause instanceof Error ? cause.message : String(cause),
          fix: "unpack the archive again",
          cause,
        });
      }
    },
    close: () => undefined,
  };
}
