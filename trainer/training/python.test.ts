import { expect, test } from "vitest";
import { inspectPython, PythonMissing, packagedFile, REQUIREMENTS } from "./python.ts";

test("an interpreter that is not there: the message says how to get one", async () => {
  const error = await inspectPython("no-such-python").catch((problem: unknown) => problem);
  expect(error).toBeInstanceOf(PythonMissing);
  expect(error).toMatchObject({ exitCode: 2 });
  const { message } = error as PythonMissing;
  expect(message).toContain("no-such-python cannot be started");
  expect(message).toContain(`.venv/bin/pip install -r ${packagedFile(REQUIREMENTS)}`);
  expect(message).toContain("SOUFFLEUR_PYTHON");
});

test("one that answers something else is not taken for PyTorch", async () => {
  // node takes -c for a syntax check of a file, and ends with an error
  await expect(inspectPython(process.execPath)).rejects.toThrow(/has no PyTorch \(.+\)/);
});
