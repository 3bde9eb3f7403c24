import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { completeFolder, contentKey } from "./cache.mjs";
import { SetupError } from "./failure.mjs";
import { lastLine, run } from "./run.mjs";

const compiler = process.env["CXX"] || "g++";
const FLAGS = ["-std=c++17", "-O2", "-fPIC", "-shared", "-DNAPI_VERSION=8"];

/** What ONNX Runtime's CUDA provider needs, in the order their own needs allow; nvrtc is opened by cuDNN. */
const CUDA_LIBRARIES = [
  "cuda_runtime/lib/libcudart.so.12",
  "cublas/lib/libcublasLt.so.12",
  "cublas/lib/libcublas.so.12",
  "curand/lib/libcurand.so.10",
  "nvjitlink/lib/libnvJitLink.so.12",
  "cufft/lib/libcufft.so.11",
  "cuda_nvrtc/lib/libnvrtc.so.12",
  "cudnn/lib/libcudnn.so.9",
];

/**
 * Compiles tfjs's binding, with functions, against the libraries, the module with the kernel's file locks, and for CUDA the module that loads
 * ONNX Runtime's CUDA libraries.
 *
 * The result lies beside the libraries, finds them by a relative run path, and serves every Node version (N-API 8).
 *
 * @param {string} packages The folder with the npm packages of both engines.
 * @param {string} libraries
 * @param {import("./wheels.mjs").Device} device
 * @returns {Promise<{ folder: string, made: boolean }>}
 */
export async function buildBinding(packages, libraries, device) {
  const require = createRequire(join(packages, "package.json"));
  const sources = join(dirname(require.resolve("@tensorflow/tfjs-node-gpu/package.json")), "binding");
  const headers = join(dirname(require.resolve("node-api-headers/package.json")), "include");
  const ours = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
  const locksSource = ours("file_locks.cc");
  const cudaSource = ours("cuda_libraries.cc");
  const functionsSource = ours("tensorflow_functions.cc");

  /** @type {Record<string, string[]>} What to build, and how. */
  const modules = {
    "tfjs_binding.node": [
      `-I${libraries}/tensorflow/include`,
      `-I${sources}`,
      functionsSource,
      ...linked("tensorflow/libtensorflow_cc.so.2"),
      ...linked("tensorflow/libtensorflow_framework.so.2"),
    ],
    "file_locks.node": [locksSource],
    ...(device === "cuda" && {
      "cuda_libraries.node": [
        cudaSource,
        "-Wl,--no-as-needed",
        ...CUDA_LIBRARIES.flatMap((path) => linked(`nvidia/${path}`)),
      ],
    }),
  };

  /** @param {string} path */
  function linked(path) {
    const folder = dirname(path);
    return [
      `-L${libraries}/${folder}`,
      `-l:${path.slice(folder.length + 1)}`,
      `-Wl,-rpath,$ORIGIN/../${folder}`,
    ];
  }

  const texts = readdirSync(sources)
    .sort()
    .map((name) => readFileSync(join(sources, name)));
  const recipe = JSON.stringify([FLAGS, modules]).replaceAll(libraries, "").replaceAll(packages, "");
  const included = ["batch_parts.h", "arguments.h"].map(ours);
  const own = [locksSource, cudaSource, functionsSource, ...included].map((source) => readFileSync(source));
  const folder = join(libraries, `binding-${contentKey(recipe, ...own, ...texts)}`);
  const made = await completeFolder(folder, async (partial) => {
    for (const [name, args] of Object.entries(modules))
      await compile([...FLAGS, `-I${headers}`, ...args, "-o", join(partial, name)]);
  });
  return { folder, made };
}

/** @param {string[]} args */
async function compile(args) {
  const result = await run(compiler, args);
  if (!result.ok)
    throw new SetupError("the bindings to native libraries do not compile", {
      expected: "a C++17 compiler and libstdc++",
      found: lastLine(result),
      fix: `${compiler} --version should be 9 or newer; then the same command again`,
    });
}
