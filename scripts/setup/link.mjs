import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { linkAtomically } from "./cache.mjs";

/**
 * Links what is in the cache to where tfjs-node and onnxruntime-node look for it.
 *
 * @param {string} root The checkout.
 * @param {string} libraries
 * @param {string} binding
 * @param {import("./wheels.mjs").Device} device
 */
export function linkNative(root, libraries, binding, device) {
  const require = createRequire(join(root, "package.json"));
  const tensorflow = dirname(require.resolve("@tensorflow/tfjs-node-gpu/package.json"));
  linkAtomically(join(binding, "tfjs_binding.node"), join(tensorflow, "lib/napi-v8/tfjs_binding.node"));

  const onnxruntime = join(
    dirname(require.resolve("onnxruntime-node/package.json")),
    "bin/napi-v6/linux/x64",
  );
  const cudaOnly = {
    "libonnxruntime_providers_cuda.so": join(libraries, "onnxruntime/capi/libonnxruntime_providers_cuda.so"),
    "libonnxruntime_providers_shared.so": join(
      libraries,
      "onnxruntime/capi/libonnxruntime_providers_shared.so",
    ),
    "cuda_libraries.node": join(binding, "cuda_libraries.node"),
  };
  for (const [name, target] of Object.entries(cudaOnly))
    if (device === "cuda") linkAtomically(target, join(onnxruntime, name));
    else rmSync(join(onnxruntime, name), { force: true });
}

/**
 * Makes `npx mtard` run the checkout's own build.
 *
 * @param {string} root
 */
export function linkCommand(root) {
  chmodSync(join(root, "dist/cli/main.js"), 0o755);
  mkdirSync(join(root, "node_modules/.bin"), { recursive: true });
  linkAtomically("../../dist/cli/main.js", join(root, "node_modules/.bin/mtard"));
}
