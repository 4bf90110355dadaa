// Where the built JavaScript of the package lies, from source (tests) and from the build alike.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = new URL(import.meta.url.endsWith(".ts") ? "../" : "../../", import.meta.url);

/**
 * Path of a file of the build.
 *
 * @param path within `dist/`, such as `cli/main.js`
 * @throws Error when it has not been built
 */
export function builtFile(path: string): string {
  const file = fileURLToPath(new URL(`dist/${path}`, ROOT));
  if (!existsSync(file)) throw new Error(`dist/${path} is not there: run \`npm run build\` first`);
  return file;
}
