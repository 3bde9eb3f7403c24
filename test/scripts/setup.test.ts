import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { cacheFolder, completeFolder, contentKey, linkAtomically } from "../../scripts/setup/cache.mjs";
import { SetupError } from "../../scripts/setup/failure.mjs";
import { withLock } from "../../scripts/setup/lock.mjs";
import { packagesInstalled } from "../../scripts/setup/packages.mjs";
import { versionInRange } from "../../scripts/setup/prerequisites.mjs";
import { chosenDevice, readRecord, writeRecord } from "../../scripts/setup/record.mjs";
import { bringWheel, type Wheel, wheels } from "../../scripts/setup/wheels.mjs";

const scripts = resolve("scripts/setup");
const folder = mkdtempSync(join(tmpdir(), "mtard-setup-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());
const emptyFolder = (name: string): string => {
  mkdirSync(join(folder, name));
  return join(folder, name);
};

describe("Node's version", () => {
  const { engines } = JSON.parse(readFileSync("package.json", "utf8")) as { engines: { node: string } };

  it.each(["v20.19.0", "v20.20.2", "v22.12.0", "v24.0.0", "v24.21.0"])("%s is supported", (version) => {
    expect(versionInRange(version, engines.node)).toBe(true);
  });

  it.each(["v18.20.0", "v20.18.9", "v21.0.0", "v22.11.0", "v23.5.0", "v26.0.0"])("%s is not", (version) => {
    expect(versionInRange(version, engines.node)).toBe(false);
  });
});

describe("the cache", () => {
  it("is MTARD_CACHE, else in XDG_CACHE_HOME, else in the home", () => {
    vi.stubEnv("MTARD_CACHE", "");
    vi.stubEnv("XDG_CACHE_HOME", "/somewhere");
    expect(cacheFolder()).toBe("/somewhere/mtard");
    vi.stubEnv("MTARD_CACHE", "/elsewhere");
    expect(cacheFolder()).toBe("/elsewhere");
  });

  it("never shows a half-filled folder, and goes on from one", async () => {
    const target = join(emptyFolder("cache"), "libraries");
    const broken = completeFolder(target, (partial) => {
      writeFileSync(join(partial, "first"), "1");
      return Promise.reject(new Error("cut off"));
    });
    await expect(broken).rejects.toThrow("cut off");
    expect(existsSync(target)).toBe(false);
    const fill = (partial: string): Promise<void> => {
      expect(readFileSync(join(partial, "first"), "utf8")).toBe("1");
      return Promise.resolve();
    };
    expect(await completeFolder(target, fill)).toBe(true);
    expect(await completeFolder(target, () => Promise.reject(new Error("not again")))).toBe(false);
    expect(readdirSync(target)).toEqual(["first"]);
  });

  it("names things by what they are made from", () => {
    expect(contentKey("ab", "c")).not.toBe(contentKey("a", "bc"));
    expect(contentKey("a")).toMatch(/^[0-9a-f]{12}$/);
  });

  it("links over a file and over a link", () => {
    const path = join(emptyFolder("linked"), "deep", "binding.node");
    linkAtomically("/first", path);
    linkAtomically("/second", path);
    expect(readlinkSync(path)).toBe("/second");
    expect(readdirSync(join(path, ".."))).toEqual(["binding.node"]);
  });
});

describe("the lock", () => {
  it("lets one work at a time, across processes, and is free when its holder is killed", async () => {
    const path = join(folder, ".setup.lock");
    const holder = spawn(process.execPath, [
      "--input-type=module",
      "--eval",
      `import { withLock } from ${JSON.stringify(join(scripts, "lock.mjs"))};
       await withLock(${JSON.stringify(path)}, () => {}, () => { console.log("held"); return new Promise((end) => setTimeout(end, 60_000)); });`,
    ]);
    await new Promise((held) => holder.stdout.once("data", held));
    let waited = false;
    const ours = withLock(
      path,
      () => {
        waited = true;
        holder.kill("SIGKILL");
      },
      () => Promise.resolve("done"),
    );
    expect(await ours).toBe("done");
    expect(waited).toBe(true);
    expect(existsSync(path)).toBe(false);
  });

  it("is refused where there can be none, with what to do", async () => {
    const error: unknown = await withLock(
      join(folder, "missing", ".setup.lock"),
      () => undefined,
      () => Promise.resolve(),
    ).catch((thrown: unknown) => thrown);
    expect((error as SetupError).report()).toMatch(/cannot be locked\n.*\n +found +FileNotFoundError/);
  });
});

describe("npm packages", () => {
  const install = (name: string, installed: object): string => {
    const root = emptyFolder(name);
    mkdirSync(join(root, "node_modules/a"), { recursive: true });
    const lock = {
      "": {},
      "node_modules/a": { version: "1.0.0", integrity: "x" },
      "node_modules/other-platform": { version: "1.0.0", integrity: "y", optional: true },
    };
    writeFileSync(join(root, "package-lock.json"), JSON.stringify({ packages: lock }));
    writeFileSync(join(root, "node_modules/.package-lock.json"), JSON.stringify({ packages: installed }));
    return root;
  };

  it("are up to date when the lock file's are there, but for those of other platforms", () => {
    const root = install("same", { "node_modules/a": { version: "1.0.0", integrity: "x" } });
    expect(packagesInstalled(root)).toBe(true);
    rmSync(join(root, "node_modules/a"), { recursive: true });
    expect(packagesInstalled(root)).toBe(false);
  });

  it.each([
    ["another version", { "node_modules/a": { version: "1.0.1", integrity: "x" } }],
    ["other content", { "node_modules/a": { version: "1.0.0", integrity: "z" } }],
    ["nothing", {}],
  ])("are not with %s", (name, installed) => {
    expect(packagesInstalled(install(name, installed))).toBe(false);
  });
});

describe("the device", () => {
  it("is DEVICE, else the last set-up's, else the CPU", () => {
    const cache = emptyFolder("device");
    vi.stubEnv("MTARD_CACHE", cache);
    vi.stubEnv("DEVICE", "");
    expect(chosenDevice()).toBe("cpu");
    writeRecord({ device: "cuda", packages: cache, libraries: cache, binding: cache });
    expect(chosenDevice()).toBe("cuda");
    expect(chosenDevice("cpu")).toBe("cpu");
    vi.stubEnv("DEVICE", "cpu");
    expect(chosenDevice()).toBe("cpu");
    expect(chosenDevice("cuda")).toBe("cuda");
    vi.stubEnv("DEVICE", "tpu");
    expect(() => chosenDevice()).toThrow(SetupError);
  });

  it("is forgotten where what was set up is gone, or the record is damaged", () => {
    const cache = emptyFolder("forgotten");
    vi.stubEnv("MTARD_CACHE", cache);
    expect(readRecord()).toBeNull();
    const record = {
      device: "cuda",
      packages: join(cache, "gone"),
      libraries: cache,
      binding: cache,
    } as const;
    writeRecord(record);
    expect(readRecord()).toBeNull();
    writeRecord({ ...record, packages: cache });
    expect(readRecord()).toEqual({ ...record, packages: cache });
    const [file = ""] = readdirSync(cache);
    writeFileSync(join(cache, file), "{");
    expect(readRecord()).toBeNull();
  });
});

const hasPip = spawnSync("python3", ["-m", "pip", "--version"]).status === 0;

describe("wheels", () => {
  it("are pinned to one file each, and ONNX Runtime's CUDA provider to the npm package's version", () => {
    for (const wheel of [...wheels.cpu, ...wheels.cuda]) expect(wheel.sha256).toMatch(/^[0-9a-f]{64}$/);
    const { peerDependencies, dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
      peerDependencies: Record<string, string>;
      dependencies: Record<string, string>;
    };
    const engines = JSON.parse(readFileSync("scripts/setup/engines/package.json", "utf8")) as {
      dependencies: Record<string, string>;
    };
    expect(engines.dependencies).toMatchObject(peerDependencies);
    expect(dependencies["onnxruntime-common"]).toBe(peerDependencies["onnxruntime-node"]);
    const provider = wheels.cuda.find(({ name }) => name === "onnxruntime-gpu");
    expect(provider?.version).toBe(peerDependencies["onnxruntime-node"]);
    const [cpu] = wheels.cpu;
    expect(wheels.cuda.find(({ name }) => name === "tensorflow")?.version).toBe(cpu?.version);
  });

  /** A wheel of our own in a folder that pip is told to look in, and its pin. */
  const makeWheel = (name: string): { links: string; wheel: Wheel } => {
    const links = emptyFolder(name);
    const file = join(links, "mtard_test-1.0-py3-none-any.whl");
    const made = execFileSync("python3", [
      "-c",
      `import hashlib, sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    for name in ["lib/wanted.so", "lib/other.txt"]: wheel.writestr(name, name)
    wheel.writestr("mtard_test-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: mtard-test\\nVersion: 1.0\\n")
    wheel.writestr("mtard_test-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("mtard_test-1.0.dist-info/RECORD", "")
print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())`,
      file,
    ]);
    const sha256 = made.toString().trim();
    const megabytes = { download: 1, unpacked: 1 };
    return { links, wheel: { name: "mtard-test", version: "1.0", sha256, megabytes, unpack: ["lib/*.so"] } };
  };
  const offline = (links: string): void => {
    vi.stubEnv("PIP_NO_INDEX", "1");
    vi.stubEnv("PIP_FIND_LINKS", links);
  };
  const quiet = (): void => undefined;

  it.skipIf(!hasPip)("give the files asked for, once", async () => {
    const { links, wheel } = makeWheel("links");
    const target = emptyFolder("unpacked");
    offline(links);
    await bringWheel(wheel, target, quiet);
    expect(readFileSync(join(target, "lib/wanted.so"), "utf8")).toBe("lib/wanted.so");
    expect(readdirSync(join(target, "lib"))).toEqual(["wanted.so"]);
    rmSync(links, { recursive: true });
    await bringWheel(wheel, target, quiet);
  });

  it.skipIf(!hasPip)("are refused with another hash, and leave nothing", async () => {
    const { links, wheel } = makeWheel("tampered");
    const target = emptyFolder("refused");
    offline(links);
    const error = await bringWheel({ ...wheel, sha256: "0".repeat(64) }, target, quiet).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(SetupError);
    expect((error as SetupError).report()).toContain(`another file (${wheel.sha256})`);
    expect(readdirSync(target)).toEqual([]);
  });

  it.skipIf(!hasPip)("are refused when a file is not in them, and when they are nowhere", async () => {
    const { links, wheel } = makeWheel("lacking");
    const target = emptyFolder("lacking-unpacked");
    offline(links);
    await expect(bringWheel({ ...wheel, unpack: ["lib/missing.so"] }, target, quiet)).rejects.toThrow(
      /cannot unpack/,
    );
    await expect(bringWheel({ ...wheel, version: "9.9" }, target, quiet)).rejects.toThrow(
      /cannot bring mtard-test 9.9/,
    );
    expect(readdirSync(target)).toEqual([]);
  });
});

describe("a machine that lacks something", () => {
  it("is told what, and how to get it, before anything is downloaded", () => {
    const cache = join(folder, "unused-cache");
    const { status, stderr } = spawnSync(process.execPath, [join(scripts, "setup.mjs")], {
      env: { ...process.env, MTARD_CACHE: cache, CXX: "no-such-compiler", PYTHON: "no-such-python" },
      encoding: "utf8",
    });
    expect(status).toBe(1);
    expect(stderr).toContain("this machine lacks Python 3 with pip, g++");
    expect(stderr).toContain("apt-get install python3-pip");
    expect(stderr).toContain("apt-get install g++");
    expect(existsSync(cache)).toBe(false);
  });
});
