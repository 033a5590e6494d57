/**
 * Finds files and TCP sockets that a test left open.
 *
 * Deno's resource sanitizer knows what was opened through `Deno.*` only: a forgotten node:fs descriptor or
 * node:net socket passes it (measured with 2.9.6), and those are what Slotcask uses. Linux names the open
 * descriptors of a process in /proc; elsewhere nothing is found.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { ROOT } from "./runtimes.ts";

const DESCRIPTORS = "/proc/self/fd";
/** How long a close that is under way when the test ends may take. */
const CLOSING_MS = 250;
const POLL_MS = 5;

// Taken once, so that a test which replaces the global timers does not stop this one.
const { setTimeout } = globalThis;

/** What each open descriptor of this process refers to: a path or `socket:[inode]`, by descriptor. */
export function openDescriptors(): Map<string, string> {
  const open = new Map<string, string>();
  for (const descriptor of entries(DESCRIPTORS)) {
    try {
      open.set(descriptor, readlinkSync(`${DESCRIPTORS}/${descriptor}`));
    } catch {
      // The descriptor of the listing itself, closed by now.
    }
  }
  return open;
}

/** Waits until all files and TCP sockets that were opened since `before` are closed; throws if some stay open. */
export async function assertClosed(before: ReadonlyMap<string, string>): Promise<void> {
  const giveUpAt = performance.now() + CLOSING_MS;
  for (;;) {
    const leaks = openedSince(before);
    if (leaks.length === 0) return;
    if (performance.now() > giveUpAt) throw new Error(`Leaks detected: left open: ${leaks.join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function openedSince(before: ReadonlyMap<string, string>): string[] {
  return [...openDescriptors()]
    .filter(([descriptor, target]) => before.get(descriptor) !== target)
    .map(([, target]) => leakName(target))
    .filter((name) => name !== undefined);
}

/** Undefined for what the runtime opens for itself: its caches, and the sockets behind signals and children. */
function leakName(target: string): string | undefined {
  if (target.startsWith(ROOT) || target.startsWith(tmpdir())) return `file ${target}`;
  const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
  const port = inode === undefined ? undefined : tcpPort(inode);
  return port === undefined ? undefined : `TCP socket on port ${port}`;
}

function tcpPort(inode: string): number | undefined {
  for (const table of ["tcp", "tcp6"]) {
    // A line is: number, local address:port (in hex), remote one, ..., with the inode as the tenth field.
    const lines = text(`/proc/self/net/${table}`).split("\n").map((line) => line.trim().split(/\s+/));
    const local = lines.find((fields) => fields[9] === inode)?.[1];
    if (local !== undefined) return parseInt(local.split(":")[1], 16);
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
