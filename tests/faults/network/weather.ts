/** How bytes get through a proxy. */

/** One way of a connection: from the leader, or to it. */
export type Way = "down" | "up";

/** How bytes get through; without `way` both ways. What `way` does not name passes. */
export type Weather =
  /** At once. */
  | { kind: "fair" }
  /** Never, and not the ends of connections either: nothing is told to anybody. */
  | { kind: "swallow"; way?: Way }
  /** Not before the weather changes. */
  | { kind: "hold"; way?: Way }
  /** `ms` later. */
  | { kind: "delay"; way?: Way; ms: number }
  /** At most so many bytes a ms. */
  | { kind: "throttle"; way?: Way; bytesPerMs: number }
  /** Each byte in a write of its own. */
  | { kind: "bytewise"; way?: Way };

/** All passes. */
export const FAIR: Weather = { kind: "fair" };

/** The weather on one way. */
export function weatherOf(weather: Weather, way: Way): Weather {
  return weather.kind === "fair" || weather.way === undefined || weather.way === way ? weather : FAIR;
}
