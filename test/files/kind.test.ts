import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareDataset } from "#mtard/data/prepare.js";
import { InputError, WorkError } from "#mtard/errors.js";
import { isThere, requireRegularFile } from "#mtard/files/kind.js";
import { readTextFile } from "#mtard/files/read-text.js";
import { readModelFile } from "#mtard/onnx/model.js";
import { readWeightsFile } from "#mtard/weights/weights-file.js";
import { mtard } from "../cli/mtard.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-kind-"));
const at = (name: string): string => join(folder, name);
let server: Server;
beforeAll(async () => {
  writeFileSync(at("file"), "text");
  mkdirSync(at("folder"));
  for (const name of ["pipe", "pipe.onnx", "pipe.npz"]) execFileSync("mkfifo", [at(name)]);
  symlinkSync("/dev/zero", at("device"));
  symlinkSync("loop", at("loop"));
  server = createServer();
  await new Promise<void>((listening) => server.listen(at("socket"), listening));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const SPECIAL = ["pipe", "device", "socket", "folder"] as const;

describe("what is no plain file", () => {
  it.each(SPECIAL)("is refused before it is opened: a %s", async (kind) => {
    const found = { detail: expect.objectContaining({ found: `a ${kind}` }) as unknown };
    expect(() => requireRegularFile(at(kind), "a file")).toThrow(expect.objectContaining(found));
    expect(() => readModelFile(at(kind))).toThrow(expect.objectContaining(found));
    await expect(readWeightsFile(at(kind))).rejects.toMatchObject(found);
    if (kind === "folder") return;
    for (const id of ["cifar10", "tiny-imagenet", "own"])
      await expect(prepareDataset(id, folder, { from: at(kind) })).rejects.toMatchObject(found);
  });

  it.each(["pipe", "device", "folder"])("is not waited for where text is read: a %s", (kind) => {
    expect(() => readTextFile(at(kind), 100)).toThrow(InputError);
  });

  it.each([
    "data cifar10 --from pipe",
    "data pets --from pipe --size 8",
    "teacher fetch cifar10-resnet-56 --from pipe",
    "teacher fetch https://localhost/x --name x --dataset demo --from pipe",
    "teacher import --name x --dataset demo --onnx pipe.onnx",
    "teacher import --name x --dataset demo --network resnet-8 --weights pipe",
    "evaluate pipe.onnx --dataset demo",
    "train --dataset demo --method natural --config pipe",
  ])("ends a call at once: mtard %s", async (call) => {
    const { code, stderr } = await mtard(call.split(" "), folder);
    expect(stderr).toMatch(/a pipe|pipe is not a file/);
    expect(code).toBe(2);
  });

  it("is told from nothing, and from what may not be looked at", () => {
    expect(isThere(at("file"))).toBe(true);
    for (const nothing of ["nowhere", "file/below", "loop", "n".repeat(300)])
      expect(isThere(at(nothing)), nothing).toBe(false);
    expect(() => requireRegularFile(at("nowhere"), "a file")).toThrow(/^there is no file .*nowhere$/);
    expect(() => requireRegularFile(at("file"), "a file")).not.toThrow();
  });

  it("and text has a size", () => {
    expect(readTextFile(at("file"), 4)).toBe("text");
    expect(() => readTextFile(at("file"), 3)).toThrow(InputError);
    expect(() => readTextFile(at("nowhere"), 3)).toThrow(WorkError);
  });
});
