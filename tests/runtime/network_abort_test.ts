import { expect, test } from "bun:test";

import { errorCode } from "../../src/error_code.ts";
import { nodeNetwork } from "../../src/runtime/network_node.ts";
import type { Listener } from "../../src/runtime/runtime.ts";
import { until } from "../harness/until.ts";

const network = nodeNetwork();
const handlers = { onData() {}, onClose() {} };

function listener(onClose: () => void): Promise<Listener> {
  return network.listen({ host: "127.0.0.1", port: 0 }, () => ({ onData() {}, onClose }));
}

test.each(["before it begins", "while it goes on"])(
  "a connect that is abandoned %s rejects at once",
  async (when) => {
    const listening = await listener(() => {});
    const control = new AbortController();
    if (when === "before it begins") control.abort();
    const connecting = network.connect(listening.address, handlers, 60_000, control.signal);
    control.abort();
    const error = await connecting.then(() => undefined, (reason) => reason);
    expect(errorCode(error)).toBe("ECONNABORTED");
    await listening.close();
  },
);

test("the signal ends a connection that was made", async () => {
  let [farClosed, nearClosed] = [false, false];
  const listening = await listener(() => farClosed = true);
  const control = new AbortController();
  const near = { onData() {}, onClose: () => void (nearClosed = true) };
  await network.connect(listening.address, near, 60_000, control.signal);
  control.abort();
  await until(() => farClosed && nearClosed, 2000);
  await listening.close();
});
