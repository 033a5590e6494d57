/** A TCP proxy on loopback that can be cut, paused, closed to newcomers and pointed elsewhere. */
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";

interface Pair {
  near: Socket;
  far: Socket;
  ending?: ReturnType<typeof setTimeout>;
}

/** Stands between a follower and its leader. Close or dispose it. */
export class Proxy implements AsyncDisposable {
  /** Connections accepted so far, the refused ones too. */
  accepted = 0;
  /** Whether a new connection is closed at once. */
  refuses = false;
  /** How long the target's end of a connection takes to get through, in ms. */
  endDelayMs = 0;
  /** Where new connections go to: `HOST:PORT`. */
  target: string;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #isPaused = false;

  private constructor(target: string) {
    this.target = target;
    this.#server = createServer((near) => this.#accept(near));
  }

  /** Listens on a free port, for connections to `target`. */
  static async start(target: string): Promise<Proxy> {
    const proxy = new Proxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** Where it listens, as `HOST:PORT`. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Ends all connections at once, on both sides. */
  cut(): void {
    for (const { near, far, ending } of this.#pairs) {
      clearTimeout(ending);
      near.destroy();
      far.destroy();
    }
    this.#pairs.clear();
  }

  /** Takes nothing more from the target: its buffers fill up. */
  pause(): void {
    this.#isPaused = true;
    for (const { far } of this.#pairs) far.pause();
  }

  /** Ends {@linkcode pause}. */
  resume(): void {
    this.#isPaused = false;
    for (const { far } of this.#pairs) far.resume();
  }

  /** Cuts all connections and stops listening. */
  async close(): Promise<void> {
    this.refuses = true;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  /** As {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(near: Socket): void {
    this.accepted++;
    near.on("error", () => {});
    if (this.refuses) return void near.destroy();
    const at = this.target.lastIndexOf(":");
    const far = createConnection({ host: this.target.slice(0, at), port: Number(this.target.slice(at + 1)) });
    far.on("error", () => {});
    near.setNoDelay(true);
    far.setNoDelay(true);
    const pair = { near, far };
    this.#pairs.add(pair);
    this.#join(pair);
    if (this.#isPaused) far.pause();
  }

  #join(pair: Pair): void {
    const { near, far } = pair;
    near.on("data", (bytes) => void far.write(bytes));
    // What the near side does not take stays with the far side, so that a deaf follower is felt at the leader.
    far.on("data", (bytes) => {
      if (!near.write(bytes)) far.pause();
    });
    near.on("drain", () => void (this.#isPaused || far.resume()));
    near.on("end", () => far.end());
    near.on("close", () => this.#gone(pair));
    far.on("close", () => {
      if (this.endDelayMs === 0) this.#gone(pair);
      else pair.ending = setTimeout(() => this.#gone(pair), this.endDelayMs);
    });
  }

  #gone(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    clearTimeout(pair.ending);
    // All that came before the end still goes out: an Error frame may be among it.
    pair.near.destroySoon();
    pair.far.destroySoon();
  }
}
