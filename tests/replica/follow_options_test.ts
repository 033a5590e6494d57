import { describe, expect, test } from "bun:test";

import { UsageError } from "../../src/errors.ts";
import { type FollowOptions, resolveFollowOptions } from "../../src/replica/follow_options.ts";
import { thrownBy } from "../harness/failures.ts";

test("defaults", () => {
  const { onEvent, ...options } = resolveFollowOptions({});
  expect(onEvent({ type: "notice", shard: 0, message: "" })).toBeUndefined();
  expect(options).toEqual({
    dir: "./replica",
    storage: "resident",
    sync: 50,
    protocol: "auto",
    nudgeMs: 2,
    rescanMs: 60_000,
    onDivergence: "guard",
    divergenceLimit: 0.1,
    maxSlots: 268_435_456,
    connectTimeoutMs: 30_000,
    closeTimeoutMs: 1500,
    partial: false,
    signal: undefined,
    times: {
      connectMs: 5000,
      greetingMs: 10_000,
      silenceMs: 15_000,
      silenceV1Ms: 60_000,
      scanBytesPerMs: 50_000,
      settleMs: 250,
      catchUpOnlyMs: 6000,
      gatherMs: 4,
      heartbeatMs: 5000,
      heartbeatV1Ms: 60_000,
    },
    backoff: { baseMs: 1000, limitMs: 30_000, healthyMs: 1000 },
    rescan: { catchUpOnlyMs: 60_000, suspectMs: 60_000, sideMs: 21_600_000, mostEventsMeanwhile: 4096 },
    limits: {
      readAheadBytes: 16_777_216,
      readAheadEvents: 8192,
      scansAtOnce: 4,
      quickReturns: 8,
      v1Connections: 10_000,
    },
  });
});

test("what is given takes the place of a default, and of no other", () => {
  const options = resolveFollowOptions({
    rescanMs: false,
    nudgeMs: false,
    sync: "batch",
    times: { settleMs: 1 },
    backoff: { baseMs: 2 },
    rescan: { suspectMs: 3 },
    limits: { quickReturns: 4 },
  });
  expect(options).toMatchObject({ rescanMs: false, nudgeMs: false, sync: "batch" });
  expect(options.times).toMatchObject({ settleMs: 1, silenceMs: 15_000 });
  expect(options.backoff).toMatchObject({ baseMs: 2, limitMs: 30_000 });
  expect(options.rescan).toMatchObject({ suspectMs: 3, catchUpOnlyMs: undefined });
  expect(options.limits).toMatchObject({ quickReturns: 4, scansAtOnce: 4 });
  expect(resolveFollowOptions({ rescanMs: 5 }).rescan.catchUpOnlyMs).toBe(5);
});

test("what is given as undefined was not given", () => {
  const options = resolveFollowOptions({ times: { settleMs: undefined }, limits: undefined });
  expect(options).toEqual({ ...resolveFollowOptions({}), onEvent: options.onEvent });
});

describe("what cannot be used is refused: the name, the value, and what is allowed", () => {
  test.each([
    [{ storage: "disk" }, 'storage is "disk", allowed are resident or positional or mapped'],
    [{ maxSlots: 0 }, "maxSlots is 0, allowed are 1 to 268435456"],
    [{ maxSlots: 268_435_457 }, "maxSlots is 268435457, allowed are 1 to 268435456"],
    [{ sync: 0 }, "sync is 0, allowed are none, batch or ms above 0"],
    [{ sync: "50ms" }, 'sync is "50ms"'],
    [{ sync: NaN }, "sync is null"],
    [{ protocol: 3 }, "protocol is 3, allowed are auto, 1 or 2"],
    [{ nudgeMs: 0 }, "nudgeMs is 0, allowed are false or ms above 0"],
    [{ rescanMs: -1 }, "rescanMs is -1, allowed are false or ms above 0"],
    [{ connectTimeoutMs: 0 }, "connectTimeoutMs is 0, allowed are ms above 0"],
    [{ closeTimeoutMs: 0 }, "closeTimeoutMs is 0, allowed are ms above 0"],
    [{ divergenceLimit: 1.5 }, "divergenceLimit is 1.5, allowed are 0 to 1"],
    [{ divergenceLimit: NaN }, "divergenceLimit is null"],
    [{ times: { settleMs: 0 } }, "times.settleMs is 0, allowed are numbers above 0"],
    [{ limits: { scansAtOnce: NaN } }, "limits.scansAtOnce is null, allowed are numbers above 0"],
    [{ backoff: { baseMs: "1s" } }, 'backoff.baseMs is "1s", allowed are numbers above 0'],
    [
      { rescan: { sideMS: 5 } },
      'a name in rescan is "sideMS", allowed are catchUpOnlyMs, suspectMs, sideMs, mostEventsMeanwhile',
    ],
    [{ onDivergence: "ignore" }, 'onDivergence is "ignore", allowed are guard, accept or hold'],
  ])("%j", (options, message) => {
    const error = thrownBy(() => resolveFollowOptions(options as FollowOptions));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain(message);
  });
});
