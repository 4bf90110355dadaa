import { describe, expect, it, vi } from "vitest";
import { StandInModel } from "../../models/stand-in-model.ts";
import type { EngineOutput, EngineSession } from "./engine.ts";
import { InProcessEngine } from "./in-process-engine.ts";
import { ReloadableEngine } from "./reloadable-engine.ts";

function engineOf(name: string, vocabularySize: number) {
  const engine = new InProcessEngine({ models: [{ name, runner: new StandInModel({ vocabularySize }) }] });
  return { engine, close: vi.spyOn(engine, "close") };
}

async function idsOf(session: EngineSession): Promise<number[]> {
  const outputs: EngineOutput[] = [];
  const segment = session.openSegment({
    wait: 1,
    onOutput: (output) => outputs.push(output),
    onFailure: () => undefined,
  });
  segment.push([20, 21, 22, 23]);
  segment.end();
  await vi.waitFor(() => expect(outputs.at(-1)?.done).toBe(true));
  return outputs.flatMap(({ ids }) => ids);
}

describe("ReloadableEngine", () => {
  it("keeps old sessions on the old models, and closes these after the last of them", async () => {
    const [old, fresh] = [engineOf("m", 18), engineOf("m", 40)];
    const engine = new ReloadableEngine(old.engine);
    const before = [engine.openSession("m"), engine.openSession("m")];
    const oldIds = await idsOf(before[0]);
    engine.replace(fresh.engine);
    const after = engine.openSession("m");
    expect(await idsOf(before[1])).toEqual(oldIds);
    expect(await idsOf(after)).not.toEqual(oldIds);
    expect(engine.generations).toBe(2);
    before[0].close();
    before[0].close();
    expect(old.close).not.toHaveBeenCalled();
    before[1].close();
    expect(old.close).toHaveBeenCalledOnce();
    expect(engine.generations).toBe(1);
    expect(fresh.close).not.toHaveBeenCalled();
    expect(await idsOf(after)).not.toEqual(oldIds);
    await engine.close();
  });

  it("closes an engine without sessions as soon as it is replaced, and all when it closes", async () => {
    const [first, second, third] = [engineOf("m", 18), engineOf("m", 20), engineOf("n", 40)];
    const engine = new ReloadableEngine(first.engine);
    engine.replace(second.engine);
    expect(first.close).toHaveBeenCalledOnce();
    engine.openSession("m");
    engine.replace(third.engine);
    expect(engine.models.map(({ model }) => model)).toEqual(["n"]);
    expect(() => engine.openSession("m")).toThrow(RangeError);
    await Promise.all([engine.close(), engine.close()]);
    expect(second.close).toHaveBeenCalledOnce();
    expect(third.close).toHaveBeenCalledOnce();
    expect(engine.ready).toBe(false);
  });
});
