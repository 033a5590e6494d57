/** Prints its port, sends 100,000 bytes to whoever connects, resets the connection, and makes the marker file. */

import { detectRuntime } from "../../../src/runtime/mod.ts";

const { files, network, process } = detectRuntime();
const [marker] = process.args;

const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
  // What came and was not read makes the close a reset.
  connection.pause();
  connection.write(Uint8Array.from({ length: 100_000 }, (_, at) => (at * 31 + (at >> 8)) & 255));
  setTimeout(() => connection.destroy(), 50);
  return {
    onData() {},
    onClose() {
      files.close(files.open(marker, "create"));
      listener.close();
    },
  };
});
process.writeOut(`${listener.address.port}\n`);
