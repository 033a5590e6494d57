import type { Address, Network } from "../runtime/runtime.ts";
import type { TimeSlice } from "../time_slice.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { LinkLimits } from "./limits.ts";
import type { ProtocolVersion } from "./protocol.ts";
import type { ScanGate } from "./scan_gate.ts";
import type { ReplicationTarget } from "./target.ts";
import type { SessionTimes } from "./times.ts";

/** What all links of a follower are set to. */
export interface LinkSettings {
  /** Intervals of a session. */
  times: SessionTimes;
  /** Waits between connections. */
  backoff: BackoffOptions;
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

/** What the links of a follower share. */
export interface LinkShared {
  readonly network: Network;
  /** Where the next connection goes. */
  address: Address;
  /** The leader as the user named it. */
  leader: string;
  readonly target: ReplicationTarget;
  readonly settings: LinkSettings;
  readonly versions: ProtocolChoice;
  /** Bounds how many shards catch up at once. */
  readonly gate: ScanGate;
  /** Measures synchronous steps. */
  readonly slice: TimeSlice;
  /** A monotonic clock, in ms. */
  now(): number;
  /** 0 to 1, for jitter. */
  random(): number;
  /** ms from the begin of one scan to that of the next, where only scans keep the copy fresh. */
  catchUpOnlyRescanMs(): number;
}
