import { describe, expect, test } from "bun:test";

import { StorageError } from "../../src/errors.ts";
import { ConversationStage } from "../fakes/conversation_stage.ts";
import { batch, infoFrame, puts } from "../fakes/leader_frames.ts";
import { until } from "../harness/until.ts";

describe("the first batches of a process, which is not compiled yet", () => {
  const part = (first: number, count: number) => {
    const slots = Array.from({ length: count }, (_, i) => first + i).join(" ");
    return `apply 0 scan [${slots}] = [${Array(count).fill(1).join(" ")}]`;
  };

  test("are applied in parts, each in a turn of its own; the third at once", async () => {
    const stage = new ConversationStage();
    const connection = await stage.start();
    connection.receive(infoFrame());
    for (let i = 1; i <= 3; i++) {
      const frame = batch(puts(40, { first: 40 * i }));
      connection.receive(frame);
      // The bytes were lent until it returned.
      frame.fill(0xee);
      await until(() => stage.counters.batches === i, 1000);
    }
    expect(stage.target.calls.filter((call) => call.startsWith("apply"))).toEqual([
      part(40, 32),
      part(72, 8),
      part(80, 32),
      part(112, 8),
      part(120, 40),
    ]);
    expect([stage.counters.events, stage.counters.apply.snapshot().count]).toEqual([120, 3]);
    stage.talk.end({ reason: "closed" });
  });

  test("are left where the link ends between two parts", async () => {
    const stage = new ConversationStage();
    const connection = await stage.start();
    const { target } = stage;
    const apply = target.apply.bind(target);
    target.apply = (...given) => {
      stage.talk.end({ reason: "closed" });
      return apply(...given);
    };
    connection.receive(infoFrame());
    connection.receive(batch(puts(40, { first: 0 })));
    await stage.talk.ended;
    expect(target.calls.filter((call) => call.startsWith("apply"))).toEqual([part(0, 32)]);
  });

  test("whose disk fails in a part are applied no further, and what was is written", async () => {
    const stage = new ConversationStage();
    const connection = await stage.start();
    stage.target.failures.set("apply", new StorageError("no"));
    connection.receive(infoFrame());
    connection.receive(batch(puts(40, { first: 0 })));
    expect((await stage.talk.ended).error).toMatchObject({ message: "no" });
    expect(stage.target.calls.slice(-2)).toEqual([part(0, 32), "flush 0"]);
  });
});
