/** What README.md says, for tests that hold it to that. */
import { readFileSync } from "node:fs";
import { ROOT } from "./runtimes.ts";

/** The leader's address in README.md's examples. */
export const README_LEADER = "leader:9100";

/** The text of README.md. */
export function readReadme(): string {
  return readFileSync(`${ROOT}/README.md`, "utf8");
}

/** The code blocks of a language, in their order. */
export function codeBlocks(markdown: string, language: string): string[] {
  return [...markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, blockLanguage]) => blockLanguage === language)
    .map(([, , code]) => code);
}

/** README.md's program, following a leader at another address. */
export function readmeProgram(leader: string): string {
  const [program] = codeBlocks(readReadme(), "ts");
  return replaceOnce(program, README_LEADER, leader);
}

/** README.md's command that follows with few permissions: the words after `deno run`, for another leader. */
export function readmePermissionArguments(leader: string): string[] {
  const line = codeBlocks(readReadme(), "sh").flatMap((block) => block.split("\n"))
    .find((line) => line.startsWith("deno run --allow"));
  if (line === undefined) throw new Error("README.md has no line that begins with: deno run --allow");
  return line.split(/\s+/).slice(2).map((word) => word.replaceAll(README_LEADER, leader));
}

function replaceOnce(text: string, what: string, by: string): string {
  const parts = text.split(what);
  if (parts.length !== 2) {
    throw new Error(`README.md's program names ${what} ${parts.length - 1} times, not once`);
  }
  return parts.join(by);
}
