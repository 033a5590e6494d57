/** HTTP by `Bun.serve`. */

import { answer, stopping, within } from "./http.ts";
import { nodeNetwork } from "./network_node.ts";
import type { Address, Http, HttpHandler, HttpServer } from "./runtime.ts";

/** A server as `Bun.serve` gives it. */
interface BunServer {
  port: number;
  /** Stops listening; resolves when all connections have ended, or closes them. */
  stop(closeConnections: boolean): Promise<void>;
}

/** The part of the global `Bun` that is used here. */
export interface BunServe {
  serve(options: {
    hostname: string;
    port: number;
    development: false;
    reusePort: false;
    fetch(request: Request, server: BunServer): Promise<Response>;
  }): BunServer;
}

/** Serves through the global `Bun`. */
export function bunHttp(bun: Partial<BunServe>): Http {
  return {
    serve: async (address, handler) => {
      try {
        return new Server(bun as BunServe, address, handler);
      } catch (error) {
        await explainListenError(address);
        throw error;
      }
    },
  };
}

class Server implements HttpServer {
  readonly address: Address;
  readonly #server: BunServer;
  #closing: Promise<void> | undefined;

  constructor(bun: BunServe, { host, port }: Address, handler: HttpHandler) {
    this.#server = bun.serve({
      hostname: host,
      port,
      // Else an error is answered with a page of source code.
      development: false,
      // Without development, Bun 1.4.5 would share a port that is taken with whoever else listens so.
      reusePort: false,
      // A connection that was open and silent is neither closed by `stop` nor kept from asking: it is turned away.
      fetch: (request, server) =>
        this.#closing === undefined ? answer(handler, request, server) : Promise.resolve(stopping()),
    });
    this.address = { host, port: this.#server.port };
  }

  close(graceMs: number): Promise<void> {
    return this.#closing ??= this.#close(graceMs);
  }

  async #close(graceMs: number): Promise<void> {
    await within(graceMs, this.#server.stop(false));
    await this.#server.stop(true);
  }
}

/** Throws what node:net says: Bun's server calls any failure EADDRINUSE, a host that does not resolve among them. */
async function explainListenError(address: Address): Promise<void> {
  const handlers = { onData() {}, onClose() {} };
  const listener = await nodeNetwork().listen(address, () => handlers);
  await listener.close();
}
