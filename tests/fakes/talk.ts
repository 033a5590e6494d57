/** A session that a test talks to: frames in, words out. */

import { Histogram } from "../../src/histogram.ts";
import type { Effect } from "../../src/replication/effect.ts";
import { Framer } from "../../src/replication/framer.ts";
import { type FrameType, frameTypeName } from "../../src/replication/protocol.ts";
import { Session, type SessionOptions, type SessionPhase } from "../../src/replication/session.ts";
import { DEFAULT_TIMES } from "../../src/replication/times.ts";
import { caughtUp, infoFrame } from "./leader_frames.ts";

/** A session with a clock of its own; what it wants done comes out as words. */
export class Talk {
  now = 1000;
  readonly session: Session;
  readonly effects: Effect[] = [];
  /** What the session measures of its Acks. */
  readonly acks = new Histogram();

  constructor(options: Partial<SessionOptions> = {}) {
    this.session = new Session({
      shard: 0,
      version: 2,
      emptyState: false,
      side: false,
      syncBatches: false,
      nudgeMs: undefined,
      times: DEFAULT_TIMES,
      acks: this.acks,
      progress: () => ({ applied: 7, maxVersion: 9 }),
      ...options,
    }, this.now);
  }

  said(effects: readonly Effect[]): string {
    this.effects.push(...effects);
    return effects.map(words).join(", ");
  }

  frame(bytes: Uint8Array): string {
    const framer = new Framer();
    framer.push(bytes);
    return this.said(this.session.frame(framer.next()!, this.now));
  }

  /** The deadline comes. Answers how long it took, and what is done then. */
  wait(): [ms: number, effects: string] {
    const ms = this.session.deadline - this.now;
    this.now = this.session.deadline;
    return [ms, this.said(this.session.tick(this.now))];
  }

  greet(slotCount = 64): this {
    this.frame(infoFrame({ slotCount }));
    this.session.greeted(slotCount, this.now);
    return this;
  }

  caughtUp(): this {
    this.frame(caughtUp(this.session.received.events));
    return this;
  }

  judged(): this {
    this.session.judgeNow();
    this.session.judged(this.now);
    return this;
  }
}

function words(effect: Effect): string {
  if (effect.type === "send") return `send ${frameTypeName(effect.frame[0] as FrameType)}`;
  if (effect.type === "apply") return `apply ${effect.events.count} ${effect.source}`;
  if (effect.type === "end") return `end ${effect.reason}`;
  return effect.type;
}

/** A session that has come to a phase, and waits for nothing. */
export function talkIn(phase: SessionPhase, options: Partial<SessionOptions> = {}): Talk {
  const talk = new Talk({ ...(phase === "catch-up-only" ? { version: 1 } : {}), ...options });
  talk.session.start(talk.now);
  if (phase === "greeting") return talk;
  talk.greet();
  if (phase === "catching-up") return talk;
  talk.caughtUp();
  if (phase === "settling") return talk;
  talk.judged();
  if (phase === "catch-up-only") talk.wait();
  return talk;
}

/** Every phase that a session can be in. */
export const PHASES: SessionPhase[] = ["greeting", "catching-up", "settling", "live", "catch-up-only"];
