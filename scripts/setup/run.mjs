import { spawn } from "node:child_process";

/**
 * Runs a program to its end and returns what it printed; `show` lets it print to the terminal as well as it goes.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean }} [options]
 * @returns {Promise<{ ok: boolean, stdout: string, stderr: string }>} `ok` is false if it could not start, too.
 */
export function run(program, args, { cwd, env, show = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", show ? "inherit" : "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text) => (stderr += text));
    child.on("error", (error) => resolve({ ok: false, stdout, stderr: error.message }));
    child.on("close", (code, signal) =>
      resolve({ ok: code === 0, stdout, stderr: signal === null ? stderr : `${stderr}\nended by ${signal}` }),
    );
  });
}

/**
 * The last line of a program's output that says something, for an error's `found`.
 *
 * @param {{ stdout: string, stderr: string }} result
 */
export function lastLine({ stdout, stderr }) {
  const lines = `${stdout}\n${stderr}`.split("\n").filter((line) => line.trim() !== "");
  return (lines.findLast((line) => /\berror\b/i.test(line)) ?? lines.at(-1) ?? "it printed nothing").trim();
}
