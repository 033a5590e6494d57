/** Processes that are measured: each runs one script under one runtime, so that memory and CPU are its alone. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { ROOT, runFlags, runtimePath } from "../tests/harness/runtimes.ts";
import type { RuntimeName } from "./bench.ts";

const KEPT_STDERR = 8192;
const CHILDREN = fileURLToPath(new URL("./children/", import.meta.url));

interface Waiting {
  what: string;
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** What a child answers to one question: see children/answer.ts. */
interface Answer {
  id: number;
  result?: unknown;
  error?: string;
}

/**
 * Runs a script of bench/children to its end.
 *
 * @param script Its file name, such as `catch_up.ts`; an absolute path also works.
 * @returns Its last line of standard output, read as JSON.
 * @throws Error with what it wrote to standard error, if it fails or ends without such a line.
 */
export async function runChild(
  runtime: RuntimeName,
  script: string,
  args: readonly string[] = [],
): Promise<unknown> {
  const child = start(runtime, script, args);
  child.stdin.end();
  let last = "";
  let errors = "";
  createInterface({ input: child.stdout }).on("line", (line) => last = line.trim() || last);
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors = (errors + text).slice(-KEPT_STDERR));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  if (code === 0 && last !== "") return JSON.parse(last);
  throw new Error(`${runtime} ${script} ended with ${code}, its last line is "${last}"\n${errors}`);
}

/** A long-lived script of bench/children that answers questions by `answerQuestions`. Kill or dispose it. */
export class Child implements AsyncDisposable {
  /** The process id. */
  readonly pid: number;
  /** Settles when the process is gone. */
  readonly exited: Promise<void>;

  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  #errors = "";
  #gone: Error | undefined;

  /** Starts the script: the arguments are those of {@linkcode runChild}. */
  constructor(runtime: RuntimeName, script: string, args: readonly string[] = []) {
    this.#child = start(runtime, script, args);
    this.pid = this.#child.pid ?? -1;
    this.#child.stdin.on("error", () => {});
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#answer(line));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-KEPT_STDERR);
    });
    this.exited = new Promise((resolve) => {
      const end = (why: string) => {
        this.#end(new Error(`${runtime} ${script} is gone: ${why}\n${this.#errors}`));
        resolve();
      };
      this.#child.once("error", (error) => end(error.message));
      this.#child.once("close", (code, signal) => end(`it ended with ${code ?? signal}`));
    });
  }

  /**
   * Asks the child's function of that name. Questions may overlap: each gets its own answer.
   *
   * @param args Anything that JSON carries.
   * @throws Error with the message of what the function threw, or if the process ends first.
   */
  ask<T = unknown>(name: string, ...args: unknown[]): Promise<T> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    return new Promise((resolve, reject) => {
      const id = this.#asked++;
      const what = `${name} ${JSON.stringify(args).slice(0, 200)}`;
      this.#waiting.set(id, { what, resolve: (answer) => resolve(answer as T), reject });
      this.#child.stdin.write(`${JSON.stringify({ id, name, args })}\n`);
    });
  }

  /** Closes its standard input, at which it ends by itself, and waits for that. */
  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.exited;
  }

  /** kill -9 and wait until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  /** As {@link kill}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  /** Lines that are no answer go to the person who looks on: a script under work may print. */
  #answer(line: string): void {
    if (!line.startsWith('{"id":')) return console.error(line);
    const { id, result, error } = JSON.parse(line) as Answer;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(`${waiting.what}: ${error}`));
  }

  #end(error: Error): void {
    this.#gone ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#gone);
    this.#waiting.clear();
  }
}

function start(
  runtime: RuntimeName,
  script: string,
  args: readonly string[],
): ChildProcessByStdio<Writable, Readable, Readable> {
  const executable = runtimePath(runtime);
  if (executable === undefined) {
    const name = `SLOTCASK_${runtime.toUpperCase()}`;
    throw new Error(`Cannot run ${script} in ${runtime}: ${name} is not set, it names the executable`);
  }
  const path = script.startsWith("/") ? script : CHILDREN + script;
  return spawn(executable, [...runFlags(runtime), path, ...args], {
    cwd: ROOT,
    stdio: ["pipe", "pipe", "pipe"],
  });
}
