import { afterEach, describe, expect, test } from "bun:test";

import { errorCode } from "../../src/error_code.ts";
import { nodeNetwork } from "../../src/runtime/network_node.ts";
import { nextTurn } from "../../src/time_slice.ts";
import {
  cleanUp,
  connections,
  End,
  files,
  listen,
  listeners,
  makeDirectory,
  network,
  pair,
  pattern,
  startChild,
  TIMEOUT_MS,
} from "./network_kit.ts";

afterEach(cleanUp);

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

/** A connection to a process that has sent 100,000 bytes, and resets it when told. */
async function connectToResettingPeer() {
  const directory = makeDirectory();
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

function count(events: string[], name: string): number {
  return events.filter((event) => event === name).length;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
