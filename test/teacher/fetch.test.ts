import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";
import { InputError, WorkError } from "#mtard/errors.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { networkToOnnx } from "#mtard/onnx/writer.js";
import { Random } from "#mtard/runtime/random.js";
import type { TeacherDescription } from "#mtard/teacher/descriptions.js";
import { parseAddress } from "#mtard/teacher/address.js";
import { type AddressRequest, fetchAddress } from "#mtard/teacher/fetch-address.js";
import { fetchTeacher } from "#mtard/teacher/fetch.js";
import { encodeZip } from "#mtard/weights/zip-writer.js";
import { hasShared, shared } from "../shared.js";
import { cifar10 } from "./subset.js";

const work = mkdtempSync(join(tmpdir(), "mtard-fetch-"));
afterAll(() => rmSync(work, { recursive: true }));

const network = createNetwork("resnet-8", cifar10);
const weights = initialWeights(network, Random.fromSeed(3));
const content = Buffer.concat([...encodeSafetensors(weights)]);
const sha256 = createHash("sha256").update(content).digest("hex");
const normalization = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4] };

let teachersDir: string;
let count = 0;
beforeEach(() => {
  teachersDir = join(work, `teachers-${count++}`);
});

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});
async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/weights.safetensors`;
}

const file = (name: string, bytes: Uint8Array | string): string => {
  const path = join(work, name);
  writeFileSync(path, bytes);
  return path;
};

type Published = NonNullable<TeacherDescription["published"]>;
function description(published: Partial<Published> | null, recipe?: string[]): TeacherDescription {
  return {
    name: "small",
    title: "a small one",
    dataset: "cifar10",
    role: "robust",
    network: "resnet-8",
    normalization,
    ...(published
      ? { published: { page: "https://example.org", file: "weights.safetensors", ...published } }
      : {}),
    ...(recipe ? { recipe } : {}),
    expected: [],
    notes: [],
  };
}

const get = (described: TeacherDescription, options: { from?: string; force?: boolean } = {}) =>
  fetchTeacher(described, { dataset: cifar10, teachersDir, ...options });

async function failure(work: Promise<unknown>): Promise<InputError | WorkError> {
  const error: unknown = await work.then(
    () => null,
    (cause: unknown) => cause,
  );
  if (error instanceof InputError || error instanceof WorkError) return error;
  throw error instanceof Error ? error : new Error("it did not fail");
}

describe("fetchTeacher from an address", () => {
  it("downloads, checks and imports with the description's network, normalisation and role", async () => {
    const url = await serve((_, response) => response.end(content));
    const rates: number[] = [];
    const { manifest, folder } = await fetchTeacher(description({ url, sha256: sha256.slice(0, 8) }), {
      dataset: cifar10,
      teachersDir,
      onDownload: ({ received }) => rates.push(received),
    });
    expect(manifest).toMatchObject({
      name: "small",
      dataset: "cifar10",
      role: "robust",
      network: "resnet-8",
      normalization,
      source: { file: "weights.safetensors", sha256 },
    });
    expect(rates.at(-1)).toBe(content.length);
    expect(readdirSync(folder).sort()).toEqual(["model.onnx", "teacher.json"]);
    // Eight digits pin no file: the checksum of what came is kept.
    expect(readdirSync(teachersDir).sort()).toEqual([".checksums", "small"]);
  });

  it("goes on where the connection dropped", async () => {
    const ranges: (string | undefined)[] = [];
    const url = await serve(({ headers }, response) => {
      ranges.push(headers.range);
      const start = Number(/\d+/.exec(headers.range ?? "")?.[0] ?? 0);
      response.writeHead(start > 0 ? 206 : 200, { "content-length": content.length - start });
      if (start > 0) response.end(content.subarray(start));
      else response.write(content.subarray(0, 200_000), () => response.destroy());
    });
    const { manifest } = await get(description({ url, sha256 }));
    expect(manifest.source.sha256).toBe(sha256);
    expect(ranges.length).toBeGreaterThan(1);
  });

  it("refuses what is not the file and keeps nothing of it", async () => {
    const answers: [RequestListener, Partial<Published>, string][] = [
      [(_, response) => response.end(content.toReversed()), { sha256 }, "is wrong; it was removed"],
      [
        (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"),
        {},
        "web page",
      ],
      // A page that does not say it is one, where no checksum is stated.
      [(_, response) => response.end("<!DOCTYPE html><title>Virus scan warning</title>"), {}, "web page"],
      [(_, response) => response.end(Buffer.alloc(2 ** 22)), {}, "more than that"],
      [(_, response) => response.writeHead(404).end(), {}, "404"],
    ];
    for (const [listener, published, said] of answers) {
      const url = await serve(listener);
      const error = await failure(get(description({ url, ...published })));
      expect(error.report()).toContain(said);
      expect(existsSync(join(teachersDir, "small"))).toBe(false);
      const downloads = join(teachersDir, ".downloads");
      if (said !== "more than that") expect(existsSync(downloads) ? readdirSync(downloads) : []).toEqual([]);
      server?.close();
    }
  });
});

describe("fetchTeacher without an address", () => {
  it("says where the file is, or which recipe trains it, and the command that follows", async () => {
    const linked = await failure(get(description({})));
    expect(linked.report()).toContain(
      "get weights.safetensors from https://example.org, then mtard teacher fetch small --from weights.safetensors",
    );
    const recipe = [
      "mtard train --out runs/small",
      "mtard export runs/small --to onnx --out runs/small.onnx",
    ];
    const trained = await failure(get(description(null, recipe)));
    expect(trained.report()).toContain(
      `${recipe.join(" && ")} && mtard teacher fetch small --from runs/small.onnx`,
    );
    for (const error of [linked, trained]) expect(error.exitCode).toBe(2);
    expect(existsSync(teachersDir)).toBe(false);
  });
});

describe("fetchTeacher of what may be an archive", () => {
  const archive = Buffer.concat([
    ...encodeZip([
      { name: "models/weights.safetensors", pieces: [content] },
      // More than a checkpoint of this network can take.
      { name: "models/other.safetensors", pieces: [Buffer.alloc(2 ** 22)] },
    ]),
  ]);
  const seen = { file: "weights*", sha256, unseen: true } as const;

  it("takes the file out of the archive, or the file itself, downloaded or local", async () => {
    for (const bytes of [archive, content]) {
      const url = await serve((_, response) => response.end(bytes));
      const from = file("copy.zip", bytes);
      for (const options of [{}, { from }]) {
        const { manifest } = await get(description({ url, ...seen }), { ...options, force: true });
        expect(manifest).toMatchObject({ network: "resnet-8", source: { sha256 } });
        const downloads = join(teachersDir, ".downloads");
        expect(existsSync(downloads) ? readdirSync(downloads) : []).toEqual([]);
      }
      expect(readFileSync(from).equals(bytes)).toBe(true);
      server?.close();
    }
  });

  it("checks the file inside, keeps nothing of a wrong one, and the archive where another name may be in it", async () => {
    let sent = 0;
    const url = await serve(({ headers }, response) => {
      const end = `bytes */${archive.length}`;
      if (headers.range === `bytes=${archive.length}-`)
        response.writeHead(416, { "content-range": end }).end();
      else response.end(archive, () => sent++);
    });
    const wrong = await failure(get(description({ url, ...seen, sha256: "0".repeat(64) })));
    expect(wrong.report()).toMatch(/is not weights\*, the published file.*\n +expected +sha256 0{64}/);
    const none = await failure(get(description({ url, ...seen, file: "absent*" })));
    expect(none.report()).toMatch(/no absent\* in .*\n(.*\n)* +try +name the file with --file/);
    expect(readdirSync(join(teachersDir, ".downloads"))).toEqual(["small.download"]);
    const named = { dataset: cifar10, teachersDir, file: "weights.safetensors" };
    expect((await fetchTeacher(description({ url, ...seen, file: "absent*" }), named)).manifest.name).toBe(
      "small",
    );
    expect(sent).toBe(2);
    expect(existsSync(join(teachersDir, ".downloads")), "nothing is kept").toBe(false);
  });
});

it("fetchTeacher gives a student no role: it is not there to teach", async () => {
  const from = file("student.safetensors", content);
  const student = { ...description({ sha256 }), role: "student" as const };
  expect((await get(student, { from })).manifest.role).toBeUndefined();
});

describe("fetchAddress", () => {
  const ask = (url: string, more: Partial<AddressRequest> = {}) =>
    fetchAddress({ address: parseAddress(url), name: "own", dataset: cifar10, teachersDir, ...more });

  it("imports weights and ONNX models as teacher import does, and goes on where it was interrupted", async () => {
    const ranges: (string | undefined)[] = [];
    let stops = true;
    const url = await serve(({ headers }, response) => {
      ranges.push(headers.range);
      const start = Number(/\d+/.exec(headers.range ?? "")?.[0] ?? 0);
      if (start > 0 && stops) response.writeHead(403).end();
      else if (start > 0) response.writeHead(206).end(content.subarray(start));
      else {
        response.writeHead(200, { "content-length": content.length });
        response.write(content.subarray(0, 200_000), () => setTimeout(() => response.destroy(), 30));
      }
    });
    const request = { network: "resnet-8", normalization, role: "robust" } as const;
    expect((await failure(ask(url, request))).report()).toContain("403");
    stops = false;
    const { manifest } = await ask(url, request);
    expect(manifest).toMatchObject({
      name: "own",
      ...request,
      source: { file: "weights.safetensors", sha256 },
    });
    // The second call asked for the rest at once.
    expect(ranges.filter((range) => range === undefined)).toHaveLength(1);
    expect(readdirSync(join(teachersDir, ".downloads"))).toEqual([]);

    const model = networkToOnnx(network, weights, { version: "1", dataset: "cifar10" });
    const other = await serve((_, response) => response.end(model));
    expect((await ask(other, { name: "graph" })).manifest).toMatchObject({
      name: "graph",
      network: "resnet-8",
    });
  });

  it("refuses what is wrong before anything is asked for", async () => {
    let asked = 0;
    const url = await serve((_, response) => response.end(`${asked++}`));
    const cases: [Partial<AddressRequest>, RegExp][] = [
      [{ name: "../up" }, /cannot be a teacher's name/],
      [{ network: "resnet-9" }, /no network "resnet-9"/],
      [{ normalization: { mean: [1], std: [1] } }, /does not fit the images/],
    ];
    for (const [more, said] of cases) expect((await failure(ask(url, more))).report()).toMatch(said);
    expect(asked).toBe(0);
  });

  it("refuses a wrong checksum and too large a file; keeps what only does not fit the network", async () => {
    let asked = 0;
    const url = await serve((_, response) => {
      asked++;
      response.writeHead(200, { "content-length": content.length }).end(content);
    });
    const wrong = await failure(ask(url, { network: "resnet-8", sha256: "0".repeat(64) }));
    expect(wrong.report()).toMatch(/is wrong; it was removed/);
    const large = await failure(ask(url, { network: "resnet-8", mostBytes: 1000 }));
    expect(large.report()).toMatch(/expected +at most 1000 bytes/);
    const misfit = await failure(ask(url, { network: "resnet-14" }));
    expect(misfit.report()).toMatch(/does not fit resnet-14/);
    const from = file("copy", content);
    expect((await ask(url, { network: "resnet-8", from, sha256: sha256.slice(0, 12) })).manifest.name).toBe(
      "own",
    );
    expect(asked).toBe(3);
  });
});

describe("fetchTeacher --from", () => {
  const page = { sha256 };

  it("takes the published file, once, and again with force", async () => {
    const from = file("copy.safetensors", content);
    const first = await get(description(page), { from });
    expect(first.manifest).toMatchObject({ name: "small", network: "resnet-8", normalization });
    expect((await failure(get(description(page), { from }))).report()).toContain("--force");
    const again = await get(description(page), { from, force: true });
    expect(again.manifest.sha256).toBe(first.manifest.sha256);
    expect(readFileSync(from)).toEqual(content);
  });

  it("takes an ONNX model that the recipe made, with the normalisation it has inside", async () => {
    const own = createNetwork("resnet-8", cifar10, { mean: [0.1, 0.1, 0.1], std: [1, 1, 1] });
    const from = file("made.onnx", networkToOnnx(own, weights, { version: "1", dataset: "cifar10" }));
    const { manifest } = await get(description(page, ["mtard train"]), { from });
    expect(manifest).toMatchObject({ role: "robust", normalization: own.normalization });
  });

  it("refuses another file, a web page, another network, and a file that is not there", async () => {
    const other = createNetwork("resnet-14", cifar10);
    const otherModel = networkToOnnx(other, initialWeights(other, Random.fromSeed(1)), {
      version: "1",
      dataset: "cifar10",
    });
    const cases: [string, RegExp][] = [
      [
        file("other.safetensors", Buffer.concat([content, content])),
        /is not weights\.safetensors, the published file/,
      ],
      [file("page.html", "\n<!doctype HTML><p>sign in"), /found +a web page/],
      [
        file("other.onnx", otherModel),
        /is not the network of "small"\n +expected +resnet-8, .*\n +found +resnet-14/,
      ],
      [join(work, "absent.safetensors"), /there is no file/],
      [join(work, "absent.onnx"), /absent\.onnx/],
    ];
    for (const [from, said] of cases) {
      const error = await failure(get(description(page), { from }));
      expect(error.report()).toMatch(said);
      expect(error.exitCode).toBe(2);
    }
    expect(existsSync(join(teachersDir, "small"))).toBe(false);
  });
});

it.skipIf(!hasShared)("the published ResNet-56 of akamaster is the described file", async () => {
  const { findDescription } = await import("#mtard/teacher/descriptions.js");
  const described = findDescription("cifar10-resnet-56") as TeacherDescription;
  const from = shared("teachers/cifar10-resnet56.th");
  expect(readFileSync(from).length).toBe(described.published?.bytes);
  const { manifest } = await get(described, { from });
  expect(manifest).toMatchObject({ name: "cifar10-resnet-56", network: "resnet-56", role: "clean" });
});
