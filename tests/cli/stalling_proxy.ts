/** Passes so many bytes of a leader on and then none: a catch-up that stays in its middle. */

import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";

/** A proxy on loopback that stalls; dispose it. */
export interface StallingProxy extends AsyncDisposable {
  /** Where it listens, as host:port. */
  address: string;
  /** Resolves when it holds back the first byte. */
  stalled: Promise<void>;
}

/** Stands before the leader at `port` and lets `bytes` of its answers through, over all connections. */
export async function stallingProxy(port: number, bytes: number): Promise<StallingProxy> {
  const sockets = new Set<Socket>();
  let left = bytes;
  let stall = () => {};
  const stalled = new Promise<void>((resolve) => stall = resolve);
  const server = createServer((near) => {
    const far = createConnection({ host: "127.0.0.1", port });
    for (const [socket, other] of [[near, far], [far, near]]) {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    near.on("data", (data) => far.write(data));
    far.on("data", (data: Uint8Array) => {
      const passed = Math.min(left, data.length);
      left -= passed;
      if (passed > 0) near.write(data.subarray(0, passed));
      if (passed < data.length) stall();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stalled,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
