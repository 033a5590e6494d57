/**
 * `deno task soak [--minutes 10] [--rate 15000] [--storage resident] [--runtime deno|bun] [--seed S] [--json FILE]`:
 * a real leader churns, the link is cut every 20 s, and memory, descriptors and the copy must stay as they should.
 *
 * Exits with 1 where a limit was broken. Of less than 3 minutes the slope of memory shows how a heap finds its size.
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";

import { STORAGE_KINDS } from "../../src/storage/slot_file.ts";
import { findBun } from "../harness/runtimes.ts";
import { DEFAULT_SOAK, runSoak, soakTable } from "./soak_run.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    rate: { type: "string", default: String(DEFAULT_SOAK.rate) },
    storage: { type: "string", default: "resident" },
    runtime: { type: "string" },
    seed: { type: "string", default: "1" },
    json: { type: "string" },
  },
});
const runtimes = DEFAULT_SOAK.runtimes.filter((name) => (values.runtime ?? name) === name);
const storage = STORAGE_KINDS.find((kind) => kind === values.storage);
const [minutes, rate, seed] = [values.minutes, values.rate, values.seed].map(Number);
if (runtimes.length === 0 || storage === undefined || !(minutes > 0) || !(rate > 0) || !(seed >= 0)) {
  throw new Error("Cannot run: an argument has a value that is not allowed, see the head of this file");
}
if (runtimes.includes("bun")) process.env.SLOTCASK_BUN ??= findBun();

const options = { ...DEFAULT_SOAK, minutes, rate, seed, runtimes, storage };
const results = await runSoak({ ...options, onSample: (line) => console.error(line) });
console.log(`soak of ${minutes} minutes, ${storage}, ${rate} operations a second, seed ${seed}`);
console.log(soakTable(results));
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ options, results }, null, 2)}\n`);
}
if (results.some(({ broken }) => broken.length > 0)) process.exitCode = 1;
