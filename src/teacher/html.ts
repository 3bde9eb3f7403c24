/** Reads at most `most` bytes of a page as text; the rest is not taken. */
export async function readPage(response: Response, most = 2 ** 21): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (response.body === null) return "";
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    size += chunk.length;
    // Leaving the loop cancels what is still to come.
    if (size >= most) break;
  }
  return Buffer.concat(chunks).subarray(0, most).toString("utf8");
}

/** Whether an answer says that it is a page. */
export function isPage({ headers }: Response): boolean {
  return /^text\/html\b/i.test(headers.get("content-type") ?? "");
}

/** The tags of a kind, in their order, each as its attributes. */
export function tagsOf(page: string, kind: string): ReadonlyMap<string, string>[] {
  return [...page.matchAll(new RegExp(`<${kind}\\b([^<>]*)>`, "gi"))].map(
    ([, attributes = ""]) =>
      new Map(
        [...attributes.matchAll(/([\w-]{1,40})\s{0,5}=\s{0,5}"([^"]*)"/g)].map(
          ([, name = "", value = ""]) => [name.toLowerCase(), decodeEntities(value)],
        ),
      ),
  );
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Text as a reader sees it: `&amp;`, `&#39;` and their like replaced. */
export function decodeEntities(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w+));/gi,
    (whole, decimal?: string, hex?: string, name?: string) => {
      const code = decimal !== undefined ? Number(decimal) : hex !== undefined ? parseInt(hex, 16) : null;
      if (code !== null) return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
      return entities[name ?? ""] ?? whole;
    },
  );
}
