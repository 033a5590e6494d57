/** Programs of the machine that some tests need: which there are, and what it means where one is missing. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";

/** A program that tests run: Debian has them in its packages chromium, prometheus and systemd. */
export type ToolName = "chromium" | "promtool" | "systemd-analyze";

/** The path of a tool: from SLOTCASK_CHROMIUM and so on, else the first in PATH; undefined where there is none. */
export function toolPath(name: ToolName): string | undefined {
  const given = process.env[`SLOTCASK_${name.toUpperCase().replaceAll("-", "_")}`];
  if (given) return given;
  return (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name)).find(isExecutable);
}

/**
 * The path of a tool, or undefined where its tests are to be skipped.
 *
 * @throws Error if it is missing while SLOTCASK_INTEROP is `required`.
 */
export function requireTool(name: ToolName): string | undefined {
  const path = toolPath(name);
  if (path === undefined && process.env.SLOTCASK_INTEROP === "required") {
    throw new Error(`Cannot run all tests, SLOTCASK_INTEROP is "required": PATH holds no ${name}`);
  }
  return path;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
