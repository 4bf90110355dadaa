// Makes the pictures of the rooms' pages in docs/images: `npm run build && node scripts/page-images.mjs` (CHROMIUM names another browser).
import { mkdir } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { startServer } from "../dist/server/main.js";

const IMAGES = fileURLToPath(new URL("../docs/images/", import.meta.url));
const TALK =
  "Good morning, everyone, and thank you for coming. Today I want to tell you about a walk. It begins behind the old harbour. " +
  "The first part is easy. You follow the wall until you can see the lighthouse. If the wind is strong, keep your hat in your hand. " +
  "After half an hour you will reach a small beach. In summer it is full of children, but in winter ";

const server = await startServer({ port: 0, logLevel: "error" });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});

async function open(path, options) {
  const page = await (await browser.newContext({ colorScheme: "light", ...options })).newPage();
  await page.goto(server.url + path);
  return page;
}

const save = (page, name) => page.screenshot({ path: `${IMAGES}${name}.png`, animations: "disabled" });

await mkdir(IMAGES, { recursive: true });
const speaker = await open("speak/harbour-talk", { viewport: { width: 1120, height: 720 } });
const reader = await open("live/harbour-talk?target=de", { viewport: { width: 390, height: 720 }, isMobile: true });
const dark = await open("live/harbour-talk?target=de", { viewport: { width: 900, height: 520 }, colorScheme: "dark" });
const overlay = await open("overlay?room=harbour-talk&target=de&size=34&hold=0", {
  viewport: { width: 900, height: 506 },
});
await overlay.evaluate(() => {
  document.documentElement.style.background = "linear-gradient(#7fa6c9, #d9e6ee 55%, #56788f 56%, #2c4a5e)";
});
await speaker.click("#start");
await speaker.waitForFunction(() => document.getElementById("state").dataset.state === "ready");
for (const word of TALK.split(" ").filter((one) => one !== "")) {
  await speaker.keyboard.type(`${word} `);
  await setTimeout(30);
}
await reader.waitForFunction(() => document.querySelectorAll("#lines p").length >= 7);
await setTimeout(4_000);
await save(speaker, "room-speak");
await save(reader, "room-live-phone");
await dark.selectOption("#contrast", "yellow");
await save(dark, "room-live-contrast");
await save(overlay, "room-overlay");
await browser.close();
await server.close();
