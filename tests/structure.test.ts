// What a reader may rely on: data flows one way, files are short and named alike, nothing is left behind.
import { statSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { PACKAGE_ROOT } from "../server/settings.ts";
import { contentOf, isShippedBundle, trackedFiles } from "./tracked-files.ts";

const files = trackedFiles();
const own = files.filter((path) => !isShippedBundle(path) && path !== "package-lock.json");
const code = own.filter((path) => /\.(ts|js|mjs|py|sh|html)$/.test(path) || path === ".ci/run");
const scripts = own.filter((path) => /\.(ts|js|mjs)$/.test(path));
/** Tests and what they share; the build leaves it out. */
const isTest = (path: string) => /\.(test|testing)\.ts$|^tests\/|^models\/stand-in-/.test(path);

/** What each part may import besides itself. Tests, scripts and examples are in no product: they may import anything. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  models: [],
  server: ["models"],
  trainer: ["models"],
  bench: ["models", "server", "trainer"],
  cli: ["models", "server", "trainer", "bench", "clients"],
  "server/page": [],
  // Tests of the clients hold them to the server's schemas; the client itself stands alone.
  clients: ["server"],
};

/** Within a part, in the order in which data goes through it: each imports only from those before it. */
const ORDER: Record<string, readonly string[]> = {
  server: [
    ...[
      "setting.ts",
      "settings.ts",
      "log.ts",
      "protocol",
      "admission",
      "engine",
      "session",
      "device",
      "metrics.ts",
      "tracing.ts",
      "http",
      "transport",
    ],
    "captions",
    "rooms",
    "catalogue.ts",
    "main.ts",
  ],
  trainer: [
    ...["random.ts", "progress.ts", "tokenizer", "corpus", "objective.ts", "recipe-fields.ts", "recipe.ts"],
    ...[
      "graph",
      "losses",
      "networks",
      "training",
      "recipe-page.ts",
      "decoding",
      "evaluation",
      "export",
      "pages",
      "runs",
    ],
    ...[
      "stages",
      "stages.ts",
      "run-context.ts",
      "executor-options.ts",
      "ablation",
      "flag-values.ts",
      "curves",
      "noise-command.ts",
      "recipe-command.ts",
      "runs-command.ts",
      "join-command.ts",
      "commands.ts",
    ],
  ],
};

const IMPORTS = /^(?:import|export)\b[^;"]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm;

function importsOf(path: string): string[] {
  return [...contentOf(path).matchAll(IMPORTS)].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic);
}

/** The files of ours that a file imports, as paths from the root. */
function ownImportsOf(path: string): string[] {
  const relative = importsOf(path).filter((name) => name.startsWith("."));
  return relative.map((name) => normalize(join(dirname(path), name)));
}

/** The package that an import names, without what is named inside of it. */
function packageOf(name: string): string {
  return name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");
}

function partOf(path: string): string {
  return path.startsWith("server/page/") ? "server/page" : path.split("/")[0];
}

/** Every line that breaks a rule, as `path:line: text`. */
function linesWith(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    contentOf(path)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim().slice(0, 100)}`] : [])),
  );
}

describe("the server", () => {
  it("reads no time of day: clocks are set while streams are open", () => {
    const serving = scripts.filter((path) => /^server\/(?!page\/)/.test(path) && !isTest(path));
    expect(linesWith(serving, /\bDate\.now\(|\bnew Date\(\)/)).toEqual([]);
  });
});

describe("imports", () => {
  it("are found in every form", () => {
    expect(importsOf("tests/structure.test.ts")).toEqual([
      "node:fs",
      "node:path",
      "vitest",
      "zod",
      "../server/settings.ts",
      "./tracked-files.ts",
    ]);
    expect(importsOf("cli/serve.ts")).toContain("../server/main.ts");
    expect(ownImportsOf("server/http/routes.ts")).toContain("server/metrics.ts");
  });

  it("go one way between the parts, in tests too", () => {
    const wrong = scripts.flatMap((path) => {
      const allowed = MAY_IMPORT[partOf(path)];
      if (allowed === undefined) return [];
      const parts = ownImportsOf(path).filter((other) => ![partOf(path), ...allowed].includes(partOf(other)));
      return parts.map((other) => `${path} imports ${other}`);
    });
    expect(wrong).toEqual([]);
    const top = [...new Set(scripts.filter((path) => path.includes("/")).map((path) => path.split("/")[0]))];
    expect(top.filter((part) => !(part in MAY_IMPORT)).sort()).toEqual(["examples", "scripts", "tests"]);
  });

  it.each(Object.entries(ORDER))("go one way within %s", (part, order) => {
    const placeOf = (path: string) => order.indexOf(path.split("/")[1]);
    const product = scripts.filter((path) => partOf(path) === part && !isTest(path));
    expect(product.filter((path) => placeOf(path) < 0)).toEqual([]);
    const wrong = product.flatMap((path) =>
      ownImportsOf(path)
        .filter((other) => partOf(other) === part && placeOf(other) > placeOf(path))
        .map((other) => `${path} imports ${other}`),
    );
    expect(wrong).toEqual([]);
  });

  it("never come back to the file they start from", () => {
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, way: readonly string[]): void => {
      if (way.includes(path)) cycles.push([...way.slice(way.indexOf(path)), path].join(" → "));
      if (done.has(path)) return;
      done.add(path);
      for (const other of scripts.includes(path) ? ownImportsOf(path) : []) visit(other, [...way, path]);
    };
    for (const path of scripts) visit(path, []);
    expect(cycles).toEqual([]);
  });

  it("name only packages that an installation has", () => {
    const packages = z.record(z.string(), z.string());
    const schema = z.object({ dependencies: packages, devDependencies: packages });
    const { dependencies, devDependencies } = schema.parse(JSON.parse(contentOf("package.json")));
    // What runs in a browser is built into one script: an installation has that, not what went into it.
    const bundled = (path: string) => path === "server/device/worker.ts";
    const missing = scripts
      .filter((path) => partOf(path) in MAY_IMPORT && !isTest(path))
      .flatMap((path) => importsOf(path).map((name) => ({ path, name })))
      .filter(({ name }) => !name.startsWith(".") && !name.startsWith("node:"))
      .filter(
        ({ path, name }) =>
          !(packageOf(name) in dependencies) && !(bundled(path) && packageOf(name) in devDependencies),
      );
    expect(missing).toEqual([]);
  });

  it("leave to the tests what is theirs", () => {
    const product = scripts.filter((path) => !isTest(path));
    const borrowed = product.flatMap((path) =>
      ownImportsOf(path)
        .filter(isTest)
        .map((other) => `${path} imports ${other}`),
    );
    expect(borrowed).toEqual([]);
  });

  it("leave the environment to the command line", () => {
    const product = scripts.filter((path) => partOf(path) in MAY_IMPORT && partOf(path) !== "cli" && !isTest(path));
    expect(linesWith(product, /\bprocess\.env\b/)).toEqual([]);
  });
});

describe("constants", () => {
  it("are defined once, however many use them", () => {
    const defined = scripts.flatMap((path) =>
      [...contentOf(path).matchAll(/^export const ([A-Z][A-Z0-9_]+)\b/gm)].map(([, name]) => ({ path, name })),
    );
    expect(defined).toContainEqual({ path: "models/wait.ts", name: "FULL_WAIT" });
    const twice = defined.filter(({ path, name }) => defined.some((one) => one.name === name && one.path !== path));
    expect(twice).toEqual([]);
  });
});

describe("files", () => {
  it("are short enough to read in one sitting", () => {
    const lengths = code.map((path) => ({ path, lines: contentOf(path).split("\n").length - 1 }));
    expect(lengths.filter(({ lines }) => lines > 500)).toEqual([]);
  });

  it("are named in kebab-case, by what they are", () => {
    // Python imports modules by name, so those have underscores; a few names are given by custom.
    const custom = /^(README|CONTRIBUTING|SECURITY|ARCHITECTURE|LICENSE|NOTICE|CHANGELOG|Dockerfile)(\.md)?$/;
    const kebab = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*$/;
    const python = /^([a-z0-9]+(_[a-z0-9]+)*|__init__)\.py$/;
    const wrong = own.filter((path) => {
      const name = basename(path);
      const folders = dirname(path) === "." ? [] : dirname(path).split("/");
      return !(custom.test(name) || kebab.test(name) || python.test(name)) || folders.some((one) => !kebab.test(one));
    });
    expect(wrong).toEqual([]);
    expect(code.filter((path) => /^(utils?|helpers?|common|misc|types)\./.test(basename(path)))).toEqual([]);
  });

  it("say in their first line what they are", () => {
    const product = scripts.filter((path) => !path.endsWith(".test.ts"));
    const silent = product.filter((path) => !/^(#!.*\n)?\/\/ \S/.test(contentOf(path)));
    expect(silent).toEqual([]);
  });

  it("leave nothing behind that was meant to go", () => {
    const unfinished = /\b(?:T[O]DO|F[I]XME|X[X]X|H[A]CK)\b|@ts-[i]gnore|@ts-[n]ocheck|\bas [a]ny\b/;
    expect(linesWith(code, unfinished)).toEqual([]);
    const narrowed = /\b(?:it|test|describe)(?:\.[a-z]+)*\.(?:[o]nly|[s]kip)\(/;
    expect(linesWith(code, narrowed)).toEqual([]);
  });

  it("know no machine but the reader's", () => {
    const text = own.filter((path) => /\.(ts|js|mjs|py|sh|html|css|md|json|ya?ml)$|^\.|\/run$/.test(path));
    expect(linesWith(text, /(?:^|[\s"'`(=:])\/(?:root|work|Users|home\/[a-z])/)).toEqual([]);
    const registries = /\bregistry\.[a-z0-9-]+\.[a-z]+|\bindex-url\b|"resolved":\s*"http/;
    expect(linesWith([...text, "package-lock.json"], registries)).toEqual([]);
  });

  it("are small, but for the bundles", () => {
    expect(own.filter((path) => statSync(join(PACKAGE_ROOT, path)).size > 1_000_000)).toEqual([]);
  });
});
