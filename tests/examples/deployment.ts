/** The words that examples/slotcask.service and examples/Dockerfile start, and the package that they start. */
import { mkdirSync, readFileSync } from "node:fs";
import { ROOT, runChild, runtimePath } from "../harness/runtimes.ts";

/** Packs the checkout and installs it with npm below `folder`, as both say. Rejects with npm's output. */
export async function installPackage(folder: string, timeoutMs: number): Promise<void> {
  const tarball = `${folder}/slotcask-0.0.0.tgz`;
  mkdirSync(`${folder}/opt`, { recursive: true });
  const commands: [string, string[]][] = [
    [runtimePath("deno")!, ["run", "-A", "scripts/pack.ts", "--output", tarball]],
    ["npm", ["install", "--prefix", `${folder}/opt/slotcask`, "--no-audit", "--no-fund", tarball]],
  ];
  for (const [program, args] of commands) {
    const { code, output } = await runChild(program, args, { timeoutMs });
    if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${output}`);
  }
}

/** The settings of a systemd unit, by name; those that are given twice are not in ours. */
export function unitSettings(text: string): Map<string, string> {
  const lines = text.replaceAll(/\\\n\s*/g, "").split("\n").filter((line) => /^\w+=/.test(line));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

/** The instructions of a Dockerfile, in their order: the word and what stands behind it. */
export function dockerInstructions(text: string): { word: string; rest: string }[] {
  const lines = text.replaceAll(/^#.*\n/gm, "").replaceAll(/\\\n\s*/g, "").split("\n");
  return lines.filter((line) => line !== "").map((line) => {
    const [, word, rest] = /^([A-Z]+) (.*)$/.exec(line)!;
    return { word, rest };
  });
}

/** The text of a file of examples/. */
export function readExample(name: string): string {
  return readFileSync(`${ROOT}/examples/${name}`, "utf8");
}
