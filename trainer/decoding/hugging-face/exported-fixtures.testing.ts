// Test support: the tiny models that scripts/reference/hugging_face_export.py had Optimum export, as folders on disk.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { z } from "zod";

const hypothesisSchema = z.object({ ids: z.array(z.number()), ended: z.boolean() });
const fixtureSchema = z.object({
  beams: z.number(),
  maxLength: z.number(),
  /** Files by name: JSON as it is, graphs packed with gzip in base64. */
  files: z.record(z.string(), z.union([z.string(), z.record(z.string(), z.unknown())])),
  cases: z.array(
    z.object({
      text: z.string(),
      sourceIds: z.array(z.number()),
      greedy: hypothesisSchema,
      beams: z.array(hypothesisSchema.extend({ score: z.number() })),
      decoded: z.string(),
    }),
  ),
});

export type ExportedFixture = z.infer<typeof fixtureSchema>;
export const EXPORTED_FAMILIES = ["marian", "m2m100", "nllb", "mbart50"] as const;

export function exportedFixture(family: (typeof EXPORTED_FAMILIES)[number]): ExportedFixture {
  const file = join(import.meta.dirname, "fixtures", `${family}.json`);
  return fixtureSchema.parse(JSON.parse(readFileSync(file, "utf8")));
}

/** Writes a model's folder; `changes` replaces or, with undefined, leaves out files. */
export function writeExported(
  folder: string,
  { files }: ExportedFixture,
  changes: Readonly<Record<string, string | object | undefined>> = {},
): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries({ ...files, ...changes })) {
    if (content === undefined) continue;
    const isGraph = typeof content === "string" && name.endsWith(".onnx");
    const text = typeof content === "string" ? content : JSON.stringify(content);
    writeFileSync(join(folder, name), isGraph ? gunzipSync(Buffer.from(content, "base64")) : text);
  }
  return folder;
}
