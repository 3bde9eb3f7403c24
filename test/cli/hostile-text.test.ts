/* eslint-disable no-control-regex -- they are what must not be there */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { prepareDataset } from "#mtard/data/prepare.js";
import { floatTensor, floatValue, int64Tensor, node } from "#mtard/onnx/build.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";
import { encodeZip } from "#mtard/weights/zip-writer.js";
import { jpeg } from "../data/tiny-tiny-imagenet.js";
import { model, values } from "../onnx/models.js";
import { mtard, workFolder } from "./mtard.js";

/* Whatever files say, no escape code of theirs reaches the terminal, from native code either. */

const work = workFolder();
afterAll(() => work.remove());
beforeAll(() => prepareDataset("demo", join(work.path, "data")));

/** Sets a terminal's title, clears it, goes back, turns the direction of text, and has no width. */
const EVIL = "E\u001b]0;owned\u0007\u001b[2J\u009b31m\r\u0008\u202eabc\u2066\u200b\u2028VIL";
/** As much of it as a file's name can have. */
const EVIL_NAME = EVIL.replaceAll("/", "");
const CLASSES = 10;

const FORBIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;

function put(name: string, content: Uint8Array | string): string {
  const path = join(work.path, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** What a call printed; nothing of it is more than text. */
async function printed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await mtard(args, work.path);
  const text = stdout + stderr;
  expect(text).not.toMatch(FORBIDDEN);
  expect(text).not.toBe("");
  if (code !== 0) expect(stderr).toMatch(/^error: /m);
  return text;
}

type Nodes = ReturnType<typeof node>[];

/** A linear classifier whose every name is evil, with more nodes behind it. */
function evilModel(more: Nodes, output = `out ${EVIL}`): Uint8Array {
  const nodes = [
    node("Flatten", [`in ${EVIL}`], `features ${EVIL}`),
    node("Gemm", [`features ${EVIL}`, `weights ${EVIL}`], `logits ${EVIL}`),
    ...more,
  ];
  for (const [index, each] of nodes.entries()) each.name = `node ${index} ${EVIL}`;
  return serializeModel(
    model({
      name: `graph ${EVIL}`,
      node: nodes,
      initializer: [
        floatTensor(`weights ${EVIL}`, [3072, CLASSES], values(3072 * CLASSES, 1, 0.01)),
        int64Tensor(`shape ${EVIL}`, [7n, 7n]),
      ],
      input: [floatValue(`in ${EVIL}`, ["N", 3, 32, 32])],
      output: [floatValue(output, ["N", CLASSES])],
    }),
  );
}

const foreign = node("Relu", [`logits ${EVIL}`], `out ${EVIL}`);
foreign.domain = `domain ${EVIL}`;

const models: Readonly<Record<string, Uint8Array>> = {
  "a usable one": evilModel([node("Relu", [`logits ${EVIL}`], `out ${EVIL}`)]),
  "an unknown operator": evilModel([node(`Op ${EVIL}`, [`logits ${EVIL}`], `out ${EVIL}`)]),
  "an unknown domain": evilModel([foreign]),
  "an output that nothing makes": evilModel([]),
  "an operator that fails when it runs": evilModel([
    node("Reshape", [`logits ${EVIL}`, `shape ${EVIL}`], `out ${EVIL}`),
  ]),
  "an operator without a gradient": evilModel([
    node("Det", [`logits ${EVIL}`], `d ${EVIL}`),
    node("Add", [`logits ${EVIL}`, `d ${EVIL}`], `out ${EVIL}`),
  ]),
};

it.each(Object.keys(models))("an ONNX model with evil names: %s", async (name) => {
  const path = put(`models/${name.replaceAll(" ", "-")}.onnx`, models[name] ?? "");
  const id = name.replaceAll(" ", "-");
  await printed("teacher", "import", "--name", id, "--dataset", "demo", "--onnx", path, "--json");
  await printed("evaluate", path, "--dataset", "demo", "--attacks", "fgsm", "--limit", "4");
});

it("a stranger's manifest", async () => {
  const path = put("good.onnx", models["a usable one"] ?? "");
  await printed("teacher", "import", "--name", "good", "--dataset", "demo", "--onnx", path);
  const folder = join(work.path, "teachers/good");
  const manifest = JSON.parse(readFileSync(join(folder, "teacher.json"), "utf8")) as Record<string, unknown>;
  const changes = [
    { source: { file: EVIL, sha256: "0".repeat(64), format: EVIL } },
    { network: EVIL },
    { dataset: EVIL },
    { name: EVIL },
    { createdBy: EVIL },
    { file: `${EVIL}.onnx` },
    { [EVIL]: EVIL, classes: EVIL },
  ];
  for (const [index, change] of changes.entries()) {
    const name = `stranger-${index}`;
    cpSync(folder, join(work.path, "teachers", name), { recursive: true });
    put(`teachers/${name}/teacher.json`, JSON.stringify({ ...manifest, name, ...change }));
    await printed("teacher", "show", name, ...(index % 2 === 0 ? [] : ["--json"]));
  }
  await printed("teacher", "check", "stranger-0", "--limit", "4");
  for (const json of [[], ["--json"]]) await printed("teacher", "list", ...json);
  await printed("doctor");
});

it("a checkpoint's keys, and the members of an archive", async () => {
  const weights = new Map([[EVIL, { shape: [3], data: Float32Array.of(1, 2, 3) }]]);
  const paths = [
    put("evil.safetensors", Buffer.concat(encodeSafetensors(weights))),
    put("evil.npz", Buffer.concat([...encodeZip([{ name: `${EVIL}.npy`, pieces: [Buffer.from("x")] }])])),
    put(
      "evil.pth",
      Buffer.concat([...encodeZip([{ name: `${EVIL}/data.pkl`, pieces: [Buffer.from("x")] }])]),
    ),
    put(`${EVIL_NAME}.pth`, "no weights"),
  ];
  for (const path of paths)
    await printed(
      ...["teacher", "import", "--name", "evil", "--dataset", "demo", "--network", "resnet-8"],
      ...["--weights", path],
    );
  const archive = put(
    "two.zip",
    Buffer.concat([
      ...encodeZip(["a", "b"].map((name) => ({ name: `${name} ${EVIL}.pth`, pieces: [Buffer.from(name)] }))),
    ]),
  );
  const fetched = ["https://example.com/x", "--name", "x", "--dataset", "demo", "--network", "resnet-8"];
  expect(await printed("teacher", "fetch", ...fetched, "--from", archive)).toMatch(/several files/);
});

it("folders and files of own images, and their suggestions", async () => {
  const image = await jpeg([1, 2, 3]);
  for (const name of ["cats", "dogs"]) for (const index of [1, 2]) put(`own/${name}/${index}.jpg`, image);
  put(`own/cats/${EVIL_NAME}.jpg`, "no image");
  put(`own/.${EVIL_NAME}`, "hidden");
  await printed("data", "own", "--from", "own", "--split", "0.5", "--size", "8");
  await printed("data", "own", "--from", "own", "--split", "0.5", "--size", "8", "--skip-broken");
  put(`classes/${EVIL_NAME}/1.jpg`, image);
  put("classes/plain/1.jpg", image);
  await printed("data", "classes", "--from", "classes", "--split", "0.5");
  put(`${EVIL_NAME}/train/a/1.jpg`, image);
  put(`${EVIL_NAME}/other/a/1.jpg`, image);
  expect(await printed("data", "more", "--from", EVIL_NAME, "--split", "0.5")).toMatch(/\$'E\\U0000001b/);
});

it("a run's folder, a file of settings and the call itself", async () => {
  const settings = put("settings.yaml", `${JSON.stringify(EVIL)}: 1\ndataset: ${JSON.stringify(EVIL)}\n`);
  await printed("train", "--config", settings);
  await printed("train", "--dataset", EVIL);
  await printed("evaluate", EVIL);
  await printed("report", EVIL);
  await printed(EVIL);
  await printed("train", `--${EVIL}`);
  const out = `runs/${EVIL_NAME}`;
  await printed(
    ...["train", "--dataset", "demo", "--method", "natural", "--student", "resnet-8", "--limit-train", "64"],
    ...["--limit-test", "20", "--epochs", "1", "--out", out],
  );
  expect(existsSync(join(work.path, out, "summary.json"))).toBe(true);
  await printed("report", out, "--no-examples");
  const page = readFileSync(join(work.path, out, "report.html"), "utf8");
  expect(page.replaceAll("\n", "")).not.toMatch(FORBIDDEN);
});
