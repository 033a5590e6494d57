import { BenchLeader, type Filling } from "./real_leader.ts";

/** One leader for each filling, made when it is first wanted, and kept. */
export class Leaders implements AsyncDisposable {
  readonly #leaders = new Map<Filling, Promise<BenchLeader>>();

  /** None yet; each gets a directory in `dir`. */
  constructor(readonly dir: string) {}

  /** The leader of a filling: the same one for the same object. */
  get(filling: Filling): Promise<BenchLeader> {
    let leader = this.#leaders.get(filling);
    if (leader === undefined) this.#leaders.set(filling, leader = BenchLeader.start(this.dir, filling));
    return leader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const leader of this.#leaders.values()) await (await leader)[Symbol.asyncDispose]();
  }
}
