/* What oneDNN tells of its primitives with ONEDNN_VERBOSE=1: the kernels inside TensorFlow's functions, which no profiler of ours sees. */

/** How its propagation kinds are called here. @type {Readonly<Record<string, string>>} */
const WAYS = {
  forward_training: "forward",
  forward_inference: "forward",
  backward: "backward",
  backward_data: "gradient of the input",
  backward_weights: "gradient of the weights",
};

/**
 * The kind of operation of a line of oneDNN's and how long it took, or null for a line that tells of no operation.
 *
 * @param {string} line `onednn_verbose,v1,primitive,exec,cpu,PRIMITIVE,IMPLEMENTATION,PROPAGATION,...,PROBLEM,MILLISECONDS`; newer versions
 * have more fields before `exec`.
 */
export function parseOneDnn(line) {
  const fields = line.trim().split(",");
  const begin = fields.indexOf("exec");
  if (fields[0] !== "onednn_verbose" || begin < 0) return null;
  const [primitive = "", , way = ""] = fields.slice(begin + 2);
  const milliseconds = Number(fields.at(-1));
  if (!Number.isFinite(milliseconds)) return null;
  const problem = fields.at(-2) ?? "";
  const name = primitive === "convolution" ? convolutionName(problem) : primitive.replaceAll("_", " ");
  const kind = [name, WAYS[way]].filter((word) => word !== undefined).join(", ");
  return { kind, seconds: milliseconds / 1000 };
}

/**
 * @param {string} problem Such as `g32mb32_ic32oc32_ih32oh32kh3sh1dh0ph1_iw32ow32kw3sw1dw0pw1`; `g` is there for groups only.
 */
function convolutionName(problem) {
  const kernel = /kh(\d+)/.exec(problem)?.[1] ?? "?";
  const groups = Number(/^g(\d+)/.exec(problem)?.[1] ?? 1);
  return `${groups > 1 ? "depthwise convolution" : "convolution"} ${kernel}x${kernel}`;
}
