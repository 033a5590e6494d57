/**
 * Prints its port, and sends 100,000 bytes to whoever connects. Once the file GO exists it resets the connection, by
 * closing it before anything was read, and makes the file DONE.
 */

import { detectRuntime } from "../../../src/runtime/mod.ts";

const { files, network, process } = detectRuntime();
const [go, done] = process.args;

const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
  connection.write(Uint8Array.from({ length: 100_000 }, (_, at) => (at * 31 + (at >> 8)) & 255));
  // Stands still, so that nothing is read: bytes that nobody read make the close a reset.
  while (!files.exists(go));
  connection.destroy();
  return {
    onData: () => process.writeErr("The connection was read from: its close is no reset\n"),
    onClose() {
      files.close(files.open(done, "create"));
      listener.close();
    },
  };
});
process.writeOut(`${listener.address.port}\n`);
