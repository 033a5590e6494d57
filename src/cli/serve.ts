/** Listening for followers: what `lead` and `demo` share. */

import { formatAddress, parseAddress } from "../address.ts";
import { errorCode } from "../error_code.ts";
import { ConnectionError } from "../errors.ts";
import { lead, type OwnStore } from "../open_store.ts";
import type { Leader, LeaderEvent } from "../replication/leader.ts";
import type { Log } from "./log.ts";

/** Serves a store. Rejects with ConnectionError where it cannot listen; a port that is taken is a refusal. */
export async function serve(store: OwnStore, listen: string, log: Log): Promise<Leader> {
  try {
    return await lead(store, listen, { onEvent: (event) => logEvent(event, log) });
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    const address = formatAddress(parseAddress(listen, { anyPort: true }));
    if (code !== "EADDRINUSE") {
      throw new ConnectionError(`Cannot listen on ${address}: ${(error as Error).message}`, { cause: error });
    }
    throw new ConnectionError(`Cannot listen on ${address}: the port is taken`, {
      cause: error,
      remedy: "stop",
    });
  }
}

function logEvent(event: LeaderEvent, log: Log): void {
  if (event.type === "follower-connected") return log("info", `a follower connected from ${event.peer}`);
  const shard = event.shard >= 0 ? event.shard : undefined;
  if (event.error === undefined) log("info", `the follower at ${event.peer} left`, shard);
  else log("warning", `the follower at ${event.peer} was cut off: ${event.error}`, shard);
}
