import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach } from "vitest";

/** Stand-ins for Slurm's programs, each a script of sh; `$FOLDER` is theirs, and `calls` there has a line for each call. */
export interface FakeSlurm {
  readonly folder: string;
  set(programs: Readonly<Record<string, string>>): void;
  calls(): string[];
}

/** For every test of a file, a PATH that begins with a folder for stand-ins. */
export function useFakeSlurm(): FakeSlurm {
  const state = { folder: "" };
  const path = process.env["PATH"] ?? "";
  beforeEach(() => {
    state.folder = mkdtempSync(join(tmpdir(), "mtard-fake-slurm-"));
    mkdirSync(join(state.folder, "bin"));
    process.env["PATH"] = `${join(state.folder, "bin")}${delimiter}${path}`;
    process.env["FOLDER"] = state.folder;
  });
  afterEach(() => {
    process.env["PATH"] = path;
    delete process.env["FOLDER"];
    rmSync(state.folder, { recursive: true });
  });
  return {
    get folder() {
      return state.folder;
    },
    set(programs) {
      for (const [name, text] of Object.entries(programs)) {
        const file = join(state.folder, "bin", name);
        writeFileSync(file, `#!/bin/sh\necho "${name} $*" >>"$FOLDER/calls"\n${text}\n`);
        chmodSync(file, 0o755);
      }
    },
    calls() {
      const file = join(state.folder, "calls");
      return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
    },
  };
}
