/** A copy of the tree in a temporary directory: mutants live there, never in the checkout. */

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { type ChildResult, ROOT, runChild, type RuntimeName } from "../harness/runtimes.ts";
import { applyMutant, type Mutant } from "./mutants.ts";

/** What the unit tests of our files need of the tree. */
const COPIED = ["src", "admin", "tests", "mod.ts", "deno.json", "package.json"];
/** Tests that no unit test imports, and that are large. */
const LEFT_OUT = /\/tests\/(?:interop\/armdb|fixtures\/.*\.bin)/;
/** Long enough for a compiler on a busy machine. */
const COMPILER_MS = 60_000;

/** So many times its CPU seconds a run may last. */
const WALL_FACTOR = 6;
/** Exit codes of a run that its limit ended: by SIGXCPU, SIGKILL or SIGTERM, here and as a shell tells them. */
const ENDED_BY_SIGNAL = new Set([-1, 137, 143, 152]);

/** Where the runtimes' executables are. */
export type Executables = Record<RuntimeName, string>;

/** What the tests said of a tree. */
export type Verdict = "passed" | "failed" | "hung";

/** See the head of this file. */
export class Workspace implements Disposable {
  readonly #root = mkdtempSync(`${tmpdir()}/slotcask-mutants-`);
  readonly #executables: Executables;

  /** Copies the tree, or of it the given files and folders. */
  constructor(executables: Executables, copied: readonly string[] = COPIED) {
    this.#executables = executables;
    for (const entry of copied) {
      mkdirSync(dirname(`${this.#root}/${entry}`), { recursive: true });
      const filter = (path: string) => !LEFT_OUT.test(path);
      cpSync(`${ROOT}/${entry}`, `${this.#root}/${entry}`, { recursive: true, filter });
    }
    if (existsSync(`${ROOT}/node_modules`)) symlinkSync(`${ROOT}/node_modules`, `${this.#root}/node_modules`);
  }

  /** A file's text. */
  read(path: string): string {
    return readFileSync(`${this.#root}/${path}`, "utf8");
  }

  /** Whether a file is there. */
  has = (path: string): boolean => existsSync(`${this.#root}/${path}`);

  /** Calls `use` with the mutant in its file, and puts the file back whatever comes of it. */
  async with<T>(mutant: Mutant, use: () => Promise<T>): Promise<T> {
    const source = this.read(mutant.file);
    writeFileSync(`${this.#root}/${mutant.file}`, applyMutant(source, mutant));
    try {
      return await use();
    } finally {
      writeFileSync(`${this.#root}/${mutant.file}`, source);
    }
  }

  /** A file as JavaScript, without types and comments; undefined where it does not parse. */
  async transpile(path: string): Promise<string | undefined> {
    const { code, output } = await this.#run("bun", ["build", "--no-bundle", `./${path}`], COMPILER_MS);
    return code === 0 ? output : undefined;
  }

  /** Those of the mutants whose types hold: checked all at once, each in a file of its own beside the original. */
  async wellTyped(mutants: readonly Mutant[]): Promise<Mutant[]> {
    const copies = new Map<string, Mutant>();
    for (const [i, mutant] of mutants.entries()) {
      const path = mutant.file.replace(/\.ts$/, `.mutant${i}.ts`);
      writeFileSync(`${this.#root}/${path}`, applyMutant(this.read(mutant.file), mutant));
      copies.set(path, mutant);
    }
    if (copies.size === 0) return [];
    try {
      const { code, output } = await this.#run("deno", ["check", "--no-lock", ...copies.keys()], COMPILER_MS);
      if (code === 0) return [...mutants];
      const bad = [...copies.keys()].filter((path) => output.includes(`/${path}:`));
      if (bad.length === 0) throw new Error(`Cannot check the types of mutants: ${output}`);
      return [...copies].filter(([path]) => !bad.includes(path)).map(([, mutant]) => mutant);
    } finally {
      for (const path of copies.keys()) rmSync(`${this.#root}/${path}`);
    }
  }

  /**
   * Runs test files up to the first failure, and gives them so many seconds of CPU: a machine that others keep busy
   * must not pass for a hang. A test that waits without work ends by the runner's own limit, and failed.
   */
  async test(runtime: RuntimeName, files: readonly string[], seconds: number): Promise<Verdict> {
    if (files.length === 0) return "passed";
    const flags = runtime === "bun"
      ? ["test", "--bail"]
      : ["test", "-A", "--no-check", "--no-lock", "--quiet", "--fail-fast"];
    const command = [this.#executables[runtime], ...flags, ...files.map((file) => `./${file}`)];
    const limited = ["-c", 'ulimit -t "$1"; shift; exec "$@"', "sh", String(seconds), ...command];
    const options = { cwd: this.#root, timeoutMs: WALL_FACTOR * seconds * 1000 };
    const { code } = await runChild("sh", limited, options);
    if (code === 0) return "passed";
    return ENDED_BY_SIGNAL.has(code) ? "hung" : "failed";
  }

  #run(runtime: RuntimeName, args: string[], timeoutMs: number): Promise<ChildResult> {
    return runChild(this.#executables[runtime], args, { cwd: this.#root, timeoutMs });
  }

  /** Removes the copy. */
  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}
