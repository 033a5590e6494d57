import { describe, expect, test } from "bun:test";

import { StorageError } from "../../src/errors.ts";
import { encodeError } from "../../src/replication/protocol.ts";
import { ConversationStage, turns } from "../fakes/conversation_stage.ts";
import { SHORT_TIMES } from "../fakes/fake_links.ts";
import { batch, caughtUp, infoFrame, put } from "../fakes/leader_frames.ts";
import { until } from "../harness/until.ts";

describe("the end of a conversation", () => {
  test("an Error frame right before a close tells why", async () => {
    const stage = new ConversationStage();
    const connection = await stage.live();
    connection.receive(encodeError("events dropped, rescan required"));
    connection.close();
    expect((await stage.talk.ended).reason).toBe("dropped");
  });

  test("frames that wait for the store are all handled before the close counts", async () => {
    const stage = new ConversationStage();
    const connection = await stage.live();
    const release = stage.target.hold("grow");
    connection.receive(batch([put(64, 2)]), batch([put(1, 3)]), encodeError("going down"));
    connection.close();
    await turns();
    expect(stage.end).toBeUndefined();
    release();
    expect((await stage.talk.ended).error?.message).toBe("The leader says: going down");
    expect(stage.target.calls).toContain("apply 0 stream [1] = [3]");
  });

  test("a close behind CaughtUp is a partial scan: nothing is judged", async () => {
    const stage = new ConversationStage({ times: { ...SHORT_TIMES, settleMs: 1000 } });
    const connection = await stage.start();
    connection.receive(infoFrame(), caughtUp());
    await until(() => stage.heard.includes("settling"), 1000);
    connection.close();
    expect((await stage.talk.ended).reason).toBe("partial-scan");
    expect(stage.target.calls).toEqual(["beginScan 0 scan"]);
  });

  test("a close before ShardInfo, and at once", async () => {
    const stage = new ConversationStage();
    (await stage.start()).close();
    expect((await stage.talk.ended).error?.message).toBe("The leader closed the connection (phase greeting)");
  });

  test("a leader that cannot be reached", async () => {
    const stage = new ConversationStage();
    stage.network.mode = "refuse";
    stage.talk.start();
    expect((await stage.talk.ended).error).toMatchObject({
      name: "ConnectionError",
      message: "Cannot connect to 127.0.0.1:9: connect ECONNREFUSED 127.0.0.1:9",
      remedy: "reconnect",
    });
  });

  test("is not held up by a connection that is still being made", async () => {
    const stage = new ConversationStage();
    stage.network.mode = "hang";
    stage.talk.start();
    stage.talk.end({ reason: "closed" });
    expect(await stage.talk.ended).toEqual({ reason: "closed" });
    await turns();
    expect(stage.network.connections).toEqual([]);
  });

  test("waits for the step of the store that is under way, and nothing of it comes through", async () => {
    const cases = [
      { step: "beginScan", call: "beginScan 0 scan", frames: [infoFrame()] },
      { step: "grow", call: "grow 0 71", frames: [infoFrame(), batch([put(70)])] },
      { step: "endScan", call: "endScan 0 scan", frames: [infoFrame(), caughtUp()] },
      { step: "sync", call: "sync 0", frames: [infoFrame(), caughtUp()] },
    ] as const;
    for (const { step, call, frames } of cases) {
      const stage = new ConversationStage({ syncBatches: true });
      const connection = await stage.start();
      const release = stage.target.hold(step);
      connection.receive(...frames);
      await stage.called(call);
      const [heard, calls] = [stage.heard.length, stage.target.calls.length];
      const sent = [...connection.sent];
      stage.talk.end({ reason: "rescan" });
      await turns();
      expect(stage.end).toBeUndefined();
      release();
      expect(await stage.talk.ended).toEqual({ reason: "rescan" });
      expect(stage.heard.slice(heard)).toEqual([]);
      expect(stage.target.calls.slice(calls)).toEqual([]);
      expect(connection.sent).toEqual(sent);
    }
  });

  test("waits no longer than a moment for a disk that hangs", async () => {
    const stage = new ConversationStage();
    const connection = await stage.start();
    const release = stage.target.hold("beginScan");
    connection.receive(infoFrame());
    await stage.called("beginScan 0 scan");
    stage.talk.end({ reason: "closed" });
    expect(await stage.talk.ended).toEqual({ reason: "closed" });
    release();
    await turns();
    expect(stage.heard).not.toContain("greeted");
  });

  test("may come from within what it tells, and leaves no timer behind", async () => {
    const stage = new ConversationStage();
    stage.onProgress = ({ phase }) => {
      if (phase === "live") stage.talk.end({ reason: "closed" });
    };
    const connection = await stage.start();
    connection.receive(infoFrame(), caughtUp());
    expect(await stage.talk.ended).toEqual({ reason: "closed" });
  });
});

describe("what the store refuses", () => {
  test.each(["beginScan", "apply", "flush", "endScan"] as const)(
    "%s: the error is the end's",
    async (step) => {
      const stage = new ConversationStage();
      const connection = await stage.start();
      const failure = new StorageError("Cannot write: No space left on device (ENOSPC)");
      stage.target.failures.set(step, failure);
      connection.receive(infoFrame(), batch([put(1)]), caughtUp(1));
      expect(await stage.talk.ended).toEqual({ reason: "error", error: failure });
    },
  );

  test("what was applied before a refusal still goes to the file", async () => {
    const stage = new ConversationStage();
    const connection = await stage.start();
    stage.target.failures.set("apply", new Error("diverged"));
    connection.receive(infoFrame(), batch([put(1)]));
    await stage.talk.ended;
    expect(stage.target.calls.slice(-2)).toEqual(["apply 0 scan [1] = [1]", "flush 0"]);
  });
});
