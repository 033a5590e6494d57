/** The process of children/victim.ts: started, listened to, and killed by its id. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { errorCode } from "../../../src/error_code.ts";
import type { StorageKind } from "../../../src/storage/slot_file.ts";
import { runFlags, type RuntimeName, runtimePath } from "../../harness/runtimes.ts";

const SCRIPT = fileURLToPath(new URL("./children/victim.ts", import.meta.url));
/** How long a line may take before a test gives up, in ms: the machine may be busy. */
const PATIENCE_MS = 45_000;

/** What a victim is started with. */
export interface VictimOptions {
  runtime: RuntimeName;
  leader: string;
  dir: string;
  storage: StorageKind;
  /** As the option `sync` of `follow`. */
  sync: "batch" | "none" | number;
}

/** A follower's process. Kill it. */
export class Victim {
  /** All that it said, in order. */
  readonly lines: string[] = [];
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<void>;
  readonly #watchers = new Set<() => void>();
  #hasEnded = false;
  #partial = "";
  #stderr = "";

  constructor({ runtime, leader, dir, storage, sync }: VictimOptions) {
    const args = [...runFlags(runtime), SCRIPT, leader, dir, storage, String(sync)];
    const child = this.#child = spawn(runtimePath(runtime)!, args, { stdio: ["pipe", "pipe", "pipe"] });
    child.stdin.on("error", () => {});
    child.stdout.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => this.#stderr += text);
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.#hasEnded = true;
        this.#look();
        resolve();
      };
      child.once("close", end).once("error", end);
    });
  }

  /** What it wrote to standard error: nothing, if all is well. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Sends it a line. */
  tell(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /**
   * The first line from index `from` on that begins with a text, past or still to come.
   *
   * @throws Error where it ends without having said it, or says nothing for too long.
   */
  async says(prefix: string, from = 0): Promise<string> {
    const find = () => this.lines.slice(from).find((line) => line.startsWith(prefix));
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const fail = (why: string) =>
      reject(
        new Error(
          `The follower ${why} before it said "${prefix}": ${this.lines.join("; ")}\n${this.#stderr}`,
        ),
      );
    const look = () => {
      const found = find();
      if (found !== undefined) resolve(found);
      else if (this.#hasEnded) fail("ended");
    };
    const timer = setTimeout(() => fail(`was silent for ${PATIENCE_MS} ms`), PATIENCE_MS);
    this.#watchers.add(look);
    look();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(look);
    }
  }

  /** Sends a line, and answers the first line behind it that begins with a text. */
  ask(line: string, prefix = line): Promise<string> {
    const from = this.lines.length;
    this.tell(line);
    return this.says(prefix, from);
  }

  /** Sends SIGTERM. */
  terminate(): void {
    this.#signal("SIGTERM");
  }

  /** kill -9, and waits until it is gone. Answers whether it still ran. */
  async kill(): Promise<boolean> {
    const ran = !this.#hasEnded && this.#signal("SIGKILL");
    await this.#ended;
    return ran;
  }

  #signal(signal: "SIGTERM" | "SIGKILL"): boolean {
    try {
      // Not by the child's own `kill`: Deno then takes the signal for what ended the child.
      process.kill(this.#child.pid!, signal);
      return true;
    } catch (error) {
      if (errorCode(error) !== "ESRCH") throw error;
      return false;
    }
  }

  #read(text: string): void {
    const lines = (this.#partial + text).split("\n");
    this.#partial = lines.pop()!;
    this.lines.push(...lines);
    this.#look();
  }

  #look(): void {
    for (const look of [...this.#watchers]) look();
  }
}
