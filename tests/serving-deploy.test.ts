// What deploy/ would serve with: manifests that fit the server's settings, metrics and times, and each other.
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import { gatherSettings } from "../cli/gather-settings.ts";
import { makeProgram } from "../cli/program.ts";
import { contentOf } from "./tracked-files.ts";

const environment = z.array(z.strictObject({ name: z.string(), value: z.string() })); // a number would be refused
const probe = z.looseObject({ httpGet: z.strictObject({ path: z.string(), port: z.literal("http") }) });
const labels = z.record(z.string(), z.string());
const deploymentSchema = z.object({
  kind: z.literal("Deployment"),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    selector: z.object({ matchLabels: labels }),
    strategy: z.object({ rollingUpdate: z.object({ maxUnavailable: z.literal(0) }) }),
    template: z.object({
      metadata: z.object({ labels, annotations: labels }),
      spec: z.object({
        terminationGracePeriodSeconds: z.int(),
        enableServiceLinks: z.literal(false),
        securityContext: z.looseObject({ runAsNonRoot: z.literal(true), runAsUser: z.literal(1000) }),
        containers: z.tuple([
          z.object({
            args: z.array(z.string()),
            env: environment,
            ports: z.tuple([z.object({ name: z.literal("http"), containerPort: z.int() })]),
            startupProbe: probe,
            livenessProbe: probe,
            readinessProbe: probe,
            lifecycle: z.object({
              preStop: z.object({
                exec: z.object({ command: z.tuple([z.literal("sleep"), z.string().regex(/^\d+$/)]) }),
              }),
            }),
            securityContext: z.object({
              allowPrivilegeEscalation: z.literal(false),
              readOnlyRootFilesystem: z.literal(true),
              capabilities: z.object({ drop: z.tuple([z.literal("ALL")]) }),
            }),
            volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
          }),
        ]),
        volumes: z.array(z.looseObject({ name: z.string() })),
      }),
    }),
  }),
});
const budgetSchema = z.object({
  kind: z.literal("PodDisruptionBudget"),
  spec: z.object({ maxUnavailable: z.literal(1), selector: z.object({ matchLabels: labels }) }),
});
const autoscalerSchema = z.object({
  kind: z.literal("HorizontalPodAutoscaler"),
  spec: z.object({
    scaleTargetRef: z.object({ name: z.string() }),
    metrics: z.array(z.object({ pods: z.object({ metric: z.object({ name: z.string() }) }) })),
  }),
});
const serviceSchema = z.object({
  kind: z.literal("Service"),
  metadata: z.object({ name: z.string() }),
  spec: z.object({ selector: labels, ports: z.tuple([z.object({ name: z.string(), targetPort: z.literal("http") })]) }),
});
const ingressSchema = z.object({
  kind: z.literal("Ingress"),
  metadata: z.object({ annotations: labels }),
  spec: z.object({
    rules: z.array(
      z.object({
        http: z.object({
          paths: z.array(
            z.object({ path: z.string(), backend: z.object({ service: z.object({ name: z.string() }) }) }),
          ),
        }),
      }),
    ),
  }),
});
const adapterSchema = z.object({
  rules: z.object({
    custom: z.array(z.object({ seriesQuery: z.string(), name: z.object({ as: z.string() }) })),
  }),
});

const documents = (file: string): unknown[] =>
  parseAllDocuments(contentOf(`deploy/kubernetes/${file}`)).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS();
  });
const deployment = deploymentSchema.parse(documents("serve-deployment.yaml")[0]);
const pod = deployment.spec.template.spec;
const [container] = pod.containers;
const [service, ingress] = z.tuple([serviceSchema, ingressSchema]).parse(documents("serve-service.yaml"));
const [budget, autoscaler] = z.tuple([budgetSchema, autoscalerSchema]).parse(documents("serve-scaling.yaml"));
const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
const { settings, places } = gatherSettings({ env, flags: {} });

describe("the Deployment", () => {
  it("gives the server settings that it takes, and a command that it knows", async () => {
    expect([...places.values()].sort()).toEqual(Object.keys(env).sort());
    const program = makeProgram();
    for (const command of program.commands) command.exitOverride().action(() => {});
    await program.parseAsync(container.args, { from: "user" });
    expect(settings.host).toBe("0.0.0.0");
    const mounted = container.volumeMounts.find(({ mountPath }) => settings.keyFile?.startsWith(`${mountPath}/`));
    expect(pod.volumes.map(({ name }) => name)).toContain(mounted?.name);
  });

  it("leaves time for the hook, the drain, the handshakes and the workers before it kills", () => {
    const hookSeconds = Number(container.lifecycle.preStop.exec.command[1]);
    const neededSeconds = hookSeconds + (settings.drainTimeoutMs + settings.closeTimeoutMs) / 1000 + 5;
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(neededSeconds);
  });

  it("asks the server where it answers", () => {
    expect(container.livenessProbe.httpGet.path).toBe("/livez");
    expect(container.startupProbe.httpGet.path).toBe("/livez");
    expect(container.readinessProbe.httpGet.path).toBe("/readyz");
    const { annotations } = deployment.spec.template.metadata;
    expect(annotations).toMatchObject({ "prometheus.io/port": "8080", "prometheus.io/path": "/metrics" });
    expect(container.ports[0].containerPort).toBe(settings.port);
  });
});

describe("what is around it", () => {
  it("means the same pods", () => {
    const { labels } = deployment.spec.template.metadata;
    for (const chosen of [
      deployment.spec.selector.matchLabels,
      service.spec.selector,
      budget.spec.selector.matchLabels,
    ])
      expect(labels).toMatchObject(chosen);
    expect(autoscaler.spec.scaleTargetRef.name).toBe(deployment.metadata.name);
    const backends = ingress.spec.rules.flatMap(({ http }) => http.paths.map(({ backend }) => backend.service.name));
    expect(new Set(backends)).toEqual(new Set([service.metadata.name]));
  });

  it("keeps streams open for longer than the server lets them be silent, and metrics inside", () => {
    const { annotations } = ingress.metadata;
    const prefix = "nginx.ingress.kubernetes.io/";
    const timeouts = ["proxy-read-timeout", "proxy-send-timeout"].map((name) => Number(annotations[prefix + name]));
    const nginx = contentOf("deploy/nginx/souffleur.conf");
    for (const [, seconds] of nginx.matchAll(/proxy_(?:read|send)_timeout (\d+)s;/g)) timeouts.push(Number(seconds));
    expect(timeouts).toHaveLength(4);
    for (const seconds of timeouts) expect(seconds * 1000).toBeGreaterThan(settings.keepAliveMs);
    const paths = ingress.spec.rules.flatMap(({ http }) => http.paths.map(({ path }) => path));
    expect(paths).not.toContain("/metrics");
    expect(nginx).toContain("location = /metrics { return 404; }");
  });

  it("is scaled by figures that there are", () => {
    const adapter = adapterSchema.parse(parse(contentOf("deploy/kubernetes/serve-metrics.yaml"))).rules.custom;
    const asked = autoscaler.spec.metrics.map(({ pods }) => pods.metric.name);
    expect(adapter.map(({ name }) => name.as).sort()).toEqual(asked.sort());
    const known = [contentOf("deploy/prometheus/recording.rules.yaml"), contentOf("docs/operating.md")].join("\n");
    for (const { seriesQuery } of adapter) expect(known).toContain(seriesQuery.split("{")[0]);
  });
});
