import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";
import { channelsConfig } from "./scripts/lint/channels.mjs";
import { floorsRule } from "./scripts/lint/floors.mjs";

export default defineConfig(
  globalIgnores([
    "dist/",
    "node_modules/",
    ".cache/",
    "data/",
    "runs/",
    "teachers/",
    "coverage/",
    "docs/api/",
  ]),
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Tensors are looked up by name, and only the reader knows their rank.
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      "@typescript-eslint/consistent-type-imports": "error",
      // An interface of what a schema parses reads better, also in the API page, than the schema's type.
      "@typescript-eslint/no-empty-object-type": ["error", { allowInterfaces: "with-single-extends" }],
      "no-console": "error",
    },
  },
  {
    files: ["src/**/*.ts"],
    plugins: { mtard: { rules: { floors: floorsRule } } },
    rules: { "mtard/floors": "error" },
  },
  channelsConfig,
  {
    files: ["test/**/*.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        { selector: "MemberExpression[property.name='only']", message: "A focused test hides the others." },
      ],
    },
  },
  {
    files: ["examples/**"],
    rules: { "no-console": "off" },
  },
  {
    files: ["scripts/**"],
    languageOptions: { globals: { console: "readonly", process: "readonly", URL: "readonly" } },
    rules: { "no-console": "off" },
  },
  {
    files: ["test/**/*.mjs"],
    languageOptions: { globals: { console: "readonly", process: "readonly" } },
  },
);
