import { expect, test } from "bun:test";
import { UsageError } from "../../src/errors.ts";
import { Framer } from "../../src/replication/framer.ts";
import { FrameType, HEARTBEAT_FRAME } from "../../src/replication/protocol.ts";
import { batch, puts } from "../fakes/leader_frames.ts";

const BATCH = batch(puts(2));

test.each([1, 2, 3, 4])(
  "a header that is cut after %d bytes, behind a frame that was retained with it",
  (cut) => {
    const framer = new Framer();
    framer.push(Uint8Array.of(...HEARTBEAT_FRAME, ...BATCH.subarray(0, cut)));
    framer.retain();
    expect(framer.next()?.type).toBe(FrameType.Heartbeat);
    expect(framer.next()).toBeUndefined();
    framer.push(BATCH.subarray(cut));
    const frame = framer.next()!;
    expect([frame.type, frame.bytes, frame.payload]).toEqual([
      FrameType.SlotBatch,
      BATCH.length,
      BATCH.subarray(5),
    ]);
    expect([framer.next(), framer.buffered]).toEqual([undefined, 0]);
  },
);

test("a framer that failed holds on to no bytes", () => {
  const framer = new Framer();
  framer.push(Uint8Array.of(...BATCH, 77));
  const frame = framer.next()!;
  expect(() => framer.next()).toThrow("type is 77");
  expect([frame.payload.length, framer.buffered]).toEqual([0, 0]);
});

test("a single byte that was not drained is not overwritten", () => {
  const framer = new Framer();
  framer.push(BATCH.subarray(0, 1));
  expect(() => framer.push(BATCH.subarray(1))).toThrow(UsageError);
  expect(() => framer.push(BATCH.subarray(1))).toThrow("1 of the last chunk are not drained or retained");
  framer.retain();
  framer.push(BATCH.subarray(1));
  expect(framer.next()?.payload).toEqual(BATCH.subarray(5));
});
