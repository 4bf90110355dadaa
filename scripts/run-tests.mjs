// Runs every vitest project and closes with one plain line, `N passed, N failed, N skipped`, from its JSON report.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "souffleur-tests-"));
const report = join(folder, "report.json");
const run = spawnSync(
  process.execPath,
  [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { stdio: "inherit" },
);
let counts;
try {
  counts = JSON.parse(readFileSync(report, "utf8"));
} catch {
  console.error("vitest wrote no report: it crashed before the first test");
  process.exit(1);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const file of counts.testResults) {
  for (const test of file.assertionResults) {
    if (test.status === "pending" || test.status === "skipped") console.log(`skipped: ${test.fullName}`);
  }
}
// A file that fails to load, or whose preparation fails, has no failed test of its own; nor has an error that nobody
// caught. Each still is a failure.
const broken = counts.testResults.filter(
  (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
).length;
const failed = Math.max(counts.numFailedTests + broken, run.status === 0 ? 0 : 1);
console.log(`${counts.numPassedTests} passed, ${failed} failed, ${counts.numPendingTests} skipped`);
process.exit(failed === 0 ? 0 : 1);
