/** On what, and by what, figures were measured. */
import { spawnSync } from "node:child_process";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { ROOT, type RuntimeName, runtimePath } from "../tests/harness/runtimes.ts";

/** The machine and its load before the first round. */
export interface Machine {
  /** The processor's name. */
  cpu: string;
  /** Logical processors. */
  cores: number;
  /** Memory in GB. */
  memoryGb: number;
  /** Operating system and kernel. */
  kernel: string;
  /** Load of the last minute: anything but about 0 means that others were at work. */
  loadBefore: number;
}

/** This machine, now. */
export function machine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model ?? "unknown",
    cores: processors.length,
    memoryGb: Math.round(totalmem() / 1e8) / 10,
    kernel: `${type()} ${release()}`,
    loadBefore: Math.round(loadavg()[0] * 100) / 100,
  };
}

/** What a runtime says to `--version`, first line. */
export function runtimeVersion(name: RuntimeName): string {
  return output(runtimePath(name) ?? name, ["--version"]).replace(/^deno /, "");
}

/** The commit that was measured, with a + where files differ from it; empty outside a repository. */
export function commit(): string {
  const hash = output("git", ["rev-parse", "--short", "HEAD"]);
  const changes = output("git", ["status", "--porcelain", "--", "src", "mod.ts"]);
  return hash + (changes === "" ? "" : "+");
}

function output(command: string, args: string[]): string {
  const { stdout } = spawnSync(command, args, { cwd: ROOT, encoding: "utf8" });
  return (stdout ?? "").trim().split("\n")[0];
}
