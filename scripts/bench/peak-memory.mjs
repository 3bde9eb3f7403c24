// For `node --import`: writes the process's peak of resident memory, in bytes, to the file MTARD_PEAK_MEMORY names when it ends.
import { readFileSync, writeFileSync } from "node:fs";

const file = process.env["MTARD_PEAK_MEMORY"];
// Not `resourceUsage().maxRSS`, which begins with the memory of the process that started this one.
process.once("exit", () => {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  if (file !== undefined) writeFileSync(file, String(Number(kilobytes) * 1024));
});
