import { spawn } from "node:child_process";
import { main } from "./mtard.js";

/*
 * A terminal of so many columns, from Python's standard library: it runs a command, types Ctrl-C for each text that is waited for, in
 * turn, and hands on all that is shown.
 */
const TERMINAL = `
import fcntl, os, pty, struct, sys, termios
columns, waits, command = int(sys.argv[1]), [w.encode() for w in sys.argv[2].split("|") if w], sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.execv(command[0], command)
shown, since = b"", 0
while True:
    try:
        more = os.read(terminal, 65536)
    except OSError:
        more = b""
    if not more:
        break
    os.write(1, more)
    shown += more
    if waits and waits[0] in shown[since:]:
        since = len(shown)
        waits.pop(0)
        os.write(terminal, b"\\x03")
_, status = os.waitpid(pid, 0)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
`;

/** How a command ended in a terminal, and all that it showed. */
export interface Shown {
  readonly code: number | null;
  readonly screen: string;
}

interface TerminalOptions {
  readonly columns?: number;
  /** Texts after which Ctrl-C is typed, each once and in turn. */
  readonly interruptAt?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs the command line in a terminal. */
export function mtardInTerminal(
  args: readonly string[],
  cwd: string,
  { columns = 80, interruptAt = [], environment = {} }: TerminalOptions = {},
): Promise<Shown> {
  // A person's terminal: CI, where these tests may run, has Node count no colours.
  const plain = { CI: undefined, NO_COLOR: undefined, FORCE_COLOR: undefined, TERM: "xterm" };
  const stores = { MTARD_DATA: "", MTARD_TEACHERS: "", MTARD_DEVICE: "cpu" };
  const child = spawn(
    "python3",
    ["-c", TERMINAL, String(columns), interruptAt.join("|"), process.execPath, main, ...args],
    {
      cwd,
      env: { ...process.env, ...plain, ...stores, ...environment },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let screen = "";
  child.stdout.on("data", (chunk: Buffer) => (screen += chunk.toString()));
  return new Promise((settle) => {
    child.on("close", (code) => settle({ code, screen }));
  });
}
