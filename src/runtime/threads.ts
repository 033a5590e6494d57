/** Threads: both runtimes have those of Node. */

import {
  isMainThread,
  MessageChannel,
  parentPort,
  receiveMessageOnPort,
  Worker,
  workerData,
} from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";
import { fileURLToPath } from "node:url";
import { asError } from "../error_code.ts";
import type { DenoNamespace } from "./deno.ts";

/** What a thread and its owner send each other goes this way, and comes in the order of sending. */
export interface ThreadPort {
  /** Sends a message: a copy, but for shared memory. */
  post(message: unknown): void;
  /** Is told of each that comes. */
  onMessage: (message: unknown) => void;
}

/** A thread that was started. */
export interface Thread extends ThreadPort {
  /** Is told, once, that it has ended by itself: it never does so unless something is wrong. */
  onEnd: (error: Error) => void;
  /** Ends it at once. */
  terminate(): Promise<void>;
}

/** Messages that are read without waiting for the event loop. */
export interface Mailbox {
  /** The oldest message that was not read; undefined where there is none. */
  read(): unknown;
  /** No more will be read. */
  close(): void;
}

/** The flag that Deno was not given and threads need, whose modules lie in a folder; undefined where all is there. */
export function missingThreadPermission(folder: URL): string | undefined {
  const { Deno: deno } = globalThis as { Deno?: DenoNamespace };
  if (deno === undefined || folder.protocol !== "file:") return undefined;
  const path = fileURLToPath(folder);
  const { state } = deno.permissions.querySync({ name: "read", path });
  return state === "granted" ? undefined : `--allow-read=${path}`;
}

/** Starts a thread with a module; `data`, and a way into a mailbox of ours, is what {@link ownThread} has there. */
export function startThread(module: URL, data: unknown): { thread: Thread; mailbox: Mailbox } {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(module, { workerData: { data, mailbox: port2 }, transferList: [port2] });
  let isOver = false;
  const thread: Thread = {
    post: (message) => worker.postMessage(message),
    onMessage: () => {},
    onEnd: () => {},
    terminate: async () => {
      isOver = true;
      port1.close();
      await worker.terminate();
    },
  };
  const end = (error: Error) => {
    if (isOver) return;
    isOver = true;
    thread.onEnd(error);
  };
  worker.on("message", (message) => thread.onMessage(message));
  worker.on("error", (error) => end(asError(error)));
  worker.on("exit", (code) => end(new Error(`it ended with code ${code}`)));
  const mailbox: Mailbox = { read: () => receiveMessageOnPort(port1)?.message, close: () => port1.close() };
  return { thread, mailbox };
}

/** What this thread was started with, and the way to its owner. */
export function ownThread<T>(): { data: T; port: ThreadPort; mail: (message: unknown) => void } {
  if (isMainThread || parentPort === null) throw new Error("This is no thread that somebody has started");
  const { data, mailbox } = workerData as { data: T; mailbox: MessagePort };
  const toOwner = parentPort;
  const port: ThreadPort = { post: (message) => toOwner.postMessage(message), onMessage: () => {} };
  toOwner.on("message", (message) => port.onMessage(message));
  return { data, port, mail: (message) => mailbox.postMessage(message) };
}
