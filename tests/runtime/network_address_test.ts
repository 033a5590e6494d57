import { afterEach, describe, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";

import { errorCode } from "../../src/error_code.ts";
import {
  cleanUp,
  connections,
  End,
  listen,
  listeners,
  LOOPBACK,
  network,
  pair,
  pattern,
  startChild,
  TIMEOUT_MS,
} from "./network_kit.ts";
import { rejection } from "../harness/failures.ts";

/** A name that no resolver is asked for: its first part is too long. */
const NO_NAME = `${"x".repeat(64)}.test`;

const HAS_IPV6 = Object.values(networkInterfaces()).flat().some((entry) => entry?.address === "::1");

afterEach(cleanUp);

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
