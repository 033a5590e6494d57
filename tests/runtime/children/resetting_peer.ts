/**
 * Prints its port, and sends 100,000 bytes to whoever connects. Makes the file SENT, stands still until there is a
 * file GO, closes the connection without having read what came meanwhile (which makes it a reset), makes DONE.
 */

import { detectRuntime } from "../../../src/runtime/mod.ts";

const { files, network, process } = detectRuntime();
const [sent, go, done] = process.args;
const make = (path: string): void => files.close(files.open(path, "create"));

const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
  connection.write(Uint8Array.from({ length: 100_000 }, (_, at) => (at * 31 + (at >> 8)) & 255));
  setTimeout(() => {
    make(sent);
    while (!files.exists(go));
    connection.destroy();
  }, 20);
  return {
    onData() {},
    onClose() {
      make(done);
      listener.close();
    },
  };
});
process.writeOut(`${listener.address.port}\n`);
