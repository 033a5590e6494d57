/** Where a thread begins. */

import { detectRuntime } from "../runtime/mod.ts";
import { ownThread } from "../runtime/threads.ts";
import type { ThreadData } from "./messages.ts";
import { ShardThread } from "./shard_thread.ts";

const { data, port, mail } = ownThread<ThreadData>();
new ShardThread(detectRuntime(), data, port, mail);
