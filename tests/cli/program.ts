/** The program as people start it: a child process of the runtime under test. */

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { errorCode } from "../../src/error_code.ts";
import { until } from "../harness/until.ts";
import { ROOT } from "../harness/runtimes.ts";

/** How long a line or an end may take before a test gives up, in ms. */
export const PATIENCE_MS = 8000;

/** How a program ended. */
export interface ProgramEnd {
  /** Exit code; null where a signal ended it. */
  code: number | null;
  out: string;
  err: string;
}

/** Options of {@link Program}. */
export interface ProgramOptions {
  /** More environment variables. */
  env?: Record<string, string>;
  /** Whether it gets a process group of its own, for `kill(-pid)`. */
  detached?: boolean;
  /** Its working directory; the repository's root if not given. */
  cwd?: string;
}

/** A child that runs. It is killed when disposed. */
export class Program implements AsyncDisposable {
  out = "";
  err = "";
  /** Settles when it has ended and its output is closed. */
  readonly ended: Promise<ProgramEnd>;
  readonly #child: ChildProcess;
  #hasEnded = false;

  private constructor(
    [program, ...args]: string[],
    { env = {}, detached = false, cwd = ROOT }: ProgramOptions,
  ) {
    this.#child = spawn(program, args, {
      cwd,
      detached,
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => this.out += text);
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => this.err += text);
    this.ended = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code) => {
        this.#hasEnded = true;
        resolve({ code, out: this.out, err: this.err });
      });
    });
    this.ended.catch(() => {});
  }

  /** Starts any program in the repository's root. */
  static start(command: string[], options: ProgramOptions = {}): Program {
    return new Program(command, options);
  }

  /** Starts `slotcask` with these arguments in the runtime under test. */
  static slotcask(args: string[], options: ProgramOptions = {}): Program {
    return new Program([...runScript("mod.ts"), ...args], options);
  }

  /** The process id. */
  get pid(): number {
    return this.#child.pid!;
  }

  /** Resolves when standard output holds a text. */
  async says(text: string): Promise<void> {
    await until(
      () => {
        if (this.out.includes(text)) return true;
        if (this.#child.exitCode === null) return false;
        throw new Error(
          `It ended with ${this.#child.exitCode} before it said "${text}": ${this.out}${this.err}`,
        );
      },
      PATIENCE_MS,
      `"${text}" in ${this.out}`,
    );
  }

  /** Sends it a signal. Not by `ChildProcess.kill`: Deno then takes the signal for what ended the child. */
  kill(signal: "SIGINT" | "SIGTERM" | "SIGKILL"): void {
    if (this.#hasEnded) return;
    try {
      process.kill(this.pid, signal);
    } catch (error) {
      // Gone, but its output is not closed yet.
      if (errorCode(error) !== "ESRCH") throw error;
    }
  }

  /** Kills what still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.ended.catch(() => {});
  }
}

/** The command that runs a script of the repository in the runtime under test. */
export function runScript(path: string): string[] {
  const flags = process.versions.deno === undefined ? [] : ["run", "--no-prompt", "-A"];
  return [process.execPath, ...flags, path];
}
