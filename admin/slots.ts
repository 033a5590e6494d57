import type { Hono } from "hono";

import { MOST_REGIONS } from "../src/fixed/regions.ts";
import { ApiError } from "./errors.ts";
import type { AdminFollower } from "./follower_port.ts";
import type { ResolvedAdminOptions } from "./options.ts";

const DEFAULT_REGIONS = 256;

/** GET /v1/slots/{shard}: how many slots of each status there are in each of `regions` equal ranges. */
export function slotRoutes(app: Hono, follower: AdminFollower, { limits }: ResolvedAdminOptions): void {
  app.get("/v1/slots/:shard", async (c) => {
    const shard = requireShard(c.req.param("shard"), follower);
    const count = regionsOf(c.req.query("regions"), Math.min(limits.regions, MOST_REGIONS));
    const regions = await follower.regions(shard, count);
    return c.json({ shard, regions });
  });
}

function requireShard(text: string, follower: AdminFollower): number {
  if (!/^\d{1,9}$/.test(text)) {
    throw new ApiError(400, "bad-shard", {
      message: `Cannot show slots: shard is ${JSON.stringify(text)}, no number`,
    });
  }
  const { length } = follower.status().shards;
  if (Number(text) < length) return Number(text);
  throw new ApiError(404, "no-such-shard", {
    message: `Cannot show slots: shard is ${text}, there are ${length}`,
  });
}

function regionsOf(text: string | undefined, most: number): number {
  if (text === undefined) return Math.min(DEFAULT_REGIONS, most);
  const count = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (count >= 1 && count <= most) return count;
  const message = `Cannot show slots: regions is ${JSON.stringify(text)}, allowed are 1 to ${most}`;
  throw new ApiError(400, "bad-regions", { message });
}
