import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { packagedFile } from "./python.ts";
import { smallTraining } from "./small-batches.testing.ts";
import { trainingProgram } from "./training-program.ts";

const content = (path: string) => readFileSync(packagedFile(path), "utf8");

test("PyTorch's interpreter knows every operator that a forward graph can be built of", () => {
  const files = ["arithmetic-ops", "layout-ops", "ops"].map((name) => content(`trainer/graph/${name}.ts`));
  const used = files.flatMap((text) =>
    [...text.matchAll(/(?:single|binary|unary|reduce|node)\(\s*"([A-Z]\w+)"/g)].map(([, name]) => name!),
  );
  expect(used).toEqual(expect.arrayContaining(["Gemm", "Scan", "TopK", "ReduceMean", "Slice"]));
  const table = content("trainer/torch/interpreter.py").split("OPERATORS = {")[1]!;
  const known = new Set([...table.matchAll(/^ {4}"(\w+)":/gm)].map(([, name]) => name));
  expect([...new Set(used)].filter((name) => !known.has(name))).toEqual([]);
});

describe.each(["teacher", "wait-k", "student"] as const)("the program of a %s", (kind) => {
  test("notes the gradient by hand with all that it is made of, and has no optimizer", () => {
    const model = smallTraining(kind, 0.1).graph();
    const forward = model.graph.nodes.length;
    const bytes = trainingProgram(model);
    const notes = model.graph.nodes.filter(({ op }) => op === "CustomGradient");
    expect(notes).toHaveLength(1);
    const [value, logits, dy, gradient] = notes[0]!.inputs;
    expect(notes[0]).toMatchObject({ domain: "souffleur", outputs: [], attributes: { count: 1 } });
    expect(value).toBe(model.loss);
    expect(dy!.name).toBe(`${model.loss.name}:dy`);
    expect(gradient!.shape).toEqual(logits!.shape);
    const rule = model.graph.nodes.slice(forward);
    expect(rule.some(({ outputs }) => outputs.includes(gradient!))).toBe(true);
    expect(Buffer.from(bytes).includes("metric:nll")).toBe(true);
    expect(model.graph.inputs.map(({ name }) => name)).not.toContain("learning_rate");
  });
});
