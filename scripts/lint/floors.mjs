import { posix } from "node:path";

/**
 * The folders of `src/`, the lowest floor first: a file imports from its own floor and from those below it, types included. What lies
 * beside the folders is a floor of its own: `harmless.ts`, `errors.ts`, `version.ts` and `nearest.ts` below them, `index.ts` above them.
 */
export const floors = /** @type {const} */ ([
  "harmless.ts",
  "errors.ts",
  "version.ts",
  "nearest.ts",
  "browser",
  "files",
  "cluster",
  "runtime",
  "graph",
  "networks",
  "weights",
  "onnx",
  "data",
  "corruptions",
  "attacks",
  "student",
  "methods",
  "teacher",
  "recipes",
  "run",
  "model",
  "evaluation",
  "training",
  "self-check",
  "paper",
  "reproduction",
  "jobs",
  "report",
  "watch",
  "library",
  "cli",
  "index.ts",
]);

/** @type {readonly string[]} */
const order = floors;

/** The floor of a file, by its path with `/` between folders; null outside of `src/`. @param {string} path */
function floorOf(path) {
  const [, inner] = /(?:^|\/)src\/(.*)$/.exec(path) ?? [];
  return inner === undefined ? null : (inner.split("/")[0] ?? null);
}

/**
 * Refuses an import from a higher floor, and a folder that is no floor.
 *
 * @type {import("eslint").Rule.RuleModule}
 */
export const floorsRule = {
  meta: {
    type: "problem",
    schema: [],
    messages: {
      upward: "{{from}} lies below {{to}} and must not import from it: see docs/architecture.md",
      unknown: '"{{floor}}" is no floor of src/: put it in its place in scripts/lint/floors.mjs',
    },
  },
  create(context) {
    const path = context.filename.replaceAll("\\", "/");
    const from = floorOf(path);
    if (from === null) return {};
    const height = order.indexOf(from);

    /** @param {import("estree").Node} node @param {unknown} source */
    function check(node, source) {
      if (typeof source !== "string" || !source.startsWith(".")) return;
      const to = floorOf(posix.join(posix.dirname(path), source.replace(/\.js$/, ".ts")));
      if (to === null || height < 0) return;
      if (!order.includes(to)) context.report({ node, messageId: "unknown", data: { floor: to } });
      else if (order.indexOf(to) > height)
        context.report({ node, messageId: "upward", data: { from: String(from), to } });
    }
    /** @param {any} node every kind of import and export has its module in `source` */
    const checkSource = (node) => check(node, node.source?.value);
    return {
      Program(node) {
        if (height < 0) context.report({ node, messageId: "unknown", data: { floor: from } });
      },
      ImportDeclaration: checkSource,
      ExportNamedDeclaration: checkSource,
      ExportAllDeclaration: checkSource,
      ImportExpression: checkSource,
      TSImportType: checkSource,
    };
  },
};
