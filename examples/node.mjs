// Translates standard input as it comes: `node examples/node.mjs de < talk.txt`. SOUFFLEUR_URL and SOUFFLEUR_KEY name another server.
import { connect } from "souffleur/client";

const target = process.argv[2] ?? "de";

const stream = await connect({
  url: process.env.SOUFFLEUR_URL ?? "ws://localhost:8080",
  key: process.env.SOUFFLEUR_KEY,
  source: "en",
  target,
  wait: 3,
});

stream.on("state", ({ state, reason, retryInMs = 0 }) => {
  if (state === "waiting") console.error(`${reason?.message}: again in ${Math.round(retryInMs)} ms`);
});

// What is said goes one way, while what is answered comes the other.
const listening = (async () => {
  for await (const message of stream) {
    if (message.type === "delta") process.stdout.write(message.text); // to append: it is never taken back
    if (message.type === "final") process.stdout.write("\n");
    if (message.type === "withdrawn") process.stdout.write("\n(again) "); // only where a server was lost and another came
    if (message.type === "error") console.error(`${message.code}: ${message.message}`);
  }
})();

for await (const chunk of process.stdin.setEncoding("utf8")) {
  await stream.send(chunk); // waits where the server cannot keep up
}
await stream.end(); // resolves when all of it is translated
await listening;
