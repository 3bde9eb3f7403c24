const message = "Print by src/cli/output.ts, which makes text harmless and outlives a closed channel.";

/**
 * Keeps all of `src/` from printing past `cli/channels.ts`, and so past what makes text harmless. `native-check.ts` is a program of its own
 * that answers another one through a pipe.
 *
 * @type {import("eslint").Linter.Config}
 */
export const channelsConfig = {
  files: ["src/**/*.ts"],
  ignores: ["src/cli/channels.ts", "src/runtime/native-check.ts"],
  rules: {
    "no-console": "error",
    "no-restricted-imports": ["error", ...["process", "node:process", "console", "node:console"]],
    "no-restricted-syntax": [
      "error",
      ...[
        "MemberExpression[property.name=/^(stdout|stderr)$/][object.name='process']",
        "MemberExpression[property.value=/^(stdout|stderr)$/][object.name='process']",
        "VariableDeclarator[init.name='process'] > ObjectPattern",
        "CallExpression[callee.name=/^write(v|File)?(Sync)?$/][arguments.0.raw=/^[12]$/]",
        "CallExpression[arguments.0.value=/^.dev.(stdout|stderr|tty|fd.[12])$/]",
      ].map((selector) => ({ selector, message })),
    ],
  },
};
