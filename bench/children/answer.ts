/** The child's side of `Child` in ../child.ts: questions are lines on standard input, answers lines on output. */
import process from "node:process";
import { createInterface } from "node:readline";

/** What can be asked, by name: arguments and answers are anything that JSON carries. */
// deno-lint-ignore no-explicit-any
export type Questions = Record<string, (...args: any[]) => unknown>;

interface Question {
  id: number;
  name: string;
  args: unknown[];
}

/** Answers questions until standard input ends; then the process exits with all that it holds. */
export function answerQuestions(questions: Questions): void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => void answer(questions, JSON.parse(line) as Question));
  lines.once("close", () => process.exit(0));
}

async function answer(questions: Questions, { id, name, args }: Question): Promise<void> {
  try {
    const result = await questions[name](...args) ?? null;
    say({ id, result });
  } catch (error) {
    say({ id, error: error instanceof Error ? error.stack ?? error.message : String(error) });
  }
}

/** One line of JSON: an answer, or the one result of a script that `runChild` runs. */
export function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
