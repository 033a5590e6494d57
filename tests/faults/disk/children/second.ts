/** Another process that follows into a directory: says "held" once it does, or why it does not; ends with its input. */

import process from "node:process";

import { follow } from "../../../../src/replica/follow.ts";

const [leader, dir] = process.argv.slice(2);
process.stdin.resume();
const ended = new Promise((resolve) => process.stdin.on("end", resolve));
try {
  await using follower = await follow(leader, { dir });
  await follower.caughtUp();
  console.log(`held ${process.pid}`);
  await ended;
} catch (error) {
  console.log(`${(error as Error).name}: ${(error as Error).message}`);
}
