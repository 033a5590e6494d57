/** Times lmdb-js: `get_lmdb.ts DIR PEERS`, as get_fill.ts made it. */
import process from "node:process";

import { say } from "./answer.ts";
import { Keys } from "./get_keys.ts";
import { openLmdb } from "./get_lmdb_open.ts";

const [dir, peers] = process.argv.slice(2);
const lmdb = openLmdb(peers, `${dir}/lmdb`);
const [hits, misses] = [Keys.read(`${dir}/hits`), Keys.read(`${dir}/misses`)];
const copying = hits.time((key) => lmdb.getBinary(key) !== undefined, "all");
const fast = hits.time((key) => lmdb.getBinaryFast(key) !== undefined, "all");
const miss = misses.time((key) => lmdb.getBinaryFast(key) !== undefined, "none");
const fastest = Math.min(copying, fast);
say({
  "get ns": fastest,
  "getInto ns": fastest,
  "miss ns": miss,
  "getBinary ns": copying,
  "getBinaryFast ns": fast,
});
await lmdb.close();
process.exit(0);
