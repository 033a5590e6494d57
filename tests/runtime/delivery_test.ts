import { describe, expect, test } from "bun:test";
import { Delivery } from "../../src/runtime/delivery.ts";
import { nextTurn } from "../../src/time_slice.ts";

/** A delivery whose events, and whose orders to the socket, are written down. */
function recorded(onData: (bytes: Uint8Array, delivery: Delivery) => void = () => {}) {
  const events: string[] = [];
  const delivery = new Delivery({
    onData(bytes) {
      events.push(`data ${bytes.length > 10 ? bytes.length : [...bytes].join(" ")}`);
      onData(bytes, delivery);
    },
    onDrain: () => events.push("drain"),
    onClose: (error) => events.push(`close ${error?.message ?? ""}`.trim()),
  }, (stop) => events.push(stop ? "stop" : "go"));
  return { delivery, events };
}

/** One that the event loop has gone past, so that it delivers at once. */
async function started(onData?: (bytes: Uint8Array, delivery: Delivery) => void) {
  const both = recorded(onData);
  await nextTurn();
  return both;
}

describe("Delivery", () => {
  test("delivers at once, and closes once", async () => {
    const { delivery, events } = await started();
    delivery.data(Uint8Array.of(1));
    delivery.drain();
    delivery.close(new Error("reset"));
    delivery.close(undefined);
    delivery.data(Uint8Array.of(2));
    delivery.drain();
    expect(events).toEqual(["data 1", "drain", "close reset"]);
  });

  test("holds everything until the event loop has gone on for the first time", async () => {
    const { delivery, events } = recorded();
    const buffer = Uint8Array.of(1);
    delivery.data(buffer);
    buffer[0] = 9;
    delivery.close(undefined);
    expect(events).toEqual([]);
    await nextTurn();
    expect(events).toEqual(["data 1", "close"]);
  });

  test("holds data while paused, keeps its order, and closes after it", async () => {
    const { delivery, events } = await started();
    delivery.pause();
    delivery.data(Uint8Array.of(1));
    delivery.data(Uint8Array.of(2));
    delivery.close(new Error("reset"));
    await nextTurn();
    expect(events).toEqual([]);
    delivery.resume();
    expect(events).toEqual([]);
    await nextTurn();
    expect(events).toEqual(["data 1", "data 2", "close reset"]);
  });

  test("does not let new data overtake what is held", async () => {
    const { delivery, events } = await started();
    delivery.pause();
    delivery.data(Uint8Array.of(1));
    delivery.resume();
    delivery.data(Uint8Array.of(2));
    await nextTurn();
    delivery.data(Uint8Array.of(3));
    expect(events).toEqual(["data 1", "data 2", "data 3"]);
  });

  test("closes a paused one at once where nothing is held", async () => {
    const { delivery, events } = await started();
    delivery.pause();
    delivery.close(undefined);
    expect(events).toEqual(["close"]);
  });

  test("stops again if the owner pauses while it gets what is held", async () => {
    const { delivery, events } = await started((_, delivery) => delivery.pause());
    delivery.pause();
    delivery.data(Uint8Array.of(1));
    delivery.data(Uint8Array.of(2));
    delivery.close(undefined);
    delivery.resume();
    await nextTurn();
    await nextTurn();
    expect(events).toEqual(["data 1"]);
    delivery.resume();
    await nextTurn();
    expect(events).toEqual(["data 1", "data 2", "close"]);
  });

  test("stops the socket when it holds 256 KiB, and lets it go on when it holds nothing", async () => {
    const { delivery, events } = await started();
    delivery.pause();
    delivery.data(new Uint8Array(256 * 1024 - 1));
    expect(events).toEqual([]);
    delivery.data(new Uint8Array(100));
    delivery.data(new Uint8Array(200));
    expect(events).toEqual(["stop"]);
    delivery.resume();
    await nextTurn();
    expect(events).toEqual(["stop", "data 262143", "data 100", "data 200", "go"]);
    delivery.pause();
    delivery.data(new Uint8Array(256 * 1024));
    expect(events.at(-1)).toBe("stop");
  });

  test("drops what is held when the owner wants no more, and still closes", async () => {
    const { delivery, events } = await started();
    delivery.pause();
    delivery.data(Uint8Array.of(1));
    delivery.discard();
    delivery.data(Uint8Array.of(2));
    delivery.close(undefined);
    await nextTurn();
    expect(events).toEqual(["close"]);
  });

  test("drops the rest when the owner gives up in the middle of what is held", async () => {
    const { delivery, events } = await started((_, delivery) => delivery.discard());
    delivery.pause();
    delivery.data(Uint8Array.of(1));
    delivery.data(Uint8Array.of(2));
    delivery.resume();
    await nextTurn();
    delivery.close(undefined);
    expect(events).toEqual(["data 1", "close"]);
  });
});
