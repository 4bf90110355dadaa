// The file of the caption outputs: which there are, how their lines are made, and where each is sent.
import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { z } from "zod";
import { CAPTION_STYLE_NAMES, captionStyle } from "../lines/caption-style.ts";

/** A file of outputs that cannot be used; the message names the field. */
export class OutputsFileError extends Error {
  override readonly name = "OutputsFileError";
}

const NAME_RULE = "must be lower-case letters, digits and hyphens";
const name = z
  .string()
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, NAME_RULE)
  .max(64, NAME_RULE);
const language = z
  .string('must be a language code, such as "de"')
  .regex(/^[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*$/, 'must be a language code, such as "de"');

/** An address of one of the schemes. */
function address(...schemes: readonly string[]) {
  const rule = `must be an address that begins with ${schemes.map((scheme) => `${scheme}//`).join(" or ")}`;
  return z.string(rule).refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol), rule);
}

const allowPrivate = z.boolean("must be true or false").default(false);

const sinkSchema = z.discriminatedUnion(
  "type",
  [
    z.strictObject({
      type: z.literal("hls"),
      segmentSeconds: z.number().min(1, "must be 1 to 30 seconds").max(30, "must be 1 to 30 seconds").default(6),
      windowSegments: z.int().min(3, "must be 3 to 100").max(100, "must be 3 to 100").default(10),
      /** The video's 90 kHz time stamp at `startAt`; Apple's tools begin at ten seconds. */
      mpegTs: z.int().min(0, "must be 0 or more").default(900_000),
      /** When the video's time was `mpegTs`; the server's start where it is left out. */
      startAt: z.iso.datetime({ offset: true, error: "must be a time such as 2026-11-25T12:00:00Z" }).optional(),
    }),
    z.strictObject({
      type: z.literal("youtube"),
      url: address("https:", "http:"),
      target: language,
      region: z
        .string()
        .regex(/^[\w-]+$/, "must be a name")
        .optional(),
      cue: z
        .string()
        .regex(/^[\w-]+$/, "must be a name")
        .optional(),
      allowPrivate,
    }),
    z.strictObject({
      type: z.literal("zoom"),
      url: address("https:", "http:"),
      target: language,
      language: z
        .string()
        .regex(/^[a-z]{2,3}-[A-Z]{2}$/, "must be language and country, such as de-DE")
        .optional(),
      allowPrivate,
    }),
    z.strictObject({
      type: z.literal("obs"),
      url: address("ws:", "wss:"),
      target: language,
      password: z.string().min(1, "must be OBS's password").optional(),
      allowPrivate,
    }),
  ],
  { error: "must have a type: hls, youtube, zoom or obs" },
);

const outputSchema = z
  .strictObject({
    style: z.enum(CAPTION_STYLE_NAMES, `must be ${CAPTION_STYLE_NAMES.join(", ")}`).default("bbc-live"),
    rows: z.int().optional(),
    /** Languages that are published; all that a session has, where it is left out. */
    targets: z.array(language).min(1, "must name at least one language").optional(),
    /** Whether viewers need no key, where the server has keys. */
    public: z.boolean("must be true or false").default(false),
    sinks: z.array(sinkSchema).max(16, "must be at most 16 sinks").default([]),
  })
  .superRefine(({ style, rows }, context) => {
    try {
      captionStyle(style, rows);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      context.addIssue({ code: "custom", path: ["rows"], message: `does not fit: ${error.message}` });
    }
  });

const fileSchema = z.strictObject({ outputs: z.record(name, outputSchema) });

export type OutputSettings = z.output<typeof outputSchema>;
export type SinkSettings = z.output<typeof sinkSchema>;

/** The outputs of a file by their names. Throws OutputsFileError. */
export function readOutputsFile(path: string): Record<string, OutputSettings> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new OutputsFileError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  return parseOutputs(text, path);
}

/** @param path what messages call the file */
export function parseOutputs(text: string, path: string): Record<string, OutputSettings> {
  const document = parseDocument(text, { prettyErrors: true });
  const [broken] = document.errors;
  if (broken !== undefined) throw new OutputsFileError(`${path}: ${broken.message}`);
  const parsed = fileSchema.safeParse(document.toJS());
  if (parsed.success) return parsed.data.outputs;
  const [issue] = parsed.error.issues;
  // A sink's own address is a secret: no message has it.
  throw new OutputsFileError(`${path}: ${issue.path.join(".") || "the file"} ${issue.message}`);
}
