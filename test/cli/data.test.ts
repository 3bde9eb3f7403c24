import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { archivedCifar10, craftedArchive, temporaryFolder, unpackedCifar10 } from "../data/tiny-cifar.js";

function mtard(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ["dist/cli/main.js", ...args], { encoding: "utf8" });
}

describe("mtard data", () => {
  it("packs a local archive, and a second time says that it is there", () => {
    const dataDir = temporaryFolder();
    const from = archivedCifar10();
    const first = mtard("data", "cifar10", "--from", from, "--data-dir", dataDir, "--json");
    expect(first.status).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({
      dataset: "cifar10",
      train: 10,
      test: 2,
      classes: 10,
      alreadyThere: false,
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(first.stderr).toContain("cifar10: unpacking");
    const second = mtard("data", "cifar10", "--data-dir", dataDir);
    expect(second).toMatchObject({ status: 0, stderr: "" });
    expect(second.stdout).toMatch(
      /^cifar10 \(CIFAR-10\) is already there in .*: 10 train and 2 test images, 10 classes\n$/,
    );
  });

  it.each([
    ["an unknown data set", ["cifar11"], /expected +demo, cifar10, cifar100/],
    ["no data set", [], /error: /],
    ["an option that does not exist", ["demo", "--form", "x"], /error: /],
    ["--from for the built-in data set", ["demo", "--from", "package.json"], /takes no --from/],
    ["a wrong checksum", ["cifar10", "--from", "package.json", "--sha256", "0".repeat(64)], /wrong checksum/],
    ["something that is no archive", ["cifar10", "--from", "package.json"], /damaged or cut short/],
  ])("ends with 2 and leaves nothing on %s", (_, args, message) => {
    const dataDir = temporaryFolder();
    const { status, stdout, stderr } = mtard("data", ...args, "--data-dir", dataDir);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n +at /);
    expect({ status, stdout, left: readdirSync(dataDir) }).toEqual({ status: 2, stdout: "", left: [] });
  });

  it("ends with 2 on an archive with ../ paths", () => {
    const dataDir = temporaryFolder();
    const from = craftedArchive({ path: "../data_batch_1.bin" });
    const { status, stderr } = mtard("data", "cifar10", "--from", from, "--data-dir", dataDir);
    expect(status).toBe(2);
    expect(stderr).toContain("holds a path that leaves its folder");
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it("takes an unpacked folder", () => {
    const { status } = mtard("data", "cifar10", "--from", unpackedCifar10(), "--data-dir", temporaryFolder());
    expect(status).toBe(0);
  });
});
