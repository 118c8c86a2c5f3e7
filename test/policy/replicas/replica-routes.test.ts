import { describe, expect, it } from "vitest";
import { createRoutes } from "../../../src/policy/replicas/replica-routes.js";

const tokensOf = (seed: number, length: number) => Int32Array.from({ length }, (_, i) => seed * 1000 + i);

describe("createRoutes", () => {
  it("sends fresh prompts where the fewest rows run, the first of equals", () => {
    const routes = createRoutes(3, 4096);
    const enter = (seed: number, rows: number) => routes.enter(0, tokensOf(seed, 20), rows);
    const [a, b, c, d] = [enter(1, 3), enter(2, 2), enter(3, 2), enter(4, 1)];
    expect([a, b, c, d].map(({ replica }) => replica)).toEqual([0, 1, 2, 1]);
    a.leave();
    expect(enter(5, 1).replica).toBe(0);
    c.leave();
    expect(enter(6, 1).replica).toBe(2);
  });

  it("sends a prompt where the longest beginning of it was computed", () => {
    const routes = createRoutes(3, 4096);
    const trunk = tokensOf(1, 64);
    const extended = (more: Int32Array) => Int32Array.of(...trunk, ...more);
    const enter = (prompt: Int32Array) => routes.enter(0, prompt, 1);
    enter(tokensOf(9, 10)).leave();
    for (const each of [enter(trunk), enter(tokensOf(2, 64)), enter(tokensOf(3, 64))]) each.leave();
    const busy = routes.enter(0, tokensOf(4, 10), 40);
    expect(busy.replica).toBe(0);
    const elsewhere = enter(extended(tokensOf(5, 96)));
    expect(elsewhere.replica).toBe(1);
    elsewhere.leave();
    busy.leave();
    // Engine 0 has two blocks of it, engine 1 five.
    expect(enter(extended(tokensOf(5, 100))).replica).toBe(1);
    expect(enter(extended(tokensOf(6, 100))).replica).toBe(0);
  });

  it("follows an answer into the next turn", () => {
    const routes = createRoutes(2, 4096);
    const [prompt, answer] = [tokensOf(1, 70), tokensOf(2, 70)];
    const first = routes.enter(0, prompt, 1);
    const busy = routes.enter(0, tokensOf(3, 10), 1);
    const second = routes.enter(0, prompt, 1);
    expect([first, busy, second].map(({ replica }) => replica)).toEqual([0, 1, 0]);
    for (const each of [first, second]) each.leave();
    // The same prompt on the other engine, and its answer there.
    const blocker = routes.enter(0, tokensOf(4, 10), 9);
    expect(blocker.replica).toBe(0);
    const third = routes.enter(0, prompt, 1);
    third.learn(answer);
    for (const each of [third, blocker, busy]) each.leave();
    expect(third.replica).toBe(1);
    expect(routes.enter(0, Int32Array.of(...prompt, ...answer, 7), 1).replica).toBe(1);
  });

  it("leaves what was computed where more rows run than computing it again is worth", () => {
    const routes = createRoutes(2, 4096);
    const prompt = tokensOf(1, 128);
    const replicas = Array.from({ length: 7 }, () => routes.enter(0, prompt, 1).replica);
    expect(replicas).toEqual([0, 0, 0, 0, 0, 1, 1]);
  });

  it("forgets an adapter's prompts alone, and the oldest beyond the token memory", () => {
    const routes = createRoutes(2, 128);
    const at = (adapter: number, seed: number) => {
      const route = routes.enter(adapter, tokensOf(seed, 64), 1);
      route.leave();
      return route.replica;
    };
    const onSecond = (adapter: number, seed: number) => {
      const busy = routes.enter(5, tokensOf(99, 5), 50);
      expect(at(adapter, seed)).toBe(1);
      busy.leave();
    };
    onSecond(0, 1);
    onSecond(1, 1);
    expect([at(0, 1), at(1, 1)]).toEqual([1, 1]);
    routes.forget(0);
    expect([at(0, 1), at(1, 1)]).toEqual([0, 1]);
    for (const seed of [2, 3]) onSecond(0, seed);
    expect(at(1, 1)).toBe(0);
  });
});
