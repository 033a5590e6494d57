/** A server that answers as it is told, in place of an admin. */

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** What a {@link FakeAdmin} answers. */
export interface FakeAnswer {
  status?: number;
  /** Sent as JSON; a text as it is. */
  body: unknown;
}

/** A request that came. */
export interface FakeRequest {
  method: string;
  path: string;
  authorization: string | undefined;
  body: string;
}

/** A server of scripted answers; dispose it. */
export class FakeAdmin implements AsyncDisposable {
  readonly requests: FakeRequest[] = [];
  readonly #server;

  private constructor(answer: (request: FakeRequest) => FakeAnswer) {
    this.#server = createServer(async (incoming, response) => {
      const { method = "", url = "", headers } = incoming;
      const body = await textOf(incoming);
      const request = { method, path: url, authorization: headers.authorization, body };
      this.requests.push(request);
      const { status = 200, body: sent } = answer(request);
      response.writeHead(status, { connection: "close" });
      response.end(typeof sent === "string" ? sent : JSON.stringify(sent));
    });
  }

  /** Listens on a free port. */
  static async start(answer: (request: FakeRequest) => FakeAnswer): Promise<FakeAdmin> {
    const admin = new FakeAdmin(answer);
    await new Promise<void>((resolve) => admin.#server.listen(0, "127.0.0.1", () => resolve()));
    return admin;
  }

  /** As `--admin` takes it. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Stops it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = "";
  incoming.setEncoding("utf8");
  for await (const part of incoming) text += part;
  return text;
}

/** An address of loopback where nobody listens. Not a well-known port: `fetch` refuses many of them by itself. */
export async function nobody(): Promise<string> {
  await using admin = await FakeAdmin.start(() => ({ body: "" }));
  return admin.address;
}
