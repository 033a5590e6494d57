import { describe, expect, test } from "bun:test";

import { startThread, type Thread } from "../../src/runtime/threads.ts";
import { LOCK_WORDS, OWNER, TurnLock } from "../../src/threads/turn_lock.ts";
import { nextTurn } from "../../src/time_slice.ts";
import { until } from "../harness/until.ts";

const TURNS = 4000;

/** A lock whose other side a thread has. */
class Stage implements AsyncDisposable {
  readonly words = new SharedArrayBuffer(4 * LOCK_WORDS);
  readonly counts = new Float64Array(new SharedArrayBuffer(16));
  readonly heard: unknown[] = [];
  readonly told: string[] = [];
  readonly lock: TurnLock;
  readonly thread: Thread;

  constructor(longestWaitMs = 10_000) {
    const module = new URL("./children/turns.ts", import.meta.url);
    const { thread } = startThread(module, { words: this.words, counts: this.counts.buffer, turns: TURNS });
    this.thread = thread;
    thread.onMessage = (message) => this.heard.push(message);
    this.lock = new TurnLock({
      words: new Int32Array(this.words),
      side: OWNER,
      longestWaitMs,
      onTake: () => this.told.push("take"),
      onGive: () => this.told.push("give"),
    });
  }

  async hears(message: string): Promise<void> {
    await until(() => this.heard.includes(message), 10_000, message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.thread.terminate();
  }
}

describe("a turn", () => {
  test("lasts until the code that runs now has ended, and is begun and ended once", async () => {
    await using stage = new Stage();
    stage.lock.hold();
    stage.lock.hold();
    expect(stage.told).toEqual(["take"]);
    await nextTurn();
    expect(stage.told).toEqual(["take", "give"]);
    stage.lock.hold();
    await nextTurn();
    expect(stage.told).toEqual(["take", "give", "take", "give"]);
  });

  test("is not the other one's: nothing that both count is lost", async () => {
    await using stage = new Stage();
    const { lock, counts } = stage;
    stage.thread.post("count");
    for (let turn = 0; turn < TURNS; turn++) {
      lock.hold();
      const before = counts[0];
      for (let i = 0; i < 50; i++) counts[1]++;
      counts[0] = before + 1;
      if (turn % 8 === 0) await nextTurn();
      else await undefined;
    }
    await stage.hears("counted");
    expect([...counts]).toEqual([2 * TURNS, 100 * TURNS]);
  });

  test("comes to who waits, although the other one takes one after the other", async () => {
    await using stage = new Stage();
    stage.thread.post("count");
    while (!stage.heard.includes("counted")) {
      stage.lock.hold();
      const end = performance.now() + 0.2;
      while (performance.now() < end);
      await nextTurn();
    }
    expect(stage.counts[0]).toBe(TURNS);
  }, 20_000);
});

describe("a side that keeps it for too long", () => {
  test("is told of; the lock is as good as before once it is given back", async () => {
    await using stage = new Stage(50);
    stage.thread.post(400);
    await stage.hears("kept");
    const startedAt = performance.now();
    expect(() => stage.lock.hold()).toThrow(
      "Cannot read the copy: the thread that keeps it has been busy with it for 50 ms",
    );
    expect(performance.now() - startedAt).toBeLessThan(350);
    expect(stage.told).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 500));
    stage.lock.hold();
    expect(stage.told).toEqual(["take"]);
    await nextTurn();
    stage.thread.post("count");
    await stage.hears("counted");
  });
});
