/** A thread as its owner sees it. */

import { PermissionError, SlotcaskError } from "../errors.ts";
import { type Mailbox, missingThreadPermission, startThread, type Thread } from "../runtime/threads.ts";
import type { Shape } from "../slot_events.ts";
import { Calls, type Service } from "./calls.ts";
import type { OwnerService, ThreadData, ThreadService } from "./messages.ts";
import { type ScanListener, ShardMirrors } from "./shard_mirror.ts";
import { type Update, WORDS } from "./updates.ts";

/** Its module: `.js` where the package was compiled. */
const MODULE = new URL(import.meta.url.endsWith(".ts") ? "./thread.ts" : "./thread.js", import.meta.url);

/** Nobody calls it: it is how whoever packs the modules that are imported finds that of a thread too. */
export const importThread = (): Promise<unknown> => import("./thread.ts");

/** Throws PermissionError where this process cannot start threads: to be asked before anything is made. */
export function requireThreads(): void {
  const missing = missingThreadPermission(new URL("../", MODULE));
  if (missing === undefined) return;
  throw new PermissionError(
    `Cannot follow with threads: they load Slotcask anew, and Deno was not given ${missing}`,
  );
}

/** See the head of this file. */
export class OwnedThread {
  /** What it answers to. */
  readonly calls: Calls<ThreadService>;
  /** Its shards; undefined before it has opened them. */
  mirrors: ShardMirrors | undefined;
  readonly #thread: Thread;
  readonly #mailbox: Mailbox;
  readonly #words: Int32Array;

  /** Starts a thread. */
  constructor(data: Omit<ThreadData, "words" | "clockOriginMs">, service: Omit<OwnerService, "wake">) {
    const words = new SharedArrayBuffer(4 * WORDS.count);
    this.#words = new Int32Array(words);
    const whole: ThreadData = { ...data, words, clockOriginMs: performance.timeOrigin };
    const { thread, mailbox } = startThread(MODULE, whole);
    this.#thread = thread;
    this.#mailbox = mailbox;
    this.calls = new Calls<ThreadService>(
      thread,
      { ...service, wake: () => this.mirrors?.hold() } as Service,
    );
    thread.onEnd = (error) =>
      this.calls.end(
        new SlotcaskError(`Cannot go on: a thread of the follower has ended: ${error.message}`, "stop"),
      );
  }

  /** Has it open its shards. */
  async open(state: Parameters<ThreadService["open"]>[0], listener: ScanListener): Promise<void> {
    await this.calls.call("open", state);
    this.#mirror(state.shape, listener);
  }

  #mirror(shape: Shape, listener: ScanListener): void {
    const read = () => this.#mailbox.read() as Update[] | undefined;
    this.mirrors = new ShardMirrors({ words: this.#words, read, shape, listener });
    this.mirrors.hold();
  }

  /** This is the moment of a backup that it has prepared: what it changes from now on is not in it. */
  beginBackup(key: number): void {
    this.mirrors!.hold();
    this.#words[WORDS.beginsBackup] = key;
  }

  /** Ends it at once. */
  async terminate(): Promise<void> {
    this.calls.end();
    this.#mailbox.close();
    await this.#thread.terminate();
  }
}
