import { InputError, WorkError } from "../errors.js";
import { version } from "../version.js";

const MOST_REDIRECTS = 10;

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers that only this host may see, and only by https: a redirect to another host does not carry them. */
  readonly secret?: { readonly host: string; readonly headers: Readonly<Record<string, string>> } | undefined;
  readonly signal?: AbortSignal;
}

/** The answer at the end of the redirects. */
export interface Received {
  readonly response: Response;
  /** The address that answered. */
  readonly url: URL;
  /** The headers of the redirects on the way, the first first. */
  readonly passed: readonly Headers[];
}

/**
 * Sends a GET request by https, or to this machine by http too, and follows at most ten redirects, none of them out of that.
 *
 * @throws {WorkError} if the address is by http, the redirects are too many, or lead somewhere else than the web or out of https; what `fetch` throws if there is no answer.
 */
export async function request(address: string, options: RequestOptions = {}): Promise<Received> {
  const { headers, secret, signal } = options;
  const passed: Headers[] = [];
  let url = new URL(address);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url)))
    throw new WorkError(`cannot download ${address}`, {
      expected: "an address by https",
      found: `one by ${url.protocol.slice(0, -1)}`,
      fix: "fetch the file elsewhere and give it with --from FILE",
    });
  for (;;) {
    const trusted = secret?.host === url.host && url.protocol === "https:";
    const local = localPort(url);
    const response = await fetch(
      local === null ? url.href : `http://127.0.0.1:${local}${url.pathname}${url.search}`,
      {
        headers: {
          "user-agent": `mtard/${version}`,
          ...headers,
          ...(trusted ? secret.headers : {}),
          ...(local === null ? {} : { "x-forwarded-host": url.host }),
        },
        redirect: "manual",
        ...(signal ? { signal } : {}),
      },
    );
    const location = response.headers.get("location");
    if (location === null || response.status < 300 || response.status > 399) return { response, url, passed };
    await response.body?.cancel();
    passed.push(response.headers);
    url = redirected(location, url, address, passed.length);
  }
}

function redirected(location: string, from: URL, address: string, count: number): URL {
  const next = URL.canParse(location, from.href) ? new URL(location, from) : null;
  const isLocal = next?.protocol === "http:" && from.protocol === "http:" && isLoopback(next);
  const secure = next?.protocol === "https:" || isLocal;
  if (next && secure && count <= MOST_REDIRECTS) return next;
  throw new WorkError(`cannot download ${address}`, {
    expected: `at most ${MOST_REDIRECTS} redirects, all to https`,
    found: count > MOST_REDIRECTS ? "more redirects" : `a redirect to ${location.slice(0, 200)}`,
    fix: "open the address in a browser; or fetch the file elsewhere and give it with --from FILE",
  });
}

/** Whether an address names this machine, where http is as safe as https. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/**
 * The port of this machine that stands in for a host, or null. `MTARD_LOCAL_HOSTS=HOST=PORT,...` is how tests answer for public hosts;
 * it can name nothing but ports of this machine.
 *
 * @throws {InputError} if the variable says something else.
 */
function localPort(url: URL): number | null {
  const text = process.env["MTARD_LOCAL_HOSTS"] ?? "";
  for (const pair of text.split(",").filter((each) => each !== "")) {
    const [, host, port] = /^([a-z0-9.-]+)=(\d{1,5})$/.exec(pair) ?? [];
    if (host === undefined)
      throw new InputError("MTARD_LOCAL_HOSTS is not a list of hosts and ports of this machine", {
        expected: "HOST=PORT,HOST=PORT",
        found: text,
        fix: "unset MTARD_LOCAL_HOSTS, which only tests need",
      });
    if (host === url.host) return Number(port);
  }
  return null;
}
