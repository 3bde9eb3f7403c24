import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { archivedCifar10, temporaryFolder, unpackedCifar10 } from "../data/tiny-cifar.js";
import { hasShared, shared } from "../shared.js";
import { main, mtard, mtardJson } from "./mtard.js";

describe("mtard data", () => {
  it("packs a local archive, and a second time says that it is there", async () => {
    const folder = temporaryFolder();
    const args = ["data", "cifar10", "--data-dir", "here"];
    const first = await mtard([...args, "--from", archivedCifar10(), "--json"], folder);
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({
      dataset: "cifar10",
      train: 10,
      test: 2,
      classes: 10,
      alreadyThere: false,
      folder: "here/cifar10",
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(first.stderr).toContain("cifar10: unpacking");
    expect(await mtard(args, folder)).toEqual({
      code: 0,
      stdout: "cifar10 (CIFAR-10) is already there in here/cifar10: 10 train and 2 test images, 10 classes\n",
      stderr: "next: mtard train --dataset cifar10\n",
    });
  });

  it("takes an unpacked folder, and another place from MTARD_DATA", async () => {
    const folder = temporaryFolder();
    const args = ["data", "cifar10", "--from", unpackedCifar10()];
    expect(await mtardJson(args, folder, { MTARD_DATA: "there" })).toMatchObject({ folder: "there/cifar10" });
  });

  it.skipIf(!hasShared)(
    "leaves nothing half written when it is interrupted, and then begins anew",
    async () => {
      const folder = temporaryFolder();
      const from = shared("data/tiny-imagenet-200-subset.zip");
      const args = ["data", "tiny-imagenet", "--from", from];
      const child = spawn(process.execPath, [main, ...args, "--data-dir", "data"], { cwd: folder });
      for await (const said of child.stderr) if (String(said).includes("decoding")) break;
      child.kill("SIGKILL");
      await once(child, "close");
      const left = [".tiny-imagenet.mtard-lock", ".tiny-imagenet.mtard-new"];
      expect(readdirSync(join(folder, "data")).sort()).toEqual(left);
      expect(await mtardJson(args, folder)).toMatchObject({ train: 1000, test: 600, alreadyThere: false });
      expect(readdirSync(join(folder, "data"))).toEqual(["tiny-imagenet"]);
    },
  );
});
