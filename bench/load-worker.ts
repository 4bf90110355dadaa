// The load generator's process: takes its options as its first message, tells its phases, and ends with the result.
import { type GeneratorMessage, generatorOptionsSchema, runGenerator } from "./load-generator.ts";

function tell(message: GeneratorMessage): void {
  process.send?.(message);
}

process.once("message", async (options) => {
  try {
    const result = await runGenerator(generatorOptionsSchema.parse(options), async (phase) => {
      tell({ type: "phase", phase });
      // The parent looks at the server's memory before the first word.
      if (phase === "connected") await new Promise((resolve) => process.once("message", resolve));
    });
    tell({ type: "result", result });
  } catch (error) {
    tell({ type: "failure", message: error instanceof Error ? error.message : String(error) });
  }
  process.disconnect();
});

// Without a parent there is nobody to measure for.
process.once("disconnect", () => process.exit());
