// Two projects: `unit` holds the fast tests beside the code, and those of the repository itself; `system` holds what
// trains, opens sockets, starts processes or a browser (*.system.test.ts) and runs one file at a time, because this work
// is timed.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{cli,models,trainer,server,bench,clients,tests}/**/*.test.ts"],
          exclude: ["**/*.system.test.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "system",
          include: ["**/*.system.test.ts"],
          exclude: ["node_modules/**", "dist/**"],
          testTimeout: 240_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
