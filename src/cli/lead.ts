/** `lead DIR --listen HOST:PORT`: serves a directory to followers. */

import { formatAddress, parseAddress } from "../address.ts";
import { openStore, type OwnStore } from "../open_store.ts";
import { STORAGE_KINDS } from "../storage/slot_file.ts";
import { parseFlags } from "./args.ts";
import { type Command, ExitCode } from "./command.ts";
import { choice, text } from "./flags.ts";
import { LiveView } from "./live_view.ts";
import { type Log, LOG_FORMATS } from "./log.ts";
import { plural } from "./progress.ts";
import { serve } from "./serve.ts";
import { type StopRequest, withStopRequest } from "./stop_signal.ts";

const USAGE = `Serve an armdb fixed directory to any number of followers, over protocols 1 and 2.

Usage: slotcask lead DIR --listen HOST:PORT [flags]

  --listen HOST:PORT            where to listen: [v6]:PORT and :PORT (this machine only) are fine, too;
                                port 0 takes a free port, which the first line names
  --storage resident|positional|mapped
                                all slots in memory, none, or those that the system keeps there; mapped
                                needs Linux and, under Deno, --allow-ffi (resident)
  --log text|json               the format of log lines (text)
  --help                        this text

Each flag can be set by its environment variable, too: --listen is SLOTCASK_LISTEN. Flags beat the
environment. There is no authentication: listen where only followers can reach it.

SIGINT and SIGTERM stop it cleanly.
Exit codes: 0 stopped, 1 failed, 2 usage, 3 refused (foreign, damaged or locked directory, port
taken), 130 ended at once by a second signal.

Examples:
  slotcask lead ./data --listen :9100
  slotcask lead ./replica --listen 0.0.0.0:9100 --log json
`;

const FLAGS = {
  "listen": text("HOST:PORT"),
  "storage": choice(STORAGE_KINDS, "resident"),
  "log": choice(LOG_FORMATS, "text"),
};

/** See the head of this file. */
export const command: Command = {
  name: "lead",
  summary: "serve a directory to followers, ours or armdb's own",
  usage: USAGE,
  run(args, context) {
    const { flags, positionals: [dir] } = parseFlags(args, { flags: FLAGS, positionals: ["DIR"] }, context);
    parseAddress(flags.listen, { anyPort: true });
    return withStopRequest(context.runtime.process, async (stop) => {
      const { log } = new LiveView(context, { format: flags.log });
      const store = await openStore(dir, undefined, { storage: flags.storage });
      try {
        if (!stop.signal.aborted) await serveUntilStopped(store, { listen: flags.listen, log, stop });
      } finally {
        await closeStore(store, log);
      }
      return ExitCode.done;
    });
  },
};

async function serveUntilStopped(
  store: OwnStore,
  { listen, log, stop }: { listen: string; log: Log; stop: StopRequest },
): Promise<void> {
  await using leader = await serve(store, listen, log);
  const { shardCount, keyLength, valueLength } = store.shape;
  const shape = `${plural(shardCount, "shard")}, keys of ${plural(keyLength, "byte")}, values of ${
    plural(valueLength, "byte")
  }`;
  log(
    "info",
    `leading ${store.dir} at ${formatAddress(leader.address)}: ${plural(store.size, "key")}, ${shape}`,
  );
  await stop.requested;
  log("info", `stopping, ${plural(leader.eventsSent, "event")} sent`);
}

async function closeStore(store: OwnStore, log: Log): Promise<void> {
  const dirty = await store.close();
  if (dirty.length > 0) {
    log("warning", `shards left dirty: ${dirty.join(", ")}; the next open reads all their slots`);
  } else log("info", "stopped cleanly");
}
