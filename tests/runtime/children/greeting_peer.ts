/** Prints its port, and to whoever connects says three bytes at once and ends. */

import { detectRuntime } from "../../../src/runtime/mod.ts";

const { network, process } = detectRuntime();

const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
  connection.write(Uint8Array.of(1, 2, 3));
  connection.end();
  return { onData() {}, onClose() {} };
});
process.writeOut(`${listener.address.port}\n`);
