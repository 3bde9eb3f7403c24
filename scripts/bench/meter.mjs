// For `node --import`: writes what a process took to the file that MTARD_TAKEN names when it ends, as JSON.
import { readFileSync, writeFileSync } from "node:fs";

const file = process.env["MTARD_TAKEN"];
process.once("exit", () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  // Not `resourceUsage().maxRSS`, which begins with the memory of the process that started this one.
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  const taken = { peakBytes: Number(kilobytes) * 1024, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6 };
  if (file !== undefined) writeFileSync(file, JSON.stringify(taken));
});
