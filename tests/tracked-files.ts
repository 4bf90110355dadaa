// The repository's own files, as git has them: what the rules about files are held against.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PACKAGE_ROOT } from "../server/settings.ts";

/** Paths from the root, without what has been deleted and not committed yet. */
export function trackedFiles(): string[] {
  // A checkout that belongs to another user is read all the same.
  const list = execFileSync("git", ["-c", "safe.directory=*", "ls-files", "-z"], {
    cwd: PACKAGE_ROOT,
    encoding: "utf8",
  });
  return list.split("\0").filter((path) => path !== "" && existsSync(join(PACKAGE_ROOT, path)));
}

export function contentOf(path: string): string {
  return readFileSync(join(PACKAGE_ROOT, path), "utf8");
}

/** The trained bundles hold what the trainer wrote; rules about how we write do not apply. */
export function isShippedBundle(path: string): boolean {
  return /^models\/[^/]+\//.test(path);
}
