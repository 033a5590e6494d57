import type { Address, Network } from "../runtime/runtime.ts";
import type { TimeSlice } from "../time_slice.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { LinkCounters } from "./counters.ts";
import type { EndReason } from "./effect.ts";
import type { LinkLimits } from "./limits.ts";
import type { ProtocolVersion, ShardInfo } from "./protocol.ts";
import type { ScanGate } from "./scan_gate.ts";
import type { Session } from "./session.ts";
import type { ReplicationTarget, ScanResult } from "./target.ts";
import type { SessionTimes } from "./times.ts";

/** What all links of a follower are set to. */
export interface LinkSettings extends ConversationSettings {
  /** Waits between connections. */
  backoff: BackoffOptions;
}

/** What their conversations are set to. */
export interface ConversationSettings {
  /** Intervals of a session. */
  times: SessionTimes;
  /** Whether an Ack waits for the disk while live. */
  syncBatches: boolean;
  /** Idle ms after which a nudge goes to a v2 leader, asked at each connection; undefined sends none. */
  nudgeMs: () => number | undefined;
  /** How much they take on. */
  limits: LinkLimits;
}

/** The protocol version in use, shared by all links, and the ones that are allowed. */
export class ProtocolChoice {
  /** The version that the next SyncRequest names. */
  current: ProtocolVersion;
  readonly #first: ProtocolVersion;
  readonly #isFixed: boolean;

  /** `auto` begins with 2 and follows the leader's answer. */
  constructor(wanted: ProtocolVersion | "auto") {
    this.current = this.#first = wanted === "auto" ? 2 : wanted;
    this.#isFixed = wanted !== "auto";
  }

  /** Begins anew, with another leader. */
  reset(): void {
    this.current = this.#first;
  }

  /** Switches to a leader's version; false where that is not known or not allowed. */
  adopt(version: number): boolean {
    if (this.#isFixed || (version !== 1 && version !== 2)) return false;
    this.current = version;
    return true;
  }
}

/** How a connection ended. */
export interface End {
  /** Why. */
  reason: EndReason;
  /** What to tell people; undefined for an end that we wanted. */
  error?: Error;
}

/** What a link sees of a session. */
export type SessionView = Pick<Session, "phase" | "hasStreamed" | "info">;

/** What a link hears from its conversation. */
export interface ConversationListener {
  /** The connection was made. */
  onConnected(): void;
  /** The session may have entered another phase. */
  onProgress(session: SessionView): void;
  /** ShardInfo came, and the store is ready. */
  onGreeted(info: ShardInfo): void;
  /** A live link is as current as a frame that came then (Unix ms). */
  onFresh(cameAtMs: number): void;
  /** A whole scan was judged, whose end came then (Unix ms); what it left may ask for another. */
  onScanned(result: ScanResult, cameAtMs: number): void;
  /** Events may have been dropped. */
  onSuspectDrops(): void;
}

/** What a conversation is about. */
export interface ConversationParts {
  readonly shard: number;
  /** Whether it makes one side scan, and no more. */
  readonly isSide: boolean;
  readonly counters: LinkCounters;
  readonly listener: ConversationListener;
}

/** One connection, as its link sees it: a conversation of this thread or of another. */
export interface LinkConversation {
  /** The protocol's state; undefined until the connection is made. */
  readonly session: SessionView | undefined;
  /** When the connection was made; undefined before. */
  readonly connectedAt: number | undefined;
  /** Resolves when the connection has ended, and nothing of it is under way in the store any more. */
  readonly ended: Promise<End>;
  /** Connects. Failures arrive through `ended`. */
  start(): void;
  /** Ends the connection, for a reason of ours. */
  end(end: End): void;
}

/** What links and their conversations share. */
export interface LeaderShared {
  /** Where the next connection goes. */
  address: Address;
  /** The leader as the user named it. */
  leader: string;
  readonly settings: ConversationSettings;
  readonly versions: ProtocolChoice;
  /** A monotonic clock, in ms. */
  now(): number;
}

/** What conversations work with, beside what they share with the links. */
export interface ConversationTools {
  readonly network: Network;
  readonly target: ReplicationTarget;
  /** Measures synchronous steps. */
  readonly slice: TimeSlice;
}

/** What the links of a follower share. */
export interface LinkShared extends LeaderShared {
  readonly settings: LinkSettings;
  /** Bounds how many shards catch up at once. */
  readonly gate: ScanGate;
  /** 0 to 1, for jitter. */
  random(): number;
  /** ms from the begin of one scan to that of the next, where only scans keep the copy fresh. */
  catchUpOnlyRescanMs(): number;
  /** Makes a conversation with the leader that there is now. */
  converse(shared: LeaderShared, parts: ConversationParts): LinkConversation;
}
