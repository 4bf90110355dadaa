// The server's image without a container engine: the folder that its Dockerfile makes, and its start with the rights that
// it has there: another user, no capabilities, a root that cannot be written.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { PACKAGE_ROOT } from "../server/settings.ts";
import { contentOf } from "./tracked-files.ts";

const words = z.array(z.string());
const lastStage =
  contentOf("deploy/image/serve.dockerfile")
    .split(/^FROM /m)
    .at(-1) ?? "";

/** Whether a process may be started here as it is in the image; it takes a root user that may mount. */
export const canConfine =
  spawnSync("unshare", ["--mount", "sh", "-c", "mount --make-rprivate / && mount -o remount,bind,ro / && setpriv -V"])
    .status === 0;

/** What stands after an instruction of the image's last stage, as JSON. */
export function instruction(pattern: RegExp): string[] {
  return words.parse(JSON.parse(pattern.exec(lastStage)?.[1] ?? "null"));
}

export class ServedImage {
  readonly folder = mkdtempSync(join(tmpdir(), "souffleur-image-"));
  readonly environment: Readonly<Record<string, string>>;
  readonly #user: string;

  constructor() {
    chmodSync(this.folder, 0o755);
    for (const [, from, to] of lastStage.matchAll(/^COPY --from=build \/app\/(\S+) (\S+)$/gm)) {
      const target = join(this.folder, to);
      mkdirSync(dirname(target), { recursive: true });
      // As large as all the rest, and the same for every build.
      if (from === "node_modules") symlinkSync(join(PACKAGE_ROOT, from), target);
      else cpSync(join(PACKAGE_ROOT, from), to.endsWith("/") ? join(target, from) : target, { recursive: true });
    }
    const variables = /^ENV (.+)$/m.exec(lastStage)?.[1].split(" ") ?? [];
    this.environment = Object.fromEntries(
      variables.map((one) => z.tuple([z.string(), z.string()]).parse(one.split("="))),
    );
    this.#user = /^USER (\d+):\d+$/m.exec(lastStage)?.[1] ?? "";
  }

  /** Runs a command as the image would. */
  run(command: readonly string[], environment: Readonly<Record<string, string>>): ChildProcess {
    const confine = 'mount --make-rprivate / && mount -o remount,bind,ro / && cd "$0" && exec "$@"';
    const lesser = [
      "setpriv",
      "--reuid",
      this.#user,
      "--regid",
      this.#user,
      "--clear-groups",
      "--bounding-set",
      "-all",
    ];
    return spawn("unshare", ["--mount", "sh", "-c", confine, this.folder, ...lesser, "--no-new-privs", ...command], {
      env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, ...this.environment, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
