// A configuration file of the server, YAML or JSON: its fields as text and values, each with the line it stands on.
import { readFileSync } from "node:fs";
import { isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import { UsageError } from "./exit.ts";

/** One field of the file. */
export interface FileField {
  name: string;
  value: unknown;
  /** `souffleur.yaml:3` */
  place: string;
}

/** Throws UsageError where the file cannot be read, is no YAML, or is no mapping; the message says where and why. */
export function readSettingsFile(path: string): FileField[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message.split(",")[0] : String(error);
    throw new UsageError(`${path}: cannot be read (${reason}): --config names a YAML or JSON file`);
  }
  const lines = new LineCounter();
  // JSON is YAML, so one reader takes both.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  const lineAt = (offset: number | undefined) => `${path}:${lines.linePos(offset ?? 0).line}`;
  if (error !== undefined) throw new UsageError(`${lineAt(error.pos[0])}: is neither YAML nor JSON: ${error.message}`);
  const { contents } = document;
  if (contents === null) return [];
  if (!isMap(contents)) {
    throw new UsageError(`${lineAt(0)}: must be settings with their values, such as "port: 8080", one a line`);
  }
  return contents.items.map(({ key, value }) => {
    const name = isScalar(key) ? String(key.value) : String(key);
    const offset = isScalar(key) ? key.range?.[0] : undefined;
    return { name, value: isNode(value) ? value.toJS(document) : value, place: lineAt(offset) };
  });
}
