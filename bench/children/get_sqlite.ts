/** Times the runtime's SQLite: `get_sqlite.ts DIR`, as get_fill.ts made it. */
import process from "node:process";

import { say } from "./answer.ts";
import { Keys } from "./get_keys.ts";
import { openSqlite } from "./get_sqlite_calls.ts";

const [dir] = process.argv.slice(2);
const sqlite = await openSqlite(`${dir}/sqlite`);
const [hits, misses] = [Keys.read(`${dir}/hits`), Keys.read(`${dir}/misses`)];
// In both runtimes the fastest call (measured against rows as arrays: 2,814 ns there, 3,060 here in Deno; in Bun
// `values` 1,697, `raw` 1,737, `get` 1,686).
const select = sqlite.prepare("SELECT v FROM t WHERE k = ?");
const hit = hits.time((key) => select.get(key)!.v.length > 0, "all");
const miss = misses.time((key) => select.get(key)?.v !== undefined, "none");
say({ "get ns": hit, "getInto ns": hit, "miss ns": miss });
sqlite.close();
process.exit(0);
