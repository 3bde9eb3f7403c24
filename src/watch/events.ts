import type { ServerResponse } from "node:http";
import type { Changes, Overview } from "../browser/watch-types.js";
import { harmlessJson } from "../harmless.js";
import type { Watcher } from "./watcher.js";

/** The pages that are told of changes as they happen, by server-sent events. */
export interface EventStreams {
  /** Sends all there is now, and from then on what changes, until the page is gone. */
  join(response: ServerResponse): void;
  end(): void;
}

/** So that whatever stands between knows that the connection is alive; milliseconds. */
const HEARTBEAT = 15_000;
/** A browser has six connections to a server; many pages of many people fit. */
const MOST_PAGES = 64;
/** A page that takes nothing is dropped when so much waits for it; it asks anew when it wakes up. */
const MOST_WAITING = 2 ** 23;

export function eventStreams(watcher: Watcher): EventStreams {
  const pages = new Map<ServerResponse, () => void>();
  const heartbeat = setInterval(() => {
    for (const page of pages.keys()) write(page, ":\n\n");
  }, HEARTBEAT);
  heartbeat.unref();

  function write(page: ServerResponse, text: string): void {
    if (page.writableLength > MOST_WAITING) page.destroy();
    else page.write(text);
  }

  return {
    join(response) {
      if (pages.size >= MOST_PAGES) {
        response.writeHead(503, { "content-type": "text/plain" }).end("too many pages are open\n");
        return;
      }
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      // A browser comes back by itself, after so many milliseconds.
      write(response, `retry: 1000\n${event("overview", watcher.overview())}`);
      pages.set(
        response,
        watcher.listen((changes) => write(response, event("changes", changes))),
      );
      response.on("close", () => {
        pages.get(response)?.();
        pages.delete(response);
      });
    },
    end() {
      clearInterval(heartbeat);
      for (const [page, forget] of pages) {
        forget();
        page.end();
      }
    },
  };
}

/** JSON has no line breaks outside of strings, and in them they are escaped. */
function event(name: "overview" | "changes", content: Overview | Changes): string {
  return `event: ${name}\ndata: ${harmlessJson(content)}\n\n`;
}
