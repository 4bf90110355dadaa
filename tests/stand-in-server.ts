// The real server on a free port, with a model that needs no training: real sockets, real segments, nonsense words.
import { standInBundle } from "../models/stand-in-bundle.ts";
import { StandInModel } from "../models/stand-in-model.ts";
import { InProcessEngine } from "../server/engine/in-process-engine.ts";
import { type RunningServer, startServer } from "../server/main.ts";
import type { ServerSettings } from "../server/settings.ts";

/** Serves English to German as the model `stand-in`. */
export function startStandInServer(settings: ServerSettings = {}): Promise<RunningServer> {
  const bundle = standInBundle();
  const runner = new StandInModel({ vocabularySize: bundle.tokenizer.vocabularySize });
  return startServer(
    { port: 0, logLevel: "silent", ...settings },
    {
      bundles: [bundle],
      startEngine: async () => new InProcessEngine({ models: [{ name: bundle.manifest.name, runner }] }),
    },
  );
}
