/** A conversation over a fake network and a fake store. */

import { Conversation, type ConversationListener, type End } from "../../src/replication/conversation.ts";
import { DEFAULT_BACKOFF } from "../../src/replication/backoff.ts";
import { LinkCounters } from "../../src/replication/counters.ts";
import { type LinkSettings, type LinkShared, ProtocolChoice } from "../../src/replication/link_shared.ts";
import { DEFAULT_LIMITS } from "../../src/replication/limits.ts";
import { ScanGate } from "../../src/replication/scan_gate.ts";
import type { Session } from "../../src/replication/session.ts";
import { nextTurn, TimeSlice } from "../../src/time_slice.ts";
import { until } from "../harness/until.ts";
import { SHORT_TIMES } from "./fake_links.ts";
import { type FakeConnection, FakeNetwork } from "./fake_network.ts";
import { FakeTarget } from "./fake_target.ts";
import { caughtUp, infoFrame } from "./leader_frames.ts";

/** See the head of this file. */
export class ConversationStage {
  readonly network = new FakeNetwork();
  readonly target = new FakeTarget();
  readonly counters = new LinkCounters();
  /** What the listener heard. */
  readonly heard: string[] = [];
  readonly talk: Conversation;
  /** How it ended. */
  end: End | undefined;
  /** Is told of each progress, while it happens. */
  onProgress: (session: Session) => void = () => {};

  /** A conversation that begins with {@link start}. */
  constructor(settings: Partial<LinkSettings> = {}, options: { version?: 1 | 2; isSide?: boolean } = {}) {
    const listener: ConversationListener = {
      onConnected: () => {},
      onProgress: (session) => {
        this.heard.push(session.phase);
        this.onProgress(session);
      },
      onGreeted: () => void this.heard.push("greeted"),
      onFresh: () => void this.heard.push("fresh"),
      onScanned: () => void this.heard.push("scanned"),
      onSuspectDrops: () => void this.heard.push("suspect drops"),
    };
    this.talk = new Conversation(
      0,
      options.isSide ?? false,
      this.#shared(settings, options),
      this.counters,
      listener,
    );
    this.talk.ended.then((end) => this.end = end);
  }

  #shared(settings: Partial<LinkSettings>, { version = 2 }: { version?: 1 | 2 }): LinkShared {
    return {
      network: this.network,
      address: { host: "127.0.0.1", port: 9 },
      leader: "127.0.0.1:9",
      target: this.target,
      settings: {
        times: SHORT_TIMES,
        backoff: DEFAULT_BACKOFF,
        syncBatches: false,
        nudgeMs: () => undefined,
        limits: { ...DEFAULT_LIMITS, readAheadBytes: 4096 },
        ...settings,
      },
      versions: new ProtocolChoice(version),
      gate: new ScanGate(() => Infinity),
      slice: new TimeSlice(),
      now: () => performance.now(),
      random: Math.random,
      catchUpOnlyRescanMs: () => Infinity,
    };
  }

  /** Connects. */
  async start(): Promise<FakeConnection> {
    this.talk.start();
    return await this.network.connection(0);
  }

  /** Runs to the live phase. */
  async live(): Promise<FakeConnection> {
    const connection = await this.start();
    connection.receive(infoFrame(), caughtUp());
    await until(() => this.talk.session?.phase === "live", 1000);
    return connection;
  }

  /** Waits for a call of the store. */
  called(call: string): Promise<void> {
    return until(() => this.target.calls.includes(call), 1000, `"${call}" among ${this.target.calls}`);
  }
}

/** Lets all that is due in this and the next turns of the event loop happen. */
export async function turns(count = 3): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn();
}
