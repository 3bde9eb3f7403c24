import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { linkAtomically } from "./cache.mjs";

/**
 * Links the native libraries to where tfjs-node and onnxruntime-node, in the cache, look for them.
 *
 * @param {import("./record.mjs").SetupRecord} made
 */
export function linkNative({ packages, libraries, binding, device }) {
  const modules = join(packages, "node_modules");
  linkAtomically(
    join(binding, "tfjs_binding.node"),
    join(modules, "@tensorflow/tfjs-node-gpu/lib/napi-v8/tfjs_binding.node"),
  );
  if (device === "cpu") return;
  const onnxruntime = join(modules, "onnxruntime-node/bin/napi-v6/linux/x64");
  for (const name of ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"])
    linkAtomically(join(libraries, "onnxruntime/capi", name), join(onnxruntime, name));
  linkAtomically(join(binding, "cuda_libraries.node"), join(onnxruntime, "cuda_libraries.node"));
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
