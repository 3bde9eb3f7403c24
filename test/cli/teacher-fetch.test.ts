import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, expect, it } from "vitest";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { Random } from "#mtard/runtime/random.js";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";
import {
  type Asked,
  drive,
  type DriveFile,
  driveFolder,
  driveHosts,
  sendFile,
  standIn,
  type StandIn,
} from "../teacher/hosts.js";
import { cifar10 } from "../teacher/subset.js";
import { type Saved, Tensor, torchFile } from "../weights/torch-writer.js";
import { mtard, mtardJson, workFolder } from "./mtard.js";

const work = workFolder();
afterAll(() => work.remove());

const weightsOf = (id: string): Buffer =>
  Buffer.concat([...encodeSafetensors(initialWeights(createNetwork(id, cifar10), Random.fromSeed(1)))]);
/** The weights of a network as `torch.save` keeps them. */
const weightsSaved = (seed: number): Saved =>
  Object.fromEntries(
    [...initialWeights(createNetwork("resnet-8", cifar10), Random.fromSeed(seed))].map(
      ([name, { shape, data }]) => [name, new Tensor(shape, data)],
    ),
  );
const small = weightsOf("resnet-8");

let host: StandIn | undefined;
afterEach(() => host?.close());
async function serve(answer: (asked: Asked) => void): Promise<Record<string, string>> {
  host = await standIn([...driveHosts, "huggingface.co", "cdn.example"], answer);
  return { MTARD_LOCAL_HOSTS: host.hosts, HF_TOKEN: "hf_s3cret" };
}
const fetched = (env: Record<string, string>, ...call: string[]) =>
  mtardJson(["teacher", "fetch", ...call], work.path, env);
const failed = async (env: Record<string, string>, ...call: string[]): Promise<string> => {
  const { code, stdout, stderr } = await mtard(["teacher", "fetch", ...call], work.path, env);
  expect({ code: code === 0, stdout }).toEqual({ code: false, stdout: "" });
  return stderr;
};

/** The ids on Google Drive of the teacher of TRADES, of a model of RobustBench and of the RSLAD authors' folder. */
const TRADES = "10sHvaXhTNZGz618QmD5gSOAjO3rMzV33";
const AUGMIX = "1wy7gSRsUZzCzj8QhmTbcnwmES_2kkNph";
const RSLAD = "10I5ZIbB01_lYH8jmkN-Ohn9otINXq-7l";

it("fetches a model of RobustBench by its name, through Drive's confirmation page", async () => {
  const env = await serve(drive({ [AUGMIX]: { kind: "cut", content: weightsOf("wide-resnet-40-2") } }));
  const name = "cifar10-corruptions-Hendrycks2020AugMix_WRN";
  const half = [0.5, 0.5, 0.5];
  expect(await fetched(env, "robustbench:cifar10/corruptions/Hendrycks2020AugMix_WRN")).toMatchObject({
    teacher: { name, network: "wide-resnet-40-2", role: "clean", normalization: { mean: half, std: half } },
  });
  expect(existsSync(join(work.path, "teachers", ".downloads")), "nothing is kept").toBe(false);
  expect((await mtard(["teacher", "show", name], work.path)).stdout).toMatch(
    /expected +clean 95\.08% \(RobustBench/,
  );
});

it("says what became of a download: quota, wrong file, too large a file, a folder without the file", async () => {
  const states: [Record<string, DriveFile>, RegExp][] = [
    [{ [TRADES]: { kind: "quota" } }, /found +its quota page: .*\n +try +try again later, .*--from FILE/],
    [
      { [TRADES]: { kind: "large", content: small } },
      /is wrong; it was removed\n +expected +sha256 2ede52bd/,
    ],
    [{}, /found +404: no such file/],
  ];
  for (const [files, said] of states) {
    const env = await serve(drive(files));
    expect(await failed(env, "cifar10-wide-resnet-34-10")).toMatch(said);
    host?.close();
  }
  const large = await serve(drive({ [TRADES]: { kind: "large", content: weightsOf("wide-resnet-16-2") } }));
  expect(await failed(large, "cifar10-wide-resnet-34-10", "--max-size", "0.001")).toMatch(
    /expected +at most 1000000 bytes\n +found +\d{7} bytes, more than that/,
  );
  host?.close();
  const env = await serve(
    drive(
      { [TRADES]: { kind: "large", content: small } },
      { [RSLAD]: driveFolder([["file", "a", "net.pth"]]) },
    ),
  );
  expect(await failed(env, "cifar10-resnet-18-rslad")).toMatch(
    /there is no resnet18-CIFAR10_RSLAD\* in .*\n.*\n +found +"net\.pth"\n +try +name the file with --file NAME/,
  );
  const link = `https://drive.google.com/file/d/${TRADES}/view`;
  const own = ["--name", "own", "--dataset", "cifar10", "--network", "resnet-8"];
  expect(await failed(env, link, ...own, "--max-size", "0.0001")).toMatch(/--max-size is wrong/);
  expect(await failed(env, link, ...own, "--sha256", "00000000")).toMatch(/is wrong; it was removed/);
  expect(existsSync(join(work.path, "teachers", "own"))).toBe(false);
  expect(await fetched(env, link, ...own)).toMatchObject({ teacher: { name: "own", network: "resnet-8" } });
});

it("fetches one's own from Hugging Face, with the token for that host alone", async () => {
  const env = await serve((asked) => {
    const isFile = asked.host === "cdn.example";
    if (isFile) sendFile(asked, small);
    else
      asked.response
        .writeHead(302, { location: "https://cdn.example/x", "x-linked-size": small.length })
        .end();
  });
  const call = ["--name", "private", "--dataset", "cifar10", "--network", "resnet-8", "--role", "robust"];
  expect(await fetched(env, "hf:owner/name/net.safetensors@v2", ...call)).toMatchObject({
    teacher: { name: "private", role: "robust", source: { file: "net.safetensors" } },
  });
  expect(host?.headers.map(({ authorization }) => authorization)).toEqual(["Bearer hf_s3cret", undefined]);
  const refusing = await serve(({ response }) =>
    response.writeHead(401, { "x-error-code": "GatedRepo" }).end(),
  );
  const said = await failed(refusing, "hf:owner/name/net.safetensors", ...call, "--force");
  expect(said).toMatch(/gated/);
  expect(said).not.toContain("s3cret");
});

it("keeps the checksum of what came first from an address, and says when another file comes", async () => {
  let content = small;
  const env = await serve((asked) => sendFile(asked, content));
  const call = ["https://cdn.example/net.safetensors", "--name", "kept", "--dataset", "cifar10"];
  const fetchKept = () =>
    mtard(["teacher", "fetch", ...call, "--network", "resnet-8", "--force"], work.path, env);
  const said =
    /warning: https:\/\/cdn\.example\/net\.safetensors gave another file than the first time: sha256/;
  for (const again of [false, true]) {
    const { code, stderr } = await fetchKept();
    expect({ code, again, said: said.test(stderr) }).toEqual({ code: 0, again, said: false });
  }
  content = Buffer.concat([
    ...encodeSafetensors(initialWeights(createNetwork("resnet-8", cifar10), Random.fromSeed(2))),
  ]);
  const { code, stderr } = await fetchKept();
  expect(code).toBe(0);
  expect(stderr).toMatch(said);
});

it("takes the weights that --key names, of several in one file", async () => {
  const sets = { state_dict: weightsSaved(1), state_dict_ema: weightsSaved(2) };
  const env = await serve((asked) => sendFile(asked, torchFile(sets)));
  const call = ["hf:owner/name/net.pth", "--name", "chosen", "--dataset", "cifar10", "--network", "resnet-8"];
  const logits: unknown[] = [];
  for (const key of ["state_dict", "state_dict_ema"]) {
    const { teacher } = await fetched(env, ...call, "--key", key, "--force");
    expect(teacher).toMatchObject({ source: { key } });
    logits.push((teacher as { sha256: string }).sha256);
  }
  expect(logits[0]).not.toBe(logits[1]);
  expect(await failed(env, ...call, "--key", "other", "--force")).toMatch(/state_dict_ema/);
});
