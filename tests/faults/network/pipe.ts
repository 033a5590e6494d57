/** One way of a proxied connection: frames come in, and go out as the weather allows. */
import type { Socket } from "node:net";

import { FrameCutter } from "./frame_cutter.ts";
import { type Way, type Weather, weatherOf } from "./weather.ts";

/** Above this, nothing more is taken from the sender. */
const QUEUE_BYTES = 256 * 1024;
/** How often a throttled way lets something through, in ms. */
const THROTTLE_TICK_MS = 2;

/** Single bytes that are written before others get their turn. */
const BYTES_A_TURN = 128;

/** What a pipe asks of its proxy. */
export interface PipeHost {
  /** How bytes get through now. */
  readonly weather: Weather;
  /** A whole frame came: passes it on, whole, changed, in part or not at all. */
  onFrame(pipe: Pipe, frame: Uint8Array): void;
}

/** See the head of this file. */
export class Pipe {
  /** Frames so far, by type, since the proxy was last armed. */
  readonly counts = new Map<number, number>();
  /** Bytes that were written to the receiver. */
  passed = 0;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #host: PipeHost;
  readonly #cutter = new FrameCutter();
  readonly #queue: { bytes: Uint8Array; at: number }[] = [];
  #queued = 0;
  #hasEnded = false;
  #isDead = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly way: Way, { from, to, host }: { from: Socket; to: Socket; host: PipeHost }) {
    this.#from = from;
    this.#to = to;
    this.#host = host;
    from.on("data", (bytes) => this.#take(bytes as Uint8Array));
    from.on("end", () => this.#ended());
    from.on("close", () => this.#ended());
    to.on("drain", () => this.#pump());
  }

  /** Sends bytes, behind all that were sent before. */
  pass(bytes: Uint8Array): void {
    if (this.#isDead || bytes.length === 0 || this.#weather.kind === "swallow") return;
    this.#queue.push({ bytes, at: performance.now() });
    this.#queued += bytes.length;
    if (this.#queued > QUEUE_BYTES) this.#from.pause();
    this.#pump();
  }

  /** The weather has changed. */
  changed(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pump();
  }

  /** Lets nothing more through. */
  kill(): void {
    this.#isDead = true;
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }

  get #weather(): Weather {
    return weatherOf(this.#host.weather, this.way);
  }

  #take(bytes: Uint8Array): void {
    for (const frame of this.#cutter.push(new Uint8Array(bytes))) {
      this.counts.set(frame[0], (this.counts.get(frame[0]) ?? 0) + 1);
      this.#host.onFrame(this, frame);
    }
  }

  #ended(): void {
    if (this.#hasEnded || this.#isDead) return;
    this.#hasEnded = true;
    this.pass(this.#cutter.take());
    this.#pump();
  }

  #pump(): void {
    while (this.#timer === undefined && !this.#isDead && this.#queue.length > 0) {
      if (this.#to.writableNeedDrain) return;
      const wait = this.#step(this.#weather);
      if (wait === Infinity) return;
      if (wait > 0) this.#pumpIn(wait);
    }
    if (this.#queue.length > 0 || this.#isDead) return;
    this.#from.resume();
    if (this.#hasEnded && this.#timer === undefined && !isMute(this.#weather)) this.#to.destroySoon();
  }

  #pumpIn(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, ms);
  }

  /** Writes what the weather allows now; answers the ms until it allows more, Infinity while it allows nothing. */
  #step(weather: Weather): number {
    switch (weather.kind) {
      case "swallow":
      case "hold":
        return Infinity;
      case "delay": {
        const wait = this.#queue[0].at + weather.ms - performance.now();
        if (wait > 0) return wait;
        this.#write(Infinity);
        return 0;
      }
      case "throttle":
        this.#write(weather.bytesPerMs * THROTTLE_TICK_MS);
        return THROTTLE_TICK_MS;
      case "bytewise":
        // A few at a turn: a follower of this process is to read meanwhile.
        for (let i = 0; i < BYTES_A_TURN && this.#queue.length > 0; i++) this.#write(1);
        return 1;
      case "fair":
        this.#write(Infinity);
        return 0;
    }
  }

  #write(most: number): void {
    const [first] = this.#queue;
    const part = first.bytes.subarray(0, most);
    if (part.length === first.bytes.length) this.#queue.shift();
    else first.bytes = first.bytes.subarray(part.length);
    this.#queued -= part.length;
    this.passed += part.length;
    this.#to.write(part);
  }
}

/** Whether nothing gets through, the end neither. */
function isMute({ kind }: Weather): boolean {
  return kind === "swallow" || kind === "hold";
}
