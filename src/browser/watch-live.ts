import { element, find } from "./watch-elements.js";
import type { Changes, Overview } from "./watch-types.js";

/** What a page does with what it hears. */
export interface Listener {
  /** At the start, and after every loss of the connection. */
  readonly onOverview: (overview: Overview) => void;
  readonly onChanges: (changes: Changes) => void;
}

/**
 * Listens to what changes, while the page is seen: a browser has six connections to a server for all its pages, and each that listens keeps
 * one. The browser comes back by itself when the connection is lost, and the page says so meanwhile.
 */
export function listen({ onOverview, onChanges }: Listener): void {
  let source: EventSource | null = null;

  function open(): void {
    if (source !== null || document.hidden) return;
    const opened = new EventSource("/events");
    source = opened;
    opened.addEventListener("overview", ({ data }: MessageEvent<string>) => {
      showConnection("live");
      const overview = JSON.parse(data) as Overview;
      showNotes(overview.notes);
      onOverview(overview);
    });
    opened.addEventListener("changes", ({ data }: MessageEvent<string>) => {
      const changes = JSON.parse(data) as Changes;
      if (changes.notes) showNotes(changes.notes);
      onChanges(changes);
    });
    opened.addEventListener("error", () => {
      showConnection("lost");
      // After some answers, such as that of a server which is full, a browser gives up.
      if (opened.readyState !== EventSource.CLOSED) return;
      close();
      setTimeout(open, 5000);
    });
  }

  function close(): void {
    source?.close();
    source = null;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  // A connection that is kept open would keep others from beginning when a page is left for another one.
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}

/** Says whether what is shown is what is there. */
export function showConnection(state: "live" | "lost"): void {
  const live = find("live");
  if (live.dataset["state"] === state) return;
  live.dataset["state"] = state;
  live.textContent = state === "live" ? "live" : "not connected";
}

function showNotes(notes: readonly string[]): void {
  find("notes").replaceChildren(...notes.map((note) => element("p", { class: "note" }, note)));
}

/** Asks the server for JSON. @throws {Error} saying what it answered. */
export async function ask<Answer>(path: string): Promise<Answer> {
  const response = await fetch(path);
  if (!response.ok) throw new Error((await response.text()).trim() || response.statusText);
  return (await response.json()) as Answer;
}
