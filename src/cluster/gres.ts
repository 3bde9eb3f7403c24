/**
 * How many of each generic resource a text of Slurm's names: `gpu:a100:4(S:0-1),nvme:1` has four of `gpu`, four of `gpu:a100` and one of `nvme`.
 */
export function gresCounts(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const part of text.replace(/\([^)]*\)/g, "").split(",")) {
    const words = part.replace(/^gres[/:]/, "").split(/[:=]/);
    const last = /^(\d+)([KMG]?)$/i.exec(words.at(-1) ?? "");
    const count = last
      ? Number(last[1]) * ({ K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[(last[2] ?? "").toUpperCase()] ?? 1)
      : 1;
    const [name = "", type] = last ? words.slice(0, -1) : words;
    if (name === "") continue;
    for (const key of type === undefined ? [name] : [name, `${name}:${type}`])
      counts.set(key, (counts.get(key) ?? 0) + count);
  }
  return counts;
}
