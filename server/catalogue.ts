// The models that are served now, as streams, requests and pages are told of them.
import type { Bundle } from "../models/bundle.ts";
import type { BundleManifest } from "../models/manifest.ts";
import { sourcePrefix, targetsOf } from "../models/tags.ts";
import { ProtocolError } from "./protocol/protocol-error.ts";
import { SettingsError } from "./settings.ts";
import type { StreamModel } from "./transport/stream-host.ts";

export class Catalogue {
  #bundles: ReadonlyMap<string, Bundle> = new Map();
  #models: readonly StreamModel[] = [];

  /** @throws SettingsError as `replace` does */
  constructor(bundles: readonly Bundle[]) {
    this.replace(bundles);
  }

  /** From here on these are served. Throws SettingsError for a teacher and for two bundles of one name. */
  replace(bundles: readonly Bundle[]): void {
    const byName = new Map<string, Bundle>();
    for (const bundle of bundles) {
      const { name, kind } = bundle.manifest;
      if (kind !== "student")
        throw new SettingsError(`bundles: ${bundle.dir} holds a teacher: only students are served`);
      if (byName.has(name)) throw new SettingsError(`bundles: two bundles have the name ${name}`);
      byName.set(name, bundle);
    }
    this.#bundles = byName;
    this.#models = bundles.flatMap(({ manifest }) =>
      targetsOf(manifest).map((target) => ({
        model: manifest.name,
        source: manifest.source,
        target,
        defaultWait: manifest.lags?.default ?? ("full" as const),
        segmentTokens: manifest.limits.maxSourceTokens - 1 - sourcePrefix(manifest, { target }).length,
      })),
    );
  }

  get bundles(): Bundle[] {
    return [...this.#bundles.values()];
  }

  get names(): string[] {
    return [...this.#bundles.keys()];
  }

  get models(): readonly StreamModel[] {
    return this.#models;
  }

  get manifests(): BundleManifest[] {
    return [...this.#bundles.values()].map(({ manifest }) => manifest);
  }

  /** @throws ProtocolError `unsupported_pair` for a model that is not served, or no more */
  bundleOf(model: string): Bundle {
    const bundle = this.#bundles.get(model);
    if (bundle === undefined) throw new ProtocolError("unsupported_pair", `the model ${model} is served no more`);
    return bundle;
  }
}
