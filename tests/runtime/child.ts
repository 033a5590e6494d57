/** Child processes for tests: small scripts in `children/`, run by this runtime or by the other one. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { runtimePath } from "../harness/runtimes.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";

/** How a child ended. */
export interface Ended {
  /** Exit code; null if a signal ended it. */
  code: number | null;
  /** The signal that ended it, if one did. */
  signal: string | null;
  /** All of standard output that was not read as lines. */
  out: string;
  /** All of standard error. */
  err: string;
}

/** A child that runs. */
export interface Child {
  /** The process. */
  process: ChildProcess;
  /** Its next line of standard output; undefined at the end. */
  line(): Promise<string | undefined>;
  /** Resolves when it has ended and its streams are closed. */
  ended: Promise<Ended>;
}

/** The program of Deno, or undefined if it is not known where it is. */
export const denoProgram: string | undefined = runtimePath("deno");

/** The program of the runtime that does not run this test, or of this one where the other is not known. */
export const otherProgram: string = runtimePath(detectRuntime().name === "deno" ? "bun" : "deno") ||
  process.execPath;

/** The command that runs a script of `children/` with all permissions, in a runtime's program. */
export function script(program: string, name: string, args: string[] = []): string[] {
  const path = fileURLToPath(new URL(`./children/${name}.ts`, import.meta.url));
  const isDeno = program === denoProgram;
  return [program, ...(isDeno ? ["run", "--no-prompt", "-A"] : ["run"]), path, ...args];
}

/** Whether a program is in the PATH. */
export function isInstalled(program: string): boolean {
  return (process.env.PATH ?? "").split(":").some((directory) => existsSync(`${directory}/${program}`));
}

/** Starts a child and reads its lines; `stdin` gives it a standard input that stays open. */
export function start([program, ...args]: string[], { stdin = false } = {}): Child {
  const child = spawn(program, args, { stdio: [stdin ? "pipe" : "ignore", "pipe", "pipe"] });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  let err = "";
  child.stderr!.on("data", (data) => err += data);
  const ended = new Promise<Ended>((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal, out: "", err }))
  );
  return { process: child, line: async () => (await lines.next()).value, ended };
}

/** Runs a child to its end. */
export function run([program, ...args]: string[]): Promise<Ended> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let out = "", err = "";
  child.stdout.on("data", (data) => out += data);
  child.stderr.on("data", (data) => err += data);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, out, err }));
  });
}
