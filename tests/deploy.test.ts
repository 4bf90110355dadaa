// What deploy/ would run: manifests with the fields that Kubernetes asks for, and commands that the program knows.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { makeProgram } from "../cli/program.ts";
import { PACKAGE_ROOT } from "../server/settings.ts";
import { contentOf } from "./tracked-files.ts";

const named = z.looseObject({ name: z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/) });
const quantity = z.union([z.number(), z.string().regex(/^\d+(\.\d+)?(m|[KMGT]i?)?$/)]);
const container = named.extend({
  image: z.string(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()),
  env: z.array(z.strictObject({ name: z.string(), value: z.string() })), // a number would be refused
  resources: z.strictObject({ requests: z.record(z.string(), quantity), limits: z.record(z.string(), quantity) }),
  volumeMounts: z.array(named.extend({ mountPath: z.string().startsWith("/") })),
});
const jobSchema = z.strictObject({
  apiVersion: z.literal("batch/v1"),
  kind: z.literal("Job"),
  metadata: named,
  spec: z.strictObject({
    completionMode: z.literal("Indexed").optional(),
    completions: z.int().positive().optional(),
    parallelism: z.int().positive().optional(),
    backoffLimit: z.int().nonnegative(),
    template: z.strictObject({
      spec: z.strictObject({
        subdomain: z.string().optional(),
        restartPolicy: z.enum(["OnFailure", "Never"]), // a Job knows no other
        terminationGracePeriodSeconds: z.int().positive().optional(),
        containers: z.array(container).length(1),
        volumes: z.array(named),
      }),
    }),
  }),
});
const serviceSchema = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Service"),
  metadata: named,
  spec: z.strictObject({
    clusterIP: z.literal("None"),
    publishNotReadyAddresses: z.literal(true),
    selector: z.record(z.string(), z.string()),
    ports: z.array(named.extend({ port: z.int() })),
  }),
});

function documents(file: string): unknown[] {
  return parseAllDocuments(contentOf(`deploy/kubernetes/${file}`)).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS();
  });
}

/** A command line of the program is taken: options, choices and arguments. */
async function expectTaken(words: readonly string[]): Promise<void> {
  const program = makeProgram();
  for (const command of program.commands) command.exitOverride().action(() => {});
  await program.parseAsync(words, { from: "user" });
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "souffleur-deploy-"));
  const standIns = {
    node: '#!/bin/sh\nshift\nprintf "%s\\n" "$@"\n', // says what it was called with, the program's path left out
    scontrol: "#!/bin/sh\nprintf 'first\\nsecond\\n'\n",
    srun: '#!/bin/sh\nexec "$@"\n',
  };
  for (const [name, text] of Object.entries(standIns)) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a script calls the program with. */
function called(command: readonly string[], env: Readonly<Record<string, string>>): string[] {
  const [file, ...rest] = command;
  const path = `${folder}:${process.env.PATH}`;
  const output = execFileSync(file!, rest, { cwd: PACKAGE_ROOT, env: { PATH: path, ...env }, encoding: "utf8" });
  return output.trim().split("\n");
}

describe("kubernetes", () => {
  const calledBy = (job: z.infer<typeof jobSchema>, index?: number): string[] => {
    const { command, args, env } = job.spec.template.spec.containers[0]!;
    if (!command) return [...args];
    const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]));
    return called([...command, ...args], { ...variables, JOB_COMPLETION_INDEX: String(index) });
  };
  const expectVolumes = ({ spec }: z.infer<typeof jobSchema>) => {
    const { containers, volumes } = spec.template.spec;
    expect(containers[0]!.volumeMounts.map(({ name }) => name)).toEqual(volumes.map(({ name }) => name));
  };

  it("distills in as many shares as there are pods, and checks them", async () => {
    const [job, check] = z.tuple([jobSchema, jobSchema]).parse(documents("distill-job.yaml"));
    const count = job.spec.completions!;
    expect(job.spec.completionMode).toBe("Indexed");
    const shards = Array.from({ length: count }, (_, index) => calledBy(job, index));
    expect(shards.map((words) => words.at(-1))).toEqual(shards.map((_, index) => `${index + 1}/${count}`));
    for (const words of [...shards, calledBy(check)]) await expectTaken(words);
    expect(calledBy(check)).not.toContain("--shard");
    for (const each of [job, check]) expectVolumes(each);
  });

  it("trains on pod 0, which the others join", async () => {
    const [service, job] = z.tuple([serviceSchema, jobSchema]).parse(documents("train-job.yaml"));
    expectVolumes(job);
    const { subdomain } = job.spec.template.spec;
    expect(subdomain).toBe(service.metadata.name);
    expect(service.spec.selector["job-name"]).toBe(job.metadata.name);
    const meeting = (node: number) => {
      const master = `${job.metadata.name}-0.${subdomain}:${service.spec.ports[0]!.port}`;
      return ["--nodes", String(job.spec.completions), "--node", String(node), "--master", master];
    };
    const executor = ["--quiet", "--executor", "torch", "--bf16"];
    expect(calledBy(job, 0)).toEqual(["teacher", "/data/recipe.yaml", ...executor, ...meeting(0)]);
    expect(calledBy(job, 1)).toEqual(["join", ...meeting(1)]);
    for (const node of [0, 1]) await expectTaken(calledBy(job, node));
  });
});

describe("slurm", () => {
  const work = { SOUFFLEUR_WORK: "/shared", SOUFFLEUR_PYTHON: "python3" };

  it.each([
    [
      "an array from 1",
      { SLURM_ARRAY_TASK_ID: "3", SLURM_ARRAY_TASK_MIN: "1", SLURM_ARRAY_TASK_COUNT: "8" },
      ["--shard", "3/8"],
    ],
    [
      "an array from 0",
      { SLURM_ARRAY_TASK_ID: "3", SLURM_ARRAY_TASK_MIN: "0", SLURM_ARRAY_TASK_COUNT: "8" },
      ["--shard", "4/8"],
    ],
    ["no array: the check", {}, []],
  ])("distills: %s", async (_, variables, share) => {
    const words = called(["bash", "deploy/slurm/distill.sh", "en-de.yaml"], { ...work, ...variables });
    expect(words).toEqual(["distill", "en-de.yaml", "--quiet", ...share]);
    await expectTaken(words);
  });

  it.each([0, 1])("trains: machine %d", async (node) => {
    const variables = { SLURM_NNODES: "2", SLURM_NODEID: String(node), SLURM_JOB_NODELIST: "any" };
    const words = called(["bash", "deploy/slurm/train.sh", "en-de.yaml", "student"], { ...work, ...variables });
    const meeting = ["--nodes", "2", "--node", String(node), "--master", "first:29500"];
    const own = ["student", "en-de.yaml", "--quiet", "--executor", "torch", "--bf16"];
    expect(words).toEqual(node === 0 ? [...own, ...meeting] : ["join", ...meeting]);
    await expectTaken(words);
  });
});
