import { UsageError } from "../errors.ts";
import { MOST_SLOTS } from "../fixed/layout.ts";
import type { SyncPolicy } from "./replica_target.ts";
import { type BackoffOptions, DEFAULT_BACKOFF } from "../replication/backoff.ts";
import { DEFAULT_RESCAN, type RescanSettings } from "../replication/links.ts";
import type { Phase } from "../replication/phase.ts";
import type { EndReason } from "../replication/effect.ts";
import { DEFAULT_LIMITS, type LinkLimits } from "../replication/limits.ts";
import { DEFAULT_TIMES, type SessionTimes } from "../replication/times.ts";
import { STORAGE_KINDS, type StorageKind } from "../storage/slot_file.ts";

/** What happens to a follower, for logs. */
export type FollowerEvent =
  | { type: "phase"; shard: number; phase: Phase }
  | { type: "notice"; shard: number; message: string }
  | { type: "end"; shard: number; reason: EndReason; error?: Error };

/** Options of `follow`. */
export interface FollowOptions {
  /** The replica's directory; made if need be. Default `./replica`. */
  dir?: string;
  /** `resident` (default): all slots in memory. `positional`: none. `mapped`: those that the system keeps there. */
  storage?: StorageKind;
  /** When data is made durable: every so many ms (default 50), before each Ack (`batch`), or `none`. */
  sync?: SyncPolicy;
  /** The protocol version; `auto` (default) asks for 2 and takes what the leader speaks. */
  protocol?: "auto" | 1 | 2;
  /** Idle ms after which a heartbeat cuts a v2 leader's 20 ms poll short (default 2); false sends none. */
  nudgeMs?: number | false;
  /** ms between scans, times the shard count, where only scans keep the copy fresh (default 60,000); false: never. */
  rescanMs?: number | false;
  /** What to do where the leader contradicts the copy. Default `guard`: take its state up to the limit. */
  onDivergence?: "guard" | "accept" | "hold";
  /** The limit of `guard`, as a share of the occupied slots (default 0.1). */
  divergenceLimit?: number;
  /**
   * Slots that a shard may have, whatever the leader says (default 2^28, the most that is allowed): beyond it the link
   * ends with a ProtocolError. `mapped` takes their room on the disk at once.
   */
  maxSlots?: number;
  /** How long a fresh directory waits for a leader to tell the shape, in ms (default 30,000). */
  connectTimeoutMs?: number;
  /** A close takes no longer than this, in ms (default 1,500); what is not done by then is scanned at the next open. */
  closeTimeoutMs?: number;
  /** A miss that proves nothing answers undefined instead of throwing IncompleteError. */
  partial?: boolean;
  /** Abandons the start; afterwards it does nothing. */
  signal?: AbortSignal;
  /** Told of phases, notices and ended connections. */
  onEvent?: (event: FollowerEvent) => void;
  /** Intervals of a session, for tests and unusual networks. */
  times?: Partial<SessionTimes>;
  /** Waits between connections. */
  backoff?: Partial<BackoffOptions>;
  /** When shards are scanned again. */
  rescan?: Partial<RescanSettings>;
  /** How much the links take on. */
  limits?: Partial<LinkLimits>;
}

/** Options with every default filled in. */
export interface ResolvedFollowOptions extends Required<Omit<FollowOptions, "signal" | "onEvent">> {
  signal: AbortSignal | undefined;
  onEvent: (event: FollowerEvent) => void;
  times: SessionTimes;
  backoff: BackoffOptions;
  rescan: RescanSettings;
  limits: LinkLimits;
}

/** Fills in defaults. Throws UsageError for values that cannot be used. */
export function resolveFollowOptions(options: FollowOptions): ResolvedFollowOptions {
  const { nudgeMs = 2, rescanMs = 60_000, divergenceLimit = 0.1, storage = "resident", sync = 50 } = options;
  requireOption(STORAGE_KINDS.includes(storage), "storage", storage, STORAGE_KINDS.join(" or "));
  requireOption(sync === "none" || sync === "batch" || sync > 0, "sync", sync, "none, batch or ms above 0");
  requireOption(nudgeMs === false || nudgeMs > 0, "nudgeMs", nudgeMs, "false or ms above 0");
  requireOption(rescanMs === false || rescanMs > 0, "rescanMs", rescanMs, "false or ms above 0");
  const { connectTimeoutMs = 30_000, closeTimeoutMs = 1500, maxSlots = MOST_SLOTS } = options;
  const isSlotCount = Number.isInteger(maxSlots) && maxSlots >= 1 && maxSlots <= MOST_SLOTS;
  requireOption(isSlotCount, "maxSlots", maxSlots, `1 to ${MOST_SLOTS}`);
  requireOption(connectTimeoutMs > 0, "connectTimeoutMs", connectTimeoutMs, "ms above 0");
  requireOption(closeTimeoutMs > 0, "closeTimeoutMs", closeTimeoutMs, "ms above 0");
  requireOption(divergenceLimit >= 0 && divergenceLimit <= 1, "divergenceLimit", divergenceLimit, "0 to 1");
  const { protocol = "auto", onDivergence = "guard" } = options;
  requireOption(
    protocol === "auto" || protocol === 1 || protocol === 2,
    "protocol",
    protocol,
    "auto, 1 or 2",
  );
  requireOption(
    ["guard", "accept", "hold"].includes(onDivergence),
    "onDivergence",
    onDivergence,
    "guard, accept or hold",
  );
  return {
    dir: options.dir ?? "./replica",
    storage,
    sync,
    protocol,
    nudgeMs,
    rescanMs,
    onDivergence,
    divergenceLimit,
    maxSlots,
    connectTimeoutMs,
    closeTimeoutMs,
    partial: options.partial ?? false,
    signal: options.signal,
    onEvent: options.onEvent ?? (() => {}),
    times: resolveFigures("times", DEFAULT_TIMES, options.times),
    backoff: resolveFigures("backoff", DEFAULT_BACKOFF, options.backoff),
    rescan: resolveFigures(
      "rescan",
      { ...DEFAULT_RESCAN, catchUpOnlyMs: rescanMs === false ? undefined : rescanMs },
      options.rescan,
    ),
    limits: resolveFigures("limits", DEFAULT_LIMITS, options.limits),
  };
}

/** Figures of one kind: those that were given, and the defaults for the rest. Each is a number above 0. */
function resolveFigures<T extends object>(kind: string, defaults: T, given: Partial<T> = {}): T {
  const names = Object.keys(defaults);
  const figures = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    requireOption(names.includes(name), `a name in ${kind}`, name, names.join(", "));
    if (value === undefined) continue;
    requireOption(typeof value === "number" && value > 0, `${kind}.${name}`, value, "numbers above 0");
    Object.assign(figures, { [name]: value });
  }
  return figures;
}

function requireOption(isGood: boolean, name: string, value: unknown, allowed: string): void {
  if (!isGood) {
    throw new UsageError(`Cannot follow: ${name} is ${JSON.stringify(value)}, allowed are ${allowed}`);
  }
}
