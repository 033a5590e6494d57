/** Mutated frames into framer, codec and session, case by case; each case is a session that goes wrong. */

import { FRAME_HEADER_BYTES, MAX_PAYLOAD_BYTES } from "../../src/replication/protocol.ts";
import { readU32 } from "../../src/replication/wire.ts";
import { CodecCheck } from "./codec_check.ts";
import { generatedScript, recordedScripts, type Script } from "./frame_corpus.ts";
import { joined, mutate } from "./frame_mutations.ts";
import { Random } from "../harness/random.ts";
import { caseFault, must, Refusals } from "./refusal.ts";
import { SessionCase } from "./session_case.ts";

/** What a run did. */
export interface FrameReport {
  /** Mutated frames whose first byte a framer came to. */
  frames: number;
  /** Sessions. */
  cases: number;
  /** Events that were applied all the same. */
  events: number;
  /** Refusals, by class. */
  refusals: Record<string, number>;
  /** How often a frame came in each phase. */
  phases: Record<string, number>;
  /** The most bytes that waited in any framer. */
  framerHighWater: number;
  /** ms of the longest case. */
  longestCaseMs: number;
}

/** What to run. */
export interface FrameRunOptions {
  /** What all else follows from. */
  seed: number;
  /** Mutated frames to reach. */
  frames: number;
  /** The first case. Default 0. */
  first?: number;
  /** From one case to the next: two runs of the same seed may share the cases. Default 1. */
  step?: number;
}

/** The most bytes that arrive at once: as many as a runtime reads from a socket. */
export const LONGEST_CHUNK = 65_536;
/** So many sessions of leaders that nobody recorded. */
const GENERATED = 400;

/** Runs cases until so many mutated frames were reached. Throws a Fault that names the case. */
export function runFrames({ seed, frames, first = 0, step = 1 }: FrameRunOptions): FrameReport {
  const run = new FrameRun(seed);
  for (let number = first; run.report.frames < frames; number += step) run.case(number);
  return run.report;
}

class FrameRun {
  readonly report: FrameReport;
  readonly #seed: number;
  readonly #refusals = new Refusals();
  readonly #codec = new CodecCheck(this.#refusals);
  readonly #recorded = recordedScripts("L>F");
  readonly #generated: Script[];

  constructor(seed: number) {
    this.#seed = seed;
    const random = new Random(seed, -2);
    this.#generated = Array.from({ length: GENERATED }, () => generatedScript(random));
    this.report = {
      frames: 0,
      cases: 0,
      events: 0,
      refusals: this.#refusals.counts,
      phases: {},
      framerHighWater: 0,
      longestCaseMs: 0,
    };
  }

  case(number: number): void {
    const startedAt = performance.now();
    try {
      this.#run(new Random(this.#seed, number));
    } catch (error) {
      throw caseFault(error, { what: "frames", seed: this.#seed, number });
    }
    this.report.cases++;
    this.report.longestCaseMs = Math.max(this.report.longestCaseMs, performance.now() - startedAt);
  }

  #run(random: Random): void {
    const script = random.pick(random.oneIn(3) ? this.#recorded : this.#generated);
    const { stream, mutatedAt } = mutatedStream(script, random);
    const session = new SessionCase(script, random, this.#refusals);
    feed(session, stream, random);
    if (!session.isOver) requireWaiting(stream, session.consumed);
    if (!session.isOver) session.close();
    this.#count(session, mutatedAt);
    for (const { at, end } of mutatedAt) {
      if (at > session.consumed) break;
      this.#codec.check(stream.subarray(Math.min(at + FRAME_HEADER_BYTES, end), end), script, random);
    }
  }

  #count(session: SessionCase, mutatedAt: readonly MutatedFrame[]): void {
    const { report } = this;
    for (const { at } of mutatedAt) {
      if (at <= session.consumed) report.frames++;
    }
    report.events += session.events;
    for (const phase of session.phases) report.phases[phase] = (report.phases[phase] ?? 0) + 1;
    report.framerHighWater = Math.max(report.framerHighWater, session.highWater);
  }
}

/** Where a mutated frame begins and ends in its stream. */
interface MutatedFrame {
  at: number;
  end: number;
}

/** The frames of a script: the first ones as they are, so that the session gets somewhere, then mutated ones. */
function mutatedStream(script: Script, random: Random): { stream: Uint8Array; mutatedAt: MutatedFrame[] } {
  const { frames } = script;
  const firstMutated = random.below(frames.length + 1);
  const parts: Uint8Array[] = [];
  const mutatedAt: MutatedFrame[] = [];
  let length = 0;
  const send = (frame: Uint8Array, isMutated: boolean) => {
    if (isMutated) mutatedAt.push({ at: length, end: length + frame.length });
    parts.push(frame);
    length += frame.length;
  };
  for (const [i, frame] of frames.entries()) {
    if (i < firstMutated) send(frame, false);
    // Left out.
    else if (random.oneIn(12)) continue;
    else send(random.oneIn(6) ? frame : mutate(frame, random, frames), true);
  }
  if (mutatedAt.length === 0) send(mutate(random.pick(frames), random, frames), true);
  return { stream: joined(...parts), mutatedAt };
}

/** What a framer still waits for is the rest of a frame that is allowed: one too long is refused by its head. */
function requireWaiting(stream: Uint8Array, at: number): void {
  if (stream.length < at + FRAME_HEADER_BYTES) return;
  const length = readU32(stream, at + 1);
  must(length <= MAX_PAYLOAD_BYTES, () => `the framer waits for a frame of ${length} bytes`);
}

/** The stream arrives in pieces of any size up to that of a socket's. */
function feed(session: SessionCase, stream: Uint8Array, random: Random): void {
  const most = random.pick([1, 7, 64, 1500, 1500, LONGEST_CHUNK, LONGEST_CHUNK, LONGEST_CHUNK]);
  for (let at = 0; at < stream.length && !session.isOver;) {
    // A byte at a time takes its time, and has nothing new to show after a thousand.
    const longest = at > 1000 ? Math.max(most, 64) : most;
    const end = Math.min(stream.length, at + random.between(1, longest));
    session.receive(stream.subarray(at, end));
    at = end;
    if (!session.isOver && random.oneIn(8)) session.wait();
  }
}
