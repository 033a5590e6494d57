import { UsageError } from "../src/errors.ts";

/** An idle leader speaks every 5 s: below this a copy that is current would look stale. */
export const LEAST_MAX_STALENESS_MS = 6000;
/** When a live copy is too old to be ready, unless told otherwise. */
export const DEFAULT_MAX_STALENESS_MS = 30_000;

/** Something that was asked of the follower by HTTP, for the log. */
export interface AuditEntry {
  /** When (Unix ms). */
  atMs: number;
  /** The last part of the route, such as `retarget`. */
  action: string;
  /** Who asked, as host:port; undefined where the server does not tell. */
  peer?: string;
  /** The page that asked; undefined for curl and the like. */
  origin?: string;
  /** What was asked, as the body had it. */
  parameters: Record<string, unknown>;
  /** `started` and then `done` or `failed` for what takes long; `done`, `failed` or `refused` at once for the others. */
  outcome: "started" | "done" | "failed" | "refused";
  /** Why it failed or was refused. */
  error?: string;
}

/** Bounds of what a client may ask for, and of what waits for it. */
export interface AdminLimits {
  /** Bytes of a request's body (default 4,096). */
  bodyBytes: number;
  /** Watches at a time (default 64). */
  watches: number;
  /** Changes that wait for one watch's reader, before it is dropped (default 1,024). */
  watchQueue: number;
  /** ms between a watch's heartbeats (default 5,000). */
  heartbeatMs: number;
  /** Keys of one page (default 1,000). */
  pageKeys: number;
  /** Regions of one shard's picture (default 4,096). */
  regions: number;
}

/** Options of `createAdmin`. */
export interface AdminOptions {
  /** Asked for as `Authorization: Bearer`, except by /healthz, /readyz and the page's shell. None: loopback only. */
  token?: string;
  /** Allows actions where there is no token. */
  allowActions?: boolean;
  /** Serves /metrics without the token. */
  metricsPublic?: boolean;
  /** Older than this the copy is not ready, in ms: at least 6,000. Default 30,000; catch-up-only: 2 rescan intervals. */
  maxStalenessMs?: number;
  /** Where backups go, each into a folder of its own; without it none are made. */
  backupDir?: string;
  /** Told of each action. */
  audit?: (entry: AuditEntry) => void;
  /** Ends watches, and cancels what actions began. */
  signal?: AbortSignal;
  /** Bounds; each has a default. */
  limits?: Partial<AdminLimits>;
}

/** Options with every default filled in. */
export interface ResolvedAdminOptions {
  /** The token; undefined: loopback only. */
  token: string | undefined;
  /** Whether POST routes act. */
  actions: boolean;
  /** Whether /metrics is open. */
  metricsPublic: boolean;
  /** As given; undefined: the defaults by phase. */
  maxStalenessMs: number | undefined;
  /** Where backups go. */
  backupDir: string | undefined;
  /** Told of each action. */
  audit: (entry: AuditEntry) => void;
  /** Never aborted where none was given. */
  signal: AbortSignal;
  /** Bounds. */
  limits: AdminLimits;
}

const DEFAULT_LIMITS: AdminLimits = {
  bodyBytes: 4096,
  watches: 64,
  watchQueue: 1024,
  heartbeatMs: 5000,
  pageKeys: 1000,
  regions: 4096,
};

/** What may stand behind `Bearer `: a header has no other characters (RFC 6750, b64token, and a few more). */
const TOKEN = /^[\x21-\x7e]+$/;

/** Fills in defaults. Throws UsageError for values that cannot be used. */
export function resolveAdminOptions(options: AdminOptions = {}): ResolvedAdminOptions {
  const { token, allowActions = false, metricsPublic = false, maxStalenessMs, backupDir } = options;
  if (token !== undefined) requireToken(token);
  if (maxStalenessMs !== undefined) requireStaleness(maxStalenessMs);
  if (backupDir === "") throw new UsageError('Cannot serve the admin: backupDir is "", it names a folder');
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  for (const [name, value] of Object.entries(limits)) requireLimit(name, value);
  return {
    token,
    actions: token !== undefined || allowActions,
    metricsPublic,
    maxStalenessMs,
    backupDir,
    audit: options.audit ?? (() => {}),
    signal: options.signal ?? new AbortController().signal,
    limits,
  };
}

/** Throws UsageError for a token that no client could send; the message never repeats it. */
function requireToken(token: string): void {
  if (TOKEN.test(token)) return;
  const problem = token === "" ? "is empty" : "has characters other than visible ASCII";
  throw new UsageError(`Cannot serve the admin: the token ${problem}`);
}

function requireStaleness(ms: number): void {
  if (ms >= LEAST_MAX_STALENESS_MS) return;
  throw new UsageError(
    `Cannot serve the admin: maxStalenessMs is ${ms}, at least ${LEAST_MAX_STALENESS_MS} are needed: ` +
      "an idle leader speaks every 5,000 ms",
  );
}

function requireLimit(name: string, value: number): void {
  if (Number.isInteger(value) && value > 0) return;
  throw new UsageError(
    `Cannot serve the admin: limits.${name} is ${value}, whole numbers above 0 are allowed`,
  );
}
