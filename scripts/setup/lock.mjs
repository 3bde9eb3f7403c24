import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";

/**
 * Does the work while no other process of this machine does work under the same name.
 *
 * The lock is an abstract Unix socket: the kernel gives it up when the process ends, however it ends.
 *
 * @template T
 * @param {string} name
 * @param {() => void} waiting Called once if another process holds the lock.
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(name, waiting, work) {
  const digest = createHash("sha256")
    .update(`${process.getuid?.() ?? ""} ${name}`)
    .digest("hex");
  const path = `\0mtard-setup-${digest.slice(0, 32)}`;
  let server = await listen(path);
  if (server === undefined) waiting();
  for (; server === undefined; server = await listen(path)) await setTimeout(200);
  try {
    return await work();
  } finally {
    server.close();
  }
}

/**
 * @param {string} path
 * @returns {Promise<import("node:net").Server | undefined>} Undefined if someone else listens there.
 */
function listen(path) {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.on("error", (/** @type {NodeJS.ErrnoException} */ error) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen({ path }, () => resolve(server));
  });
}
