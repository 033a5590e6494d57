/** Listens with the shortest queue there is, prints the port, and blocks: nobody is ever accepted. */

import * as net from "node:net";
import { writeSync } from "node:fs";

const server = net.createServer();
server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
  writeSync(1, `${(server.address() as net.AddressInfo).port}\n`);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
