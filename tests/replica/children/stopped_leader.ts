/** A leader that is stopped in mid-scan, as a process: a part of the scan, CaughtUp, and the close right behind it. */
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";

import { encodeCaughtUp } from "../../../src/replication/protocol.ts";
import { batch, infoFrame, puts } from "../../fakes/leader_frames.ts";

const server = createServer((socket) => {
  let frames = 0;
  socket.on("error", () => {});
  socket.on("data", () => {
    if (frames++ === 0) socket.write(infoFrame({ slotCount: 1000 })), socket.write(batch(puts(3)));
    else if (frames === 2) {
      socket.write(encodeCaughtUp({ shard: 0, scanned: 3 }));
      setTimeout(() => socket.destroy(), 30);
      server.close();
    }
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
