/** One leader, one directory, one follower after the other: each is killed, judged and followed by the next. */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createHash } from "node:crypto";

import type { StorageKind } from "../../../src/storage/slot_file.ts";
import { Random, shuffled } from "../../harness/random.ts";
import type { RuntimeName } from "../../harness/runtimes.ts";
import { until } from "../../harness/until.ts";
import type { PeerVersion } from "../../interop/armdb_peer.ts";
import { slotDifferences } from "../../interop/equal.ts";
import { Stage } from "../../interop/stage.ts";
import { ChurningLeader, SHARDS } from "./churning_leader.ts";
import { type Findings, judge, requireSameForArmdb } from "./judge.ts";
import { type Moment, momentNamed, MOMENTS } from "./moments.ts";
import { Progress } from "./progress.ts";
import { CrashReport } from "./report.ts";
import { Victim } from "./victim.ts";

/** Kills before the follower has caught up, in a row. */
const MOST_EARLY = 2;
/** Of so many kills one is in a quiet moment, in which armdb is asked too; and so many others are shown to armdb. */
const ARMDB_ONE_IN = 10;
const BETWEEN_STATES_MS = 25;
/** Within this, a follower is equal: 1,000 times what it takes. */
const PATIENCE_MS = 45_000;

/** What a lane is run with. */
export interface LaneOptions {
  kills: number;
  storage: StorageKind;
  runtime: RuntimeName;
  seed: number;
  /** The leader's armdb. */
  leader: PeerVersion;
  /** Where to leave a copy of the directory that was found bad. */
  keep?: string;
  onKill?: (report: CrashReport) => void;
}

/** Runs one. Rejects with an Error that names the kill and what was wrong. */
export async function runLane(options: LaneOptions): Promise<CrashReport> {
  await using stage = new Stage();
  const lane = new Lane(stage, options);
  return await lane.run();
}

class Lane {
  readonly #stage: Stage;
  readonly #options: LaneOptions;
  readonly #random: Random;
  readonly #report = new CrashReport();
  readonly #progress = new Progress();
  readonly #dir: string;
  readonly #backups: string;
  #leader!: ChurningLeader;
  #victim: Victim | undefined;
  /** When the victim held what the leader held (Unix ms). */
  #convergedAtMs: number | undefined;
  /** Kills in a row before the follower had caught up. */
  #early = 0;
  /** The moments to come: each as often as its weight says, so that a short run knows all of them. */
  readonly #deck: Moment[] = [];
  /** Keys that a complete directory must hold. */
  #stable = 0;
  #doing = "";

  constructor(stage: Stage, options: LaneOptions) {
    this.#stage = stage;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#dir = join(stage.dir, "replica");
    this.#backups = join(stage.dir, "backups");
  }

  async run(): Promise<CrashReport> {
    try {
      mkdirSync(this.#backups);
      const { seed, leader: version } = this.#options;
      this.#leader = await ChurningLeader.start(this.#stage, { version, seed });
      while (this.#report.kills < this.#options.kills) await this.#cycle();
      this.#doing = "the last convergence";
      await this.#start(momentNamed("quiet"));
      await this.#converge(true);
    } catch (error) {
      const { seed, keep } = this.#options;
      if (keep !== undefined && existsSync(this.#dir)) cpSync(this.#stage.dir, keep, { recursive: true });
      const head = `seed ${seed}, kill ${this.#report.kills + 1}, ${this.#doing}`;
      throw new Error(`${head}: ${(error as Error).message}`, { cause: error });
    } finally {
      await this.#victim?.kill();
    }
    return this.#report;
  }

  async #cycle(): Promise<void> {
    const moment = this.#choose();
    this.#doing = `"${moment.name}"`;
    if (moment.isFresh) this.#forget();
    await this.#start(moment);
    if (!moment.isEarly) await this.#converge(moment.name === "quiet");
    this.#early = moment.isEarly ? this.#early + 1 : 0;
    const delayMs = this.#random.between(0, moment.withinMs);
    this.#doing = `"${moment.name}" after ${delayMs} ms`;
    await moment.lead({ victim: this.#victim!, grow: () => this.#leader.grow(), backups: this.#backups });
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    const ran = await this.#kill();
    this.#report.killed(moment.name, ran);
    await this.#judge(moment);
    this.#options.onKill?.(this.#report);
  }

  #choose(): Moment {
    const { kills } = this.#report;
    if (kills % ARMDB_ONE_IN === ARMDB_ONE_IN - 1) return momentNamed("quiet");
    const mayBe = ({ isEarly }: Moment) => !isEarly || this.#early < MOST_EARLY;
    if (!this.#deck.some(mayBe)) this.#deck.push(...this.#shuffled());
    return this.#deck.splice(this.#deck.findIndex(mayBe), 1)[0];
  }

  /** All moments, each as often as it weighs. */
  #shuffled(): Moment[] {
    const moments = MOMENTS.flatMap((moment) => Array.from({ length: moment.weight }, () => moment));
    return shuffled(moments, (limit) => this.#random.below(limit));
  }

  #forget(): void {
    rmSync(this.#dir, { recursive: true, force: true });
    this.#progress.forget();
    this.#stable = this.#leader.stable;
  }

  async #start({ sync = 20, isEarly = false }: Moment): Promise<void> {
    const { runtime, storage } = this.#options;
    if (isEarly) await this.#leader.writeMissed();
    await this.#leader.churn();
    const leader = this.#leader.address;
    this.#convergedAtMs = undefined;
    this.#victim = new Victim({ runtime, leader, dir: this.#dir, storage, sync });
  }

  async #kill(): Promise<boolean> {
    const victim = this.#victim!;
    this.#victim = undefined;
    const ran = await victim.kill();
    if (victim.stderr !== "") throw new Error(`the follower wrote ${victim.stderr}`);
    const failed = victim.lines.find((line) => /^(failed|not-caught-up) /.test(line) && !isRefusal(line));
    // Behind SIGTERM an operation is given up; nothing else fails.
    if (failed !== undefined && !victim.lines.includes("closing")) throw new Error(failed);
    return ran;
  }

  /** Waits until the follower holds what the leader holds, which stands still meanwhile. */
  async #converge(staysQuiet: boolean): Promise<void> {
    const victim = this.#victim!;
    await victim.says("caught-up");
    await this.#leader.stop();
    if (this.#options.leader === 1) await victim.ask("rescan", "rescanned");
    const digest = createHash("sha256").update(await this.#leader.dump()).digest("hex");
    let state = "";
    await until(
      async () => {
        state = await victim.ask("state");
        if (state.startsWith(`state ${digest} `)) return true;
        // Its answer takes as long as a hundred batches do: between two of them it follows.
        await new Promise((resolve) => setTimeout(resolve, BETWEEN_STATES_MS));
        return false;
      },
      PATIENCE_MS,
      "the follower to hold what the leader holds",
    ).catch((error) => {
      throw new Error(
        `${error.message}, ${digest}: ${state}; it said ${victim.lines.slice(0, 40).join("; ")}`,
      );
    });
    const [, , , complete, unverified, diverged] = state.split(" ");
    if (complete !== "true" || unverified !== "0" || diverged !== "0") {
      throw new Error(
        `it converged, but says complete ${complete}, unverified ${unverified}, diverged ${diverged}`,
      );
    }
    await this.#requireEqualFiles();
    this.#stable = this.#leader.stable;
    this.#convergedAtMs = Date.now();
    this.#report.converged++;
    if (!staysQuiet) await this.#leader.churn();
  }

  async #requireEqualFiles(): Promise<void> {
    await this.#leader.flush();
    let differences: string[] = [];
    const equal = () => {
      differences = slotDifferences(this.#leader.dir, this.#dir, SHARDS, { otherMetas: false });
      return differences.length === 0;
    };
    await until(equal, PATIENCE_MS).catch(() => {});
    if (differences.length > 0) throw new Error(`the files differ: ${differences.join("; ")}`);
  }

  async #judge(moment: Moment): Promise<void> {
    const copy = join(this.#stage.dir, "copy");
    if (existsSync(this.#dir)) cpSync(this.#dir, copy, { recursive: true });
    else mkdirSync(copy);
    const findings = await judge(copy, this.#leader.known(this.#stable));
    this.#progress.judged(findings, moment, this.#convergedAtMs);
    this.#report.mostLag = this.#progress.mostLag;
    this.#report.judged(findings);
    if (findings !== undefined && this.#isForArmdb(moment)) await this.#askArmdb(copy, findings, moment);
    rmSync(copy, { recursive: true });
    for (const name of readdirSync(this.#backups)) await this.#judgeBackup(join(this.#backups, name));
  }

  #isForArmdb({ name }: Moment): boolean {
    return name === "quiet" || this.#random.oneIn(ARMDB_ONE_IN);
  }

  async #askArmdb(copy: string, findings: Findings, { name }: Moment): Promise<void> {
    for (const version of [1, 2] as const) {
      await requireSameForArmdb(version, copy, findings, this.#leader.known(this.#stable));
      this.#report.armdbDumps++;
    }
    if (name === "quiet" && findings.dump !== await this.#leader.dump()) {
      throw new Error("the directory does not hold what the leader holds, which stood still");
    }
  }

  /** A backup is whole, or it is none: nothing opens it. */
  async #judgeBackup(path: string): Promise<void> {
    const isWhole = existsSync(join(path, "db.meta"));
    if (isWhole) {
      const findings = await judge(path, this.#leader.known(this.#stable));
      if (findings === undefined || findings.torn > 0 || findings.complete.includes(false)) {
        throw new Error(`a backup with a db.meta is not whole: ${findings?.torn} slots of it are torn`);
      }
    }
    this.#report.backups[isWhole ? "whole" : "unfinished"]++;
    rmSync(path, { recursive: true });
  }
}

/** A leader of protocol 1 is scanned again and again: a backup that meets such a scan is refused. */
function isRefusal(line: string): boolean {
  return line.startsWith("failed Cannot back up: ") && line.includes("a whole scan of it is under way");
}
