/** Times a replica's reads: `get_slotcask.ts DIR`, as get_fill.ts made it. The leader is gone, and not needed. */
import process from "node:process";

import { follow } from "../../mod.ts";
import { say } from "./answer.ts";
import { Keys, VALUE_BYTES } from "./get_keys.ts";

/** Nobody listens there. */
const NO_LEADER = "127.0.0.1:1";

const [dir] = process.argv.slice(2);
const follower = await follow(NO_LEADER, { dir: `${dir}/replica` });
const [hits, misses] = [Keys.read(`${dir}/hits`), Keys.read(`${dir}/misses`)];
const out = new Uint8Array(VALUE_BYTES);
say({
  "get ns": hits.time((key) => follower.get(key) !== undefined, "all"),
  "getInto ns": hits.time((key) => follower.getInto(key, out) >= 0, "all"),
  "miss ns": misses.time((key) => follower.getInto(key, out) >= 0, "none"),
});
await follower.close();
process.exit(0);
