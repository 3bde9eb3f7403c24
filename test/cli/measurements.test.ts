import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareDataset } from "#mtard/data/prepare.js";
import type { MeasurementRecord } from "#mtard/evaluation/record.js";
import { floatTensor, floatValue, intAttribute, node } from "#mtard/onnx/build.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { requireEngines } from "#mtard/runtime/native-library.js";
import { model, values } from "../onnx/models.js";
import { main, mtard, mtardJson, workFolder } from "./mtard.js";

/* What is measured once is known to every command, and what was begun goes on, whichever command began it. */

const work = workFolder();
const at = (path: string): string => join(work.path, path);
const environment = { MTARD_TEACHERS: resolve("teachers") };
const json = (line: string) => mtardJson(line.split(" "), work.path, environment);

beforeAll(async () => {
  await prepareDataset("demo", at("data"));
});
afterAll(() => work.remove());

const RUNS = "--epochs 1 --limit-train 64 --limit-test 12 --batch-size 16 --set innerSteps=1";

interface Table {
  readonly evaluated: number;
  readonly rows: readonly {
    runs: string[];
    warnings: string[];
    cells: { ours: { mean: number } | null }[][];
  }[];
}
/** By the conventions of the other commands; tables' own are the authors' scripts'. */
const CONVENTIONS = "--wrong-when-clean not-robust --uniform-start unclamped";
const table = async (line: string) => (await json(`table ${line} ${CONVENTIONS}`)) as unknown as Table;
const known = async (line: string) => (await json(`evaluate ${line}`))["known"];

describe("what mtard evaluate measured", () => {
  it("of a run is known to the tables: PGD, transfer, Square and RayS", async () => {
    const first = await table(`3 --methods mtard ${RUNS} --attacks fgsm`);
    expect(first.evaluated).toBe(1);
    const [folder = ""] = first.rows[0]?.runs ?? [];
    await json(`evaluate ${folder} --attacks pgd-sat,pgd-trades --limit 12`);
    expect((await table(`3 --methods mtard ${RUNS} --attacks fgsm,pgd-sat,pgd-trades`)).evaluated).toBe(0);
    await json(`evaluate ${folder} --attacks square,rays --queries 100 --limit 12`);
    await json(`evaluate ${folder} --attacks transfer-pgd-trades --surrogate demo-robust --limit 12`);
    const black = "--attacks square,rays,transfer-pgd-trades";
    expect((await table(`5 --methods mtard ${RUNS} ${black}`)).evaluated).toBe(0);
  });

  it("of a run is not known to them with other numbers, images or another surrogate", async () => {
    const [folder = ""] = readdirSync(at("runs")).filter((name) => name.startsWith("demo-mtard"));
    rmSync(at(`runs/${folder}/evaluations`), { recursive: true });
    const evaluate = (line: string) => json(`evaluate runs/${folder} ${line}`);
    await evaluate("--attacks pgd-sat --limit 12 --eps 4/255");
    await evaluate("--attacks pgd-trades --limit 12 --steps 5");
    await evaluate("--attacks square,rays --limit 12 --queries 90");
    await evaluate("--attacks cw --limit 11");
    await evaluate("--attacks transfer-pgd-trades --surrogate demo-clean --limit 12");
    expect((await table(`3 --methods mtard ${RUNS} --attacks pgd-sat,pgd-trades,cw`)).evaluated).toBe(3);
    const black = "--attacks square,rays,transfer-pgd-trades";
    expect((await table(`5 --methods mtard ${RUNS} ${black}`)).evaluated).toBe(3);
  });

  it("of a teacher is known to them, AutoAttack and a changed epsilon among it", async () => {
    await json("evaluate demo-clean --attacks aa --limit 1");
    const line = "2 --attacks aa --attack-images aa=1 --limit-test 1";
    // Nothing was known of the robust teacher: neither its clean accuracy nor AutoAttack's.
    expect((await table(line)).evaluated).toBe(2);
    const more = "2 --attacks aa --attack-images aa=2 --limit-test 2 --dry-run";
    const { jobs } = (await json(`table ${more} ${CONVENTIONS}`)) as { jobs?: { done: boolean }[] };
    expect(jobs?.map(({ done }) => done)).toEqual([false, false]);
    await json("evaluate demo-clean --attacks fgsm --limit 12 --eps 4/255");
    await json("evaluate demo-robust --attacks fgsm --limit 12 --eps 4/255");
    const other = "2 --attacks fgsm --limit-test 12 --set evaluationEpsilon=4/255";
    expect((await table(other)).evaluated).toBe(0);
    expect((await table("2 --attacks fgsm --limit-test 12")).evaluated).toBe(2);
  });
});

describe("what the tables measured", () => {
  it("is known to mtard evaluate, with a number named or left at its default", async () => {
    const [folder = ""] = readdirSync(at("runs")).filter((name) => name.startsWith("demo-mtard"));
    const evaluate = (line: string) => known(`runs/${folder} --limit 12 ${line}`);
    expect(await evaluate("--attacks pgd-sat,pgd-trades,cw")).toEqual(["pgd-sat", "pgd-trades", "cw"]);
    expect(await evaluate("--attacks rays")).toEqual(["rays"]);
    expect(await evaluate("--attacks square,rays --queries 100")).toEqual(["square", "rays"]);
    expect(await evaluate("--attacks square")).toEqual([]);
    expect(await evaluate("--attacks transfer-pgd-trades --surrogate demo-robust")).toEqual([
      "transfer-pgd-trades",
    ]);
    expect(await known("demo-robust --limit 1 --attacks aa")).toEqual(["aa"]);
  });

  it("is known to mtard teacher check, and the other way round", async () => {
    cpSync(resolve("teachers/demo-robust"), at("teachers/demo-robust"), { recursive: true });
    const check = "teacher check demo-robust --teachers-dir teachers --limit 12 --attacks fgsm";
    const { stderr } = await mtard(check.split(" "), work.path);
    expect(stderr, "nothing is left to do").toMatch(/^next: [^\n]*\n$/);
    await json(`${check},cw`);
    expect(await known("demo-robust --limit 12 --attacks cw")).toEqual(["cw"]);
  });
});

describe("a table that is killed in the middle of AutoAttack", () => {
  /** Notes how many images ONNX Runtime is given by every call, in a file that outlives the process. */
  const counter = at("counter.cjs");
  const binding = requireEngines().resolve("onnxruntime-node/dist/binding.js");
  const looksIn = (log: string): number =>
    readFileSync(at(log), "utf8")
      .split("\n")
      .reduce((sum, line) => sum + Number(line), 0);

  /** Sure of class 9, which the first two test images have and the third has not: Square attacks two, in no time. */
  function sureOfOneClass(): Uint8Array {
    const sure = new Float32Array(10).fill(5, 9);
    return serializeModel(
      model({
        node: [
          node("Flatten", ["images"], "flat"),
          node("Gemm", ["flat", "weight", "bias"], "logits", [intAttribute("transB", 1)]),
        ],
        initializer: [
          floatTensor("weight", [10, 3072], values(30_720, 1, 1e-3)),
          floatTensor("bias", [10], sure),
        ],
        input: [floatValue("images", ["batch", 3, 32, 32])],
        output: [floatValue("logits", ["batch", 10])],
      }),
    );
  }

  beforeAll(() => {
    writeFileSync(at("sure.onnx"), sureOfOneClass());
    writeFileSync(
      counter,
      `const { appendFileSync } = require("node:fs");
       const { binding } = require(${JSON.stringify(binding)});
       binding.InferenceSession = class extends binding.InferenceSession {
         run(feeds, ...others) {
           appendFileSync(process.env.LOOKS, feeds.images.dims[0] + "\\n");
           return super.run(feeds, ...others);
         }
       };`,
    );
  });

  const CALL =
    "table 2 --robust-teacher ../sure.onnx --attacks aa --attack-images aa=3 --limit-test 3 --set evaluationBatch=1 --json";

  function start(folder: string) {
    mkdirSync(at(folder), { recursive: true });
    const child = spawn(process.execPath, ["--require", counter, main, ...CALL.split(" ")], {
      cwd: at(folder),
      stdio: ["ignore", "pipe", "ignore"],
      env: {
        ...process.env,
        ...environment,
        MTARD_DATA: at("data"),
        MTARD_DEVICE: "cpu",
        LOOKS: at(`${folder}.looks`),
      },
    });
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    const ended = once(child, "close").then(() => stdout);
    return { child, ended };
  }

  /** Where the robust teacher's AutoAttack is: the round, and the batch of it. */
  function place(folder: string): [number, number] {
    const records = at(`${folder}/runs/evaluations/sure`);
    const name =
      existsSync(records) && readdirSync(records).find((each) => /^aa-[0-9a-f]+\.json$/.test(each));
    if (!name) return [0, 0];
    const { record } = JSON.parse(readFileSync(join(records, name), "utf8")) as { record: MeasurementRecord };
    return [record.attack?.round ?? 0, record.attack?.batch ?? 0];
  }

  it("goes on to the same table, and repeats at most one batch", { timeout: 600_000 }, async () => {
    const whole = JSON.parse(await start("whole").ended) as Table;
    expect(whole.rows[1]?.cells.flat().some(({ ours }) => ours !== null && ours.mean > 0)).toBe(true);

    const { child, ended } = start("killed");
    // In Square, its last part, once the first of its two batches is behind it.
    for (let [round, batch] = [0, 0]; !(round === 3 && batch === 1); [round, batch] = place("killed")) {
      expect(child.exitCode).toBeNull();
      await sleep(5);
    }
    child.kill("SIGKILL");
    expect(await ended).toBe("");
    const finished = JSON.parse(await start("killed").ended) as Table;
    expect(finished.rows).toEqual(whole.rows);
    expect(whole.evaluated - finished.evaluated, "the clean teacher's two and a clean accuracy").toBe(3);
    // Square's 5,000 looks at an image, and one at what it made, cost the most of all batches.
    expect(looksIn("killed.looks") - looksIn("whole.looks")).toBeLessThanOrEqual(5001);
    // All of Square once more would be more than that: it has two such batches at the least.
    expect(looksIn("whole.looks")).toBeGreaterThan(2 * 5001);
  });
});
