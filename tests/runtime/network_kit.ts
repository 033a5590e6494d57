/** Both ends of connections that remember what they were told, and what a test has to clean up. */
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { Connection, ConnectionHandlers, Listener } from "../../src/runtime/runtime.ts";
import { type Child, otherProgram, script, start } from "./child.ts";

export const { files, network } = detectRuntime();
export const LOOPBACK = { host: "127.0.0.1", port: 0 };
export const TIMEOUT_MS = 4_000;

/** One end of a connection that remembers what it was told. */
export class End implements ConnectionHandlers {
  readonly events: string[] = [];
  readonly chunks: Uint8Array[] = [];
  readonly closed: Promise<Error | undefined>;
  connection!: Connection;
  drains = 0;
  /** Called after each piece of data. */
  onMore: () => void = () => {};
  #resolveClosed!: (error: Error | undefined) => void;

  constructor() {
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
  }

  onData(bytes: Uint8Array): void {
    this.events.push("data");
    this.chunks.push(bytes.slice());
    this.onMore();
  }

  onDrain(): void {
    this.drains++;
    this.events.push("drain");
  }

  onClose(error?: Error): void {
    this.events.push("close");
    this.#resolveClosed(error);
  }

  get received(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.received);
    let at = 0;
    for (const chunk of this.chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  /** Resolves once `count` bytes have arrived. */
  has(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.onMore = () => this.received >= count && resolve();
      this.onMore();
    });
  }
}

export const listeners: Listener[] = [];
export const connections: Connection[] = [];
const children: Child[] = [];
const directories: string[] = [];

/** After each test. */
export async function cleanUp(): Promise<void> {
  for (const child of children.splice(0)) {
    child.process.kill("SIGKILL");
    await child.ended;
  }
  for (const directory of directories.splice(0)) files.remove(directory);
  for (const connection of connections.splice(0)) connection.destroy();
  for (const listener of listeners.splice(0)) await listener.close();
}

export async function listen(accepted: (end: End) => void, using = network): Promise<Listener> {
  const listener = await using.listen(LOOPBACK, (connection) => {
    const end = new End();
    end.connection = connection;
    connections.push(connection);
    accepted(end);
    return end;
  });
  listeners.push(listener);
  return listener;
}

/** Both ends of a fresh connection. */
export async function pair(using = network): Promise<{ near: End; far: End }> {
  const near = new End();
  const { promise, resolve } = Promise.withResolvers<End>();
  const { address } = await listen(resolve, using);
  near.connection = await using.connect(address, near, TIMEOUT_MS);
  connections.push(near.connection);
  return { near, far: await promise };
}

/** Bytes whose order shows. */
export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 255);
}

/** A child that does not outlive the test. */
export function startChild(name: string, args: string[] = []): Child {
  const child = start(script(otherProgram, name, args));
  children.push(child);
  return child;
}

/** A directory that does not outlive the test. */
export function makeDirectory(): string {
  const directory = files.makeTemporaryDirectory("slotcask-network-");
  directories.push(directory);
  return directory;
}
