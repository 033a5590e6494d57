import { describe, expect, test } from "bun:test";
import { Rate, Rates } from "../../src/cli/rate.ts";

describe("Rate", () => {
  test("is 0 before there are two samples", () => {
    expect(new Rate().add(500, 1000)).toBe(0);
  });

  test("is the growth per second", () => {
    const rate = new Rate();
    rate.add(100, 0);
    expect(rate.add(150, 500)).toBe(100);
  });

  test("forgets what is older than 3 seconds", () => {
    const rate = new Rate();
    rate.add(0, 0);
    for (let second = 1; second <= 3; second++) rate.add(1000 * second, 1000 * second);
    for (let second = 4; second <= 6; second++) rate.add(3000, 1000 * second);
    expect(rate.add(3000, 7000)).toBe(0);
  });

  test("begins anew when the count falls", () => {
    const rate = new Rate();
    rate.add(9000, 0);
    expect(rate.add(10, 1000)).toBe(0);
    expect(rate.add(20, 2000)).toBe(10);
  });
});

test("Rates keeps names apart, and forgets one", () => {
  const rates = new Rates();
  rates.add("a", 0, 0);
  rates.add("b", 0, 0);
  expect(rates.add("a", 10, 1000)).toBe(10);
  rates.forget("a");
  expect(rates.add("a", 20, 2000)).toBe(0);
  expect(rates.add("b", 20, 2000)).toBe(10);
});
