import { describe, expect, it } from "vitest";
import { Budget, Budgets, NO_LIMITS } from "./budget.ts";

describe("Budget", () => {
  it("limits words, messages and new sessions each by itself", () => {
    const budget = new Budget(
      "this key",
      { ...NO_LIMITS, wordsPerMinute: 60, messagesPerSecond: 1, sessionsPerMinute: 2 },
      0,
    );
    expect(budget.take("words", 60, 0)).toBeUndefined();
    expect(budget.take("words", 5, 0)).toMatchObject({ code: "rate_limited", retryAfter: 5, fatal: false });
    expect(budget.take("messages", 10, 0)).toBeUndefined();
    expect(budget.take("messages", 1, 0)?.message).toBe("this key has sent too many messages in too short a time");
    expect([budget.enter(0), budget.enter(0)]).toEqual([undefined, undefined]);
    expect(budget.enter(0)).toMatchObject({ code: "rate_limited", retryAfter: 30 });
    expect(budget.take("words", 5, 5_000)).toBeUndefined();
  });

  it("limits the sessions that are open at once", () => {
    const budget = new Budget("this address", { ...NO_LIMITS, sessionsAtOnce: 1 }, 0);
    expect(budget.enter(0)).toBeUndefined();
    expect(budget.enter(0)).toMatchObject({
      code: "rate_limited",
      message: expect.stringContaining("1 sessions open"),
    });
    budget.leave();
    expect(budget.enter(0)).toBeUndefined();
  });

  it("limits nothing that is 0", () => {
    const budget = new Budget("this key", NO_LIMITS, 0);
    for (let times = 0; times < 1000; times++) {
      expect(budget.enter(0) ?? budget.take("words", 1e6, 0) ?? budget.take("messages", 1e6, 0)).toBeUndefined();
    }
  });
});

describe("Budgets", () => {
  it("are one for each name, and none where nothing is limited", () => {
    const budgets = new Budgets("this key", { ...NO_LIMITS, messagesPerSecond: 1 });
    expect(budgets.of("a", 0)).toBe(budgets.of("a", 0));
    expect(budgets.of("a", 0)).not.toBe(budgets.of("b", 0));
    expect(new Budgets("this key", NO_LIMITS).of("a", 0)).toBeUndefined();
  });

  it("forget who has left and owes nothing", () => {
    const budgets = new Budgets("this address", { ...NO_LIMITS, messagesPerSecond: 1 });
    for (let index = 0; index < 100; index++) budgets.of(`address ${index}`, 0)?.take("messages", 1, 0);
    budgets.of("stays", 0)?.enter(0);
    expect(budgets.size).toBe(101);
    budgets.of("new", 60_000);
    expect(budgets.size).toBe(2);
  });
});
