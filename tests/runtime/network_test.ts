import { afterEach, describe, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { errorCode } from "../../src/error_code.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { nodeNetwork } from "../../src/runtime/network_node.ts";
import type { Connection, ConnectionHandlers, Listener } from "../../src/runtime/runtime.ts";
import { nextTurn } from "../../src/time_slice.ts";
import { type Child, otherProgram, script, start } from "./child.ts";

const { files, network } = detectRuntime();
const LOOPBACK = { host: "127.0.0.1", port: 0 };
const TIMEOUT_MS = 4_000;

/** A name that no resolver is asked for: its first part is too long. */
const NO_NAME = `${"x".repeat(64)}.test`;

const HAS_IPV6 = Object.values(networkInterfaces()).flat().some((entry) => entry?.address === "::1");

/** One end of a connection that remembers what it was told. */
class End implements ConnectionHandlers {
  readonly events: string[] = [];
  readonly chunks: Uint8Array[] = [];
  readonly closed: Promise<Error | undefined>;
  connection!: Connection;
  drains = 0;
  /** Called after each piece of data. */
  onMore: () => void = () => {};
  #resolveClosed!: (error: Error | undefined) => void;

  constructor() {
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
  }

  onData(bytes: Uint8Array): void {
    this.events.push("data");
    this.chunks.push(bytes.slice());
    this.onMore();
  }

  onDrain(): void {
    this.drains++;
    this.events.push("drain");
  }

  onClose(error?: Error): void {
    this.events.push("close");
    this.#resolveClosed(error);
  }

  get received(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.received);
    let at = 0;
    for (const chunk of this.chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  /** Resolves once `count` bytes have arrived. */
  has(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.onMore = () => this.received >= count && resolve();
      this.onMore();
    });
  }
}

const listeners: Listener[] = [];
const connections: Connection[] = [];
const children: Child[] = [];
const directories: string[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.process.kill("SIGKILL");
    await child.ended;
  }
  for (const directory of directories.splice(0)) files.remove(directory);
  for (const connection of connections.splice(0)) connection.destroy();
  for (const listener of listeners.splice(0)) await listener.close();
});

async function listen(accepted: (end: End) => void, using = network): Promise<Listener> {
  const listener = await using.listen(LOOPBACK, (connection) => {
    const end = new End();
    end.connection = connection;
    connections.push(connection);
    accepted(end);
    return end;
  });
  listeners.push(listener);
  return listener;
}

/** Both ends of a fresh connection. */
async function pair(using = network): Promise<{ near: End; far: End }> {
  const near = new End();
  const { promise, resolve } = Promise.withResolvers<End>();
  const { address } = await listen(resolve, using);
  near.connection = await using.connect(address, near, TIMEOUT_MS);
  connections.push(near.connection);
  return { near, far: await promise };
}

/** Bytes whose order shows. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 255);
}

/** Writes until told to wait, again and again, through one buffer that is overwritten each time. */
async function writeThroughOneBuffer(end: End, bytes: Uint8Array): Promise<number> {
  const buffer = new Uint8Array(50_000);
  let waits = 0;
  for (let at = 0; at < bytes.length; at += buffer.length) {
    const part = bytes.subarray(at, at + buffer.length);
    buffer.set(part);
    const more = end.connection.write(buffer.subarray(0, part.length));
    buffer.fill(255);
    if (more) continue;
    waits++;
    const drains = end.drains;
    while (end.drains === drains) await nextTurn();
  }
  return waits;
}

describe("network: data", () => {
  test("travels both ways", async () => {
    const { near, far } = await pair();
    near.connection.write(pattern(10));
    await far.has(10);
    far.connection.write(pattern(300_000));
    await near.has(300_000);
    expect(far.bytes()).toEqual(pattern(10));
    expect(near.bytes()).toEqual(pattern(300_000));
    expect(near.chunks[0].constructor).toBe(Uint8Array);
    expect(far.chunks[0].constructor).toBe(Uint8Array);
  });

  test("is delivered after connect has resolved, though the peer speaks first", async () => {
    const child = startChild("greeting_peer");
    const address = { host: "127.0.0.1", port: Number(await child.line()) };
    for (let times = 0; times < 50; times++) {
      const near = new End();
      network.connect(address, near, TIMEOUT_MS).then(() => near.events.push("resolved"));
      await near.closed;
      expect(near.events).toEqual(["resolved", "data", "close"]);
    }
  });

  test("stays away from a connection that is paused when connect resolves", async () => {
    const near = new End();
    const { address } = await listen((end) => end.connection.write(pattern(3)));
    near.connection = await network.connect(address, near, TIMEOUT_MS);
    connections.push(near.connection);
    near.connection.pause();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(near.events).toEqual([]);
    near.connection.resume();
    await near.has(3);
  });

  for (const side of ["connecting", "accepted"]) {
    test(`is copied when written by the ${side} side: the buffer may be reused at once`, async () => {
      const { near, far } = await pair();
      const [writer, reader] = side === "connecting" ? [near, far] : [far, near];
      const bytes = pattern(12_000_000);
      reader.connection.pause();
      const writing = writeThroughOneBuffer(writer, bytes);
      await nextTurn();
      reader.connection.resume();
      expect(await writing).toBeGreaterThan(0);
      await reader.has(bytes.length);
      expect(equal(reader.bytes(), bytes)).toBe(true);
    });

    test(`stops at the ${side} side while it is paused`, async () => {
      const { near, far } = await pair();
      const [writer, reader] = side === "connecting" ? [far, near] : [near, far];
      writer.connection.write(pattern(100));
      await reader.has(100);
      reader.connection.pause();
      writer.connection.write(pattern(200_000));
      await roundTrips(reader, writer, 2);
      expect(reader.received).toBe(100);
      reader.connection.resume();
      expect(reader.received).toBe(100);
      await reader.has(200_100);
      expect(equal(reader.bytes().subarray(100), pattern(200_000))).toBe(true);
    });

    test(`makes the writer wait while the ${side} side is paused`, async () => {
      const { near, far } = await pair();
      const [writer, reader] = side === "connecting" ? [far, near] : [near, far];
      reader.connection.pause();
      expect(writer.connection.write(new Uint8Array(32_000_000))).toBe(false);
      await roundTrips(reader, writer, 200);
      expect(writer.drains).toBe(0);
      reader.connection.resume();
      await reader.has(32_000_000);
      expect(writer.drains).toBe(1);
    });

    test(`stops at the ${side} side if it pauses from within onData`, async () => {
      const { near, far } = await pair();
      const [writer, reader] = side === "connecting" ? [far, near] : [near, far];
      const first = new Promise<number>((resolve) => {
        reader.onMore = () => {
          reader.connection.pause();
          resolve(reader.received);
        };
      });
      writer.connection.write(pattern(1_000_000));
      const received = await first;
      await roundTrips(reader, writer, 2);
      expect(reader.received).toBe(received);
      reader.onMore = () => {};
      reader.connection.resume();
      await reader.has(1_000_000);
      expect(equal(reader.bytes(), pattern(1_000_000))).toBe(true);
    });
  }

  test("peer is host:port", async () => {
    const { near, far } = await pair();
    expect(near.connection.peer).toBe(`127.0.0.1:${listeners[0].address.port}`);
    expect(far.connection.peer).toMatch(/^127\.0\.0\.1:\d+$/);
  });
});

describe("network: the end of a connection", () => {
  for (const side of ["connecting", "accepted"]) {
    test(`comes once, after all data, when the ${side} side ends it`, async () => {
      const { near, far } = await pair();
      const [ending, other] = side === "connecting" ? [near, far] : [far, near];
      ending.connection.write(pattern(3_000_000));
      ending.connection.end();
      expect(ending.connection.write(pattern(5))).toBe(false);
      expect(await other.closed).toBeUndefined();
      expect(await ending.closed).toBeUndefined();
      expect(other.received).toBe(3_000_000);
      expect(count(other.events, "close")).toBe(1);
      expect(other.events.at(-1)).toBe("close");
      expect(count(ending.events, "close")).toBe(1);
    });

    test(`follows a destroy by the ${side} side, but not from within it`, async () => {
      const { near, far } = await pair();
      const [ending, other] = side === "connecting" ? [near, far] : [far, near];
      ending.connection.destroy();
      ending.connection.destroy();
      expect(ending.events).toEqual([]);
      expect(await ending.closed).toBeUndefined();
      await other.closed;
      expect(ending.events).toEqual(["close"]);
      expect(other.events).toEqual(["close"]);
      expect(ending.connection.write(pattern(1))).toBe(false);
      ending.connection.end();
      ending.connection.pause();
      ending.connection.resume();
    });

    test(`cuts data off when the ${side} side destroys it in onData`, async () => {
      const { near, far } = await pair();
      const [ending, other] = side === "connecting" ? [near, far] : [far, near];
      ending.onMore = () => ending.connection.destroy();
      other.connection.write(pattern(2_000_000));
      await Promise.all([ending.closed, other.closed]);
      expect(ending.events).toEqual(["data", "close"]);
    });
  }

  test("loses nothing that came before a reset, even to writes that fail", async () => {
    const peer = await connectToResettingPeer();
    peer.near.onMore = () => peer.near.connection.write(pattern(20));
    // The peer does all it does while this thread stands still, as it would in a long apply.
    peer.reset();
    peer.near.connection.write(pattern(20));
    peer.near.connection.write(pattern(20));
    expect(["ECONNRESET", "EPIPE"]).toContain(errorCode(await peer.near.closed) as string);
    expect(equal(peer.near.bytes(), pattern(100_000))).toBe(true);
    expect(count(peer.near.events, "close")).toBe(1);
    await peer.end();
  });

  test("loses nothing that came before a reset while it is paused", async () => {
    const peer = await connectToResettingPeer();
    peer.near.connection.pause();
    peer.reset();
    peer.near.connection.write(pattern(20));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(peer.near.events).toEqual([]);
    peer.near.connection.resume();
    expect(["ECONNRESET", "EPIPE"]).toContain(errorCode(await peer.near.closed) as string);
    expect(equal(peer.near.bytes(), pattern(100_000))).toBe(true);
    await peer.end();
  });

  test("does not wait for ever for a peer that never ends", async () => {
    const child = startChild("deaf_listener");
    const address = { host: "127.0.0.1", port: Number(await child.line()) };
    const near = new End();
    const connection = await nodeNetwork({ lingerMs: 30 }).connect(address, near, TIMEOUT_MS);
    connection.write(pattern(10));
    connection.end();
    expect(await near.closed).toBeUndefined();
  });

  test("does not wait for ever for a peer that ended and never reads", async () => {
    const { near, far } = await pair(nodeNetwork({ lingerMs: 30 }));
    far.connection.pause();
    while (near.connection.write(pattern(1_000_000)));
    near.connection.write(pattern(8_000_000));
    far.connection.end();
    await near.closed;
    expect(count(near.events, "close")).toBe(1);
  });
});

describe("network: connect", () => {
  const handlers = new End();

  test("rejects with ECONNREFUSED where nobody listens", async () => {
    const listener = await network.listen(LOOPBACK, () => new End());
    await listener.close();
    const error = await rejection(network.connect(listener.address, handlers, TIMEOUT_MS));
    expect(errorCode(error)).toBe("ECONNREFUSED");
    expect(error.message).toContain(`127.0.0.1:${listener.address.port}`);
  });

  test("rejects with a message for a name with several addresses", async () => {
    const listener = await network.listen(LOOPBACK, () => new End());
    await listener.close();
    const error = await rejection(
      network.connect({ host: "localhost", port: listener.address.port }, handlers, TIMEOUT_MS),
    );
    expect(errorCode(error)).toBe("ECONNREFUSED");
    expect(error.message).toContain(String(listener.address.port));
  });

  test("finds a listener by name", async () => {
    const { address } = await listen(() => {});
    const near = new End();
    const connection = await network.connect({ host: "localhost", port: address.port }, near, TIMEOUT_MS);
    connections.push(connection);
    expect(connection.peer).toBe(`127.0.0.1:${address.port}`);
    connection.destroy();
    await near.closed;
  });

  test("rejects with a code for a name that does not exist", async () => {
    const error = await rejection(network.connect({ host: NO_NAME, port: 1 }, handlers, TIMEOUT_MS));
    expect(errorCode(error)).toBe("ENOTFOUND");
  });

  test("rejects with ETIMEDOUT where nobody answers", async () => {
    const child = startChild("deaf_listener");
    const address = { host: "127.0.0.1", port: Number(await child.line()) };
    // The kernel itself answers as many as the queue holds: 512 where the child is Bun.
    const attempts = Array.from({ length: 600 }, () => network.connect(address, new End(), 400));
    const results = await Promise.allSettled(attempts);
    const codes = results.map((result) => result.status === "fulfilled" ? "" : errorCode(result.reason));
    for (const result of results) if (result.status === "fulfilled") result.value.destroy();
    expect(codes).toContain("ETIMEDOUT");
    expect(codes.filter((code) => code !== "" && code !== "ETIMEDOUT")).toEqual([]);
  });

  test("never tells the handlers of a connection that was not made", () => {
    expect(handlers.events).toEqual([]);
  });
});

describe("network: listen", () => {
  test("says which port it chose", async () => {
    const { address } = await listen(() => {});
    expect(address.host).toBe("127.0.0.1");
    expect(address.port).toBeGreaterThan(0);
  });

  test("rejects with EADDRINUSE", async () => {
    const { address } = await listen(() => {});
    expect(errorCode(await rejection(network.listen(address, () => new End())))).toBe("EADDRINUSE");
  });

  test("rejects with a code for a host that is not here", async () => {
    const error = await rejection(network.listen({ host: NO_NAME, port: 0 }, () => new End()));
    expect(errorCode(error)).toBe("ENOTFOUND");
  });

  test("leaves connections alone when it is closed, and frees the port", async () => {
    const { near, far } = await pair();
    const { address } = listeners[0];
    await listeners[0].close();
    await listeners[0].close();
    expect(errorCode(await rejection(network.connect(address, new End(), TIMEOUT_MS)))).toBe("ECONNREFUSED");
    near.connection.write(pattern(5));
    await far.has(5);
    near.connection.destroy();
    await Promise.all([near.closed, far.closed]);
    const again = await network.listen(address, () => new End());
    expect(again.address).toEqual(address);
    await again.close();
  });

  test.if(HAS_IPV6)("IPv6: the peer is in brackets", async () => {
    const far = new End();
    const listener = await network.listen({ host: "::1", port: 0 }, (connection) => {
      far.connection = connection;
      return far;
    });
    listeners.push(listener);
    const near = new End();
    const connection = await network.connect(listener.address, near, TIMEOUT_MS);
    expect(connection.peer).toBe(`[::1]:${listener.address.port}`);
    connection.destroy();
    await Promise.all([near.closed, far.closed]);
  });
});

/** A child that does not outlive the test. */
function startChild(name: string, args: string[] = []): Child {
  const child = start(script(otherProgram, name, args));
  children.push(child);
  return child;
}

/** A connection to a process that has sent 100,000 bytes, and resets it when told. */
async function connectToResettingPeer() {
  const directory = files.makeTemporaryDirectory("slotcask-reset-");
  directories.push(directory);
  const [sent, go, done] = ["sent", "go", "done"].map((name) => `${directory}/${name}`);
  const child = startChild("resetting_peer", [sent, go, done]);
  const address = { host: "127.0.0.1", port: Number(await child.line()) };
  const near = new End();
  near.connection = await network.connect(address, near, TIMEOUT_MS);
  await nextTurn();
  return {
    near,
    /** Returns, without a turn of the event loop, when the connection is reset. */
    reset() {
      spinUntilExists(sent);
      near.connection.write(pattern(12));
      files.close(files.open(go, "create"));
      spinUntilExists(done);
    },
    async end() {
      expect(await child.ended).toMatchObject({ code: 0, err: "" });
    },
  };
}

/** Lets time pass, as counted in bytes that one end sends and the other gets. */
async function roundTrips(from: End, to: End, times: number): Promise<void> {
  for (let time = 1; time <= times; time++) {
    from.connection.write(pattern(1));
    await to.has(time);
  }
}

/** Waits without letting the event loop go on. */
function spinUntilExists(path: string): void {
  const deadline = Date.now() + TIMEOUT_MS;
  while (!files.exists(path)) {
    if (Date.now() > deadline) throw new Error(`Cannot find ${path} after ${TIMEOUT_MS} ms`);
  }
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("It did not reject");
}

function count(events: string[], name: string): number {
  return events.filter((event) => event === name).length;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
