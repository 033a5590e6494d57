/** Prints its port, and sends to whoever connects as much as the connection takes, until it ends. */

import { detectRuntime } from "../../../src/runtime/mod.ts";

const { network, process } = detectRuntime();
const bytes = new Uint8Array(256 * 1024);

const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
  const flood = (): void => {
    while (connection.write(bytes));
  };
  flood();
  return { onData() {}, onDrain: flood, onClose: () => void listener.close() };
});
process.writeOut(`${listener.address.port}\n`);
