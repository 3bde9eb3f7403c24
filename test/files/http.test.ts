import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isLoopback, request } from "#mtard/files/http.js";

let server: Server;
let answer: (message: IncomingMessage, response: ServerResponse) => void;
beforeEach(async () => {
  server = createServer((message, response) => answer(message, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  vi.stubEnv("MTARD_LOCAL_HOSTS", `files.example=${port},other.example=${port}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.close();
});

/** What the server was asked: the host that this machine stood in for, the path, the secret. */
const seen = ({ headers, url }: IncomingMessage): unknown[] => [
  headers["x-forwarded-host"],
  url,
  headers.authorization,
];
const secret = { host: "files.example", headers: { authorization: "Bearer s3cret" } };

describe("request", () => {
  it("follows redirects and leaves the secret at the host it is for", async () => {
    const asked: unknown[] = [];
    const ways: Readonly<Record<string, string>> = {
      "/a?x=1": "/b",
      "/b": "https://other.example/c",
      "/c": "https://files.example/d",
    };
    answer = (message, response) => {
      asked.push(seen(message));
      const location = ways[message.url ?? ""];
      response
        .writeHead(location === undefined ? 200 : 302, location === undefined ? {} : { location })
        .end("ok");
    };
    const { response, url, passed } = await request("https://files.example/a?x=1", { secret });
    expect(await response.text()).toBe("ok");
    expect(url.href).toBe("https://files.example/d");
    expect(passed.map((headers) => headers.get("location"))).toEqual(Object.values(ways));
    expect(asked).toEqual([
      ["files.example", "/a?x=1", "Bearer s3cret"],
      ["files.example", "/b", "Bearer s3cret"],
      ["other.example", "/c", undefined],
      ["files.example", "/d", "Bearer s3cret"],
    ]);
  });

  it("refuses ways out of https, to other schemes, and in circles, and shows no secret", async () => {
    const cases: [string, RegExp][] = [
      ["http://files.example/plain", /a redirect to http:/],
      ["file:///etc/passwd", /a redirect to file:/],
      ["http://[", /a redirect to http:/],
      ["/again", /more redirects/],
    ];
    for (const [location, said] of cases) {
      answer = (_, response) => void response.writeHead(301, { location }).end();
      const error = (await request("https://files.example/", { secret }).catch(
        (cause: unknown) => cause,
      )) as Error & {
        report: () => string;
      };
      expect(error.report()).toMatch(said);
      expect(error.report()).not.toContain("s3cret");
    }
  });

  it("asks no other machine by http, and follows no way to one", async () => {
    await expect(request("http://files.example/")).rejects.toThrow(/cannot download/);
    answer = (_, response) => void response.writeHead(302, { location: "http://other.example/" }).end();
    const { port } = server.address() as AddressInfo;
    for (const start of [`http://127.0.0.1:${port}/`, "https://files.example/"])
      await expect(request(start)).rejects.toThrow(/cannot download/);
  });

  it("lets nothing but ports of this machine stand in for a host", async () => {
    for (const value of ["files.example=evil.example:80", "files.example", "a=1,b=http://x"]) {
      vi.stubEnv("MTARD_LOCAL_HOSTS", value);
      await expect(request("https://files.example/")).rejects.toThrow(/MTARD_LOCAL_HOSTS is not a list/);
    }
  });
});

it("knows this machine's own addresses", () => {
  const own = ["http://127.0.0.1:80/", "http://localhost/", "http://[::1]:3/"];
  const others = ["http://127.0.0.1.example/", "http://10.0.0.1/", "http://localhost.example/"];
  expect(own.map((each) => isLoopback(new URL(each)))).toEqual([true, true, true]);
  expect(others.map((each) => isLoopback(new URL(each)))).toEqual([false, false, false]);
});
