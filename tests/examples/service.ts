/** The services of examples/, started by the command in their heads. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { Program } from "../cli/program.ts";
import { ROOT, type RuntimeName, runtimePath } from "../harness/runtimes.ts";

/** What the services in these tests ask for below /admin. */
export const TOKEN = "token-of-the-tests";

/** The words of the command in a service's head, from the runtime's name on. */
export function commandInHead(runtime: RuntimeName): string[] {
  const source = readFileSync(`${ROOT}/examples/${runtime}_service.ts`, "utf8");
  const [, block] = /^ \* ```sh\n(.*?)^ \* ```$/ms.exec(source)!;
  const lines = block.replaceAll(/^ \* ?/gm, "").replaceAll(/\\\n/g, " ").split("\n");
  return lines.find((line) => line.startsWith(`${runtime} `))!.split(/\s+/);
}

/** A service that runs, in a folder of its own; dispose it. */
export class Service implements AsyncDisposable {
  private constructor(readonly program: Program, readonly folder: string, readonly url: string) {}

  /** Starts one before a leader, by the command in its head but for the two addresses, and waits until it listens. */
  static async start(runtime: RuntimeName, leader: string): Promise<Service> {
    const folder = mkdtempSync(`${tmpdir()}/slotcask-service-`);
    const words = commandInHead(runtime).slice(1).map((word) =>
      word.replace("leader:9100", leader)
        .replace("127.0.0.1:8000", "127.0.0.1:0")
        .replace(/^examples\//, `${ROOT}/examples/`)
        .replace(/^run$/, "run --no-prompt")
    ).flatMap((word) => word.split(" "));
    const env = { SLOTCASK_ADMIN_TOKEN: TOKEN };
    const program = Program.start([runtimePath(runtime)!, ...words], { cwd: folder, env });
    try {
      await program.says("Listening on ");
    } catch (error) {
      await program[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
      throw error;
    }
    const url = /Listening on (http:\S+?)\/?\s/.exec(program.out)![1];
    return new Service(program, folder, url);
  }

  /** Asks for a path, with the admin's token. */
  get(path: string): Promise<Response> {
    return fetch(this.url + path, { headers: { authorization: `Bearer ${TOKEN}` } });
  }

  /** The status that a path answers. */
  async status(path: string): Promise<number> {
    const response = await this.get(path);
    await response.body?.cancel();
    return response.status;
  }

  /** Kills what still runs, and removes its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true });
  }
}
