/** A real armdb in its own process, driven by lines of text: leader, follower, opener. See armdb/README.md. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";

import { type Availability, available, binaryPath, type PeerVersion } from "./armdb_build.ts";

export type { Availability, PeerVersion } from "./armdb_build.ts";
export { fillKey, fillValue, type PeerShape } from "./armdb_keys.ts";

const KEPT_STDERR = 8192;

interface Waiting {
  command: string;
  resolve(answer: string): void;
  reject(error: Error): void;
}

/** One process of the Rust program, with at most one open store. Kill or dispose it. */
export class ArmdbPeer implements AsyncDisposable {
  /** Every `event` line so far, without that word: `churned 1200`, `scan-held 0 2048`. */
  readonly events: string[] = [];
  /** Settles when the process is gone, with its exit code, or null if a signal ended it. */
  readonly exited: Promise<number | null>;

  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: Waiting[] = [];
  readonly #watchers = new Set<() => void>();
  #partial = "";
  #stderr = "";
  #gone: Error | undefined;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-KEPT_STDERR);
    });
    // A write to a process that has just died; its "close" says so better.
    child.stdin.on("error", () => {});
    this.exited = new Promise((resolve) => {
      child.on("close", (code, signal) => {
        this.#end(`it ended with ${code ?? signal}`);
        resolve(code);
      });
      child.on("error", (error) => {
        this.#end(error.message);
        resolve(null);
      });
    });
  }

  /**
   * Whether real armdb processes can be started; builds them first. Call it at the top of a test file.
   *
   * @throws Error if not, while SLOTCASK_INTEROP is `required`.
   */
  static available(): Availability {
    return available();
  }

  /**
   * Starts a process and waits until it answers.
   *
   * @throws Error if the program cannot be built or started.
   */
  static async start(version: PeerVersion): Promise<ArmdbPeer> {
    const state = available();
    if (!state.ok) throw new Error(`Cannot start armdb-peer-v${version}: ${state.why}`);
    const peer = new ArmdbPeer(spawn(binaryPath(version), [], { stdio: ["pipe", "pipe", "pipe"] }));
    await peer.command("pid");
    return peer;
  }

  /** The process id. */
  get pid(): number {
    return this.#child.pid!;
  }

  /**
   * Sends one command; answers what stands behind `ok`. Commands wait for each other in the process.
   *
   * @throws Error with the text behind `error`, or if the process ends first.
   */
  command(line: string): Promise<string> {
    if (this.#gone) return Promise.reject(this.#gone);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ command: line, resolve, reject });
      this.#child.stdin.write(`${line}\n`);
    });
  }

  /**
   * The first event that begins with `prefix`, past or still to come.
   *
   * @param from Index into {@linkcode events} from which on to look; 0 without it.
   * @throws Error if the process ends before there is one.
   */
  event(prefix: string, from = 0): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.events.slice(from).find((event) => event.startsWith(prefix));
        if (found === undefined && !this.#gone) return;
        this.#watchers.delete(look);
        found === undefined ? reject(this.#gone!) : resolve(found);
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** The process exits at once, from inside, with nothing flushed. */
  async crash(): Promise<void> {
    await this.command("crash").catch(() => {});
    await this.exited;
  }

  /** kill -9 and wait until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  /** As {@linkcode kill}: a clean close is the command `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #read(text: string): void {
    const lines = (this.#partial + text).split("\n");
    this.#partial = lines.pop()!;
    for (const line of lines) this.#answer(line);
  }

  #answer(line: string): void {
    const [kind] = line.split(" ", 1);
    const rest = line.slice(kind.length + 1);
    if (kind === "event") {
      this.events.push(rest);
      for (const look of [...this.#watchers]) look();
      return;
    }
    const waiting = this.#waiting.shift();
    if (kind === "ok") waiting?.resolve(rest);
    else waiting?.reject(new Error(`armdb-peer, "${waiting.command.slice(0, 200)}": ${rest}`));
  }

  #end(why: string): void {
    this.#gone ??= new Error(`armdb-peer is gone: ${why}${this.#stderr && `\n${this.#stderr}`}`);
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#gone);
    for (const look of [...this.#watchers]) look();
  }
}
