/** What child_test.ts runs. */
import process from "node:process";
import { answerQuestions, say } from "../../../bench/children/answer.ts";

const [how, argument] = process.argv.slice(2);
const later = Promise.withResolvers<string>();

if (how === "once") {
  console.log("some other line");
  say({ argument });
} else if (how === "fail") {
  console.error("this is why");
  process.exitCode = 3;
} else if (how === "serve") {
  answerQuestions({
    add: (a: number, b: number) => a + b,
    nothing: () => {},
    later: () => later.promise,
    now: () => later.resolve("later"),
    pid: () => process.pid,
    fail: () => {
      throw new Error("this is why");
    },
  });
}
