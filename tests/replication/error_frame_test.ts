import { describe, expect, test } from "bun:test";
import { LeaderError, ProtocolVersionError, ShapeError } from "../../src/errors.ts";
import { readErrorFrame } from "../../src/replication/error_frame.ts";

const SESSION = { shard: 3, version: 2 };

describe("a leader that refuses our protocol version", () => {
  test.each([
    ["speaks another one", "protocol version mismatch: leader 1, follower 2", 1],
    ["speaks another one, and does not say which it was asked for", "protocol version mismatch: leader 1", 1],
    ["speaks ours, and does not say which it was asked for", "protocol version mismatch: leader 2", 2],
    ["speaks ours, and was asked for it", "protocol version mismatch: leader 2, follower 2", 2],
  ])("%s: nobody can follow it", (_name, message, version) => {
    const { reason, error } = readErrorFrame(message, SESSION);
    expect(reason).toBe("version-mismatch");
    expect(error).toBeInstanceOf(ProtocolVersionError);
    expect(error.message).toBe(`Cannot follow: protocol version is ${version} at the leader, and 2 here`);
  });

  test("speaks ours, and was asked for another: the request was changed on its way", () => {
    const message = "protocol version mismatch: leader 2, follower 34";
    const { reason, error } = readErrorFrame(message, SESSION);
    expect([reason, error.message]).toEqual(["error", `The leader says: ${message}`]);
    expect(error).toBeInstanceOf(LeaderError);
  });
});

test.each([
  ["events dropped, rescan required", "dropped"],
  ["shard already streaming", "already-streaming"],
  ["out of memory", "error"],
])("%s ends the connection as %s", (message, reason) => {
  const told = readErrorFrame(message, SESSION);
  expect([told.reason, told.error.message]).toEqual([reason, expect.stringContaining(message)]);
  expect(told.error).toBeInstanceOf(LeaderError);
});

test("a shard that the leader does not have is a fault of the shape", () => {
  expect(() => readErrorFrame("invalid shard_id", SESSION)).toThrow(ShapeError);
  expect(() => readErrorFrame("invalid shard_id", SESSION)).toThrow("the leader has no shard 3");
});
