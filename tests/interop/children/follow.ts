/**
 * A follower in a process of its own, to be killed: `follow.ts LEADER DIR [STORAGE]`.
 *
 * Says `following` when it serves, and `caught-up` once it is; then answers each line of standard input with `DIGEST KEYS SYNCED`: of its dump, how
 * many keys, and when it last was on disk (Unix ms).
 */
import { createHash } from "node:crypto";
import process from "node:process";
import { createInterface } from "node:readline";

import { follow, type FollowOptions } from "../../../mod.ts";
import { dumpText } from "../equal.ts";

const [leader, dir, storage = "resident"] = process.argv.slice(2);
const follower = await follow(leader, { dir, storage: storage as FollowOptions["storage"], sync: 20 });
console.log("following");
await follower.caughtUp();
console.log("caught-up");
for await (const _ of createInterface({ input: process.stdin })) {
  const digest = createHash("sha256").update(dumpText(follower.entries())).digest("hex");
  const synced = Math.min(...follower.status().shards.map(({ syncedAtMs }) => syncedAtMs ?? 0));
  console.log(`${digest} ${follower.size} ${synced}`);
}
