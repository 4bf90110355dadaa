// A process full of viewers: takes its options as its first message, then what to do, and ends with what was seen.
import { type CrowdMessage, crowdOptionsSchema, RoomCrowd } from "./room-crowd.ts";

function tell(message: CrowdMessage): void {
  process.send?.(message);
}

process.once("message", async (options) => {
  try {
    const crowd = new RoomCrowd(crowdOptionsSchema.parse(options));
    await crowd.connect();
    process.on("message", (order) => {
      if (order === "measure") crowd.measure();
      if (order !== "end") return;
      tell({ type: "result", result: crowd.end() });
      process.disconnect();
    });
    tell({ type: "connected" });
  } catch (error) {
    tell({ type: "failure", message: error instanceof Error ? error.message : String(error) });
    process.disconnect();
  }
});

// Without a parent there is nobody to measure for.
process.once("disconnect", () => process.exit());
