/** Reads server-sent events out of a body, one by one. */

/** One event; `data` is its parsed JSON. A comment has the event ":". */
export interface SentEvent {
  event: string;
  data: Record<string, unknown>;
}

/** See the head of this file. */
export class EventReader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #cancel: () => Promise<void>;
  #text = "";

  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    this.#reader = reader;
    this.#cancel = () => reader.cancel();
  }

  /** The next event, comments included; undefined at the end. */
  async nextOfAny(): Promise<SentEvent | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return parse(block);
      }
      const { value, done } = await this.#reader.read();
      if (done && this.#text !== "") throw new Error(`Cut off after ${JSON.stringify(this.#text)}`);
      if (done) return undefined;
      this.#text += value;
    }
  }

  /** The next event that is no comment; undefined at the end. */
  async next(): Promise<SentEvent | undefined> {
    for (;;) {
      const found = await this.nextOfAny();
      if (found?.event !== ":") return found;
    }
  }

  /** All events to the end. */
  async rest(): Promise<SentEvent[]> {
    const events: SentEvent[] = [];
    for (let event = await this.next(); event !== undefined; event = await this.next()) events.push(event);
    return events;
  }

  /** Reads no further. */
  async leave(): Promise<void> {
    await this.#cancel();
  }
}

function parse(block: string): SentEvent {
  if (block.startsWith(":")) return { event: ":", data: {} };
  const [, event, data] = /^event: ([a-z-]+)\ndata: (.*)$/.exec(block) ?? [];
  if (event === undefined) throw new Error(`No event: ${JSON.stringify(block)}`);
  return { event, data: JSON.parse(data) };
}
