import { spawn, spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The runtimes that Slotcask runs on. */
export type RuntimeName = "deno" | "bun";

/** The one in which this process runs. */
export const OWN_RUNTIME: RuntimeName = process.versions.deno === undefined ? "bun" : "deno";

/** What stands before a script's path for it to be run with all permissions. */
export function runFlags(runtime: RuntimeName = OWN_RUNTIME): string[] {
  return runtime === "deno" ? ["run", "--no-prompt", "--no-check", "-A"] : ["run"];
}

/** The repository's root directory. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

/**
 * The path of a runtime's executable: from SLOTCASK_DENO or SLOTCASK_BUN, which the task `test` sets, else that of
 * the runtime in which the tests run; undefined where it is not known.
 */
export function runtimePath(name: RuntimeName): string | undefined {
  return process.env[`SLOTCASK_${name.toUpperCase()}`] ??
    (process.versions[name] === undefined ? undefined : process.execPath);
}

const BUN_PACKAGE = "bun@1.4.5";

/** The path of Bun's executable: asks npx, which fetches it first if need be. */
export function findBun(): string {
  const { status, stdout } = spawnSync("npx", ["-y", BUN_PACKAGE, "-e", "console.log(process.execPath)"], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  const path = stdout?.trim().split("\n").at(-1) ?? "";
  if (status !== 0 || path === "") throw new Error(`Cannot find Bun: npx -y ${BUN_PACKAGE} did not run`);
  return path;
}

/** What a child process came to. */
export interface ChildResult {
  /** Exit code; -1 if a signal ended it. */
  code: number;
  /** What it wrote to standard output and standard error, in the order in which it came. */
  output: string;
}

/** How a child process is run. */
export interface ChildOptions {
  /** Its working directory; the repository's root if not given. */
  cwd?: string;
  /** After so many ms it is ended by a signal; never if not given. */
  timeoutMs?: number;
}

/** Runs an executable and waits for its end; it has no standard input. */
export function runChild(
  executable: string,
  args: readonly string[],
  { cwd = ROOT, timeoutMs }: ChildOptions = {},
): Promise<ChildResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ChildResult>();
  const env = { ...process.env, NO_COLOR: "1" };
  const child = spawn(executable, args, { cwd, env, timeout: timeoutMs, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output += text);
  }
  child.once("error", reject).once("close", (code) => resolve({ code: code ?? -1, output }));
  return promise;
}
