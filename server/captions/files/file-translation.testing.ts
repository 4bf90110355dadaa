// A target and an engine that shout: each word's translation is the word in capitals, `wait` words later.

import type { Wait } from "../../../models/wait.ts";
import type { Engine, EngineOutput } from "../../engine/engine.ts";
import type { SessionTarget } from "../../session/session-target.ts";

/** Writes every source word in capitals; a number says how often it is written: `3x` is `3X 3X 3X`. */
export function shoutingTarget(wait: Wait, language = "de"): SessionTarget {
  const words: string[] = [];
  return {
    language,
    model: "shouting",
    wait,
    maxSourceTokens: 160,
    openSource: () => {
      let held = "";
      const take = (whole: string[]) =>
        whole.map((word) => {
          words.push(word);
          return { ids: [words.length - 1], startsWord: true };
        });
      return {
        push: (text) => {
          const parts = (held + text).split(" ");
          held = parts.pop() ?? "";
          return take(parts.filter((part) => part !== ""));
        },
        flush: () => take(held === "" ? [] : [held]),
      };
    },
    openTarget: () => {
      let begun = false;
      return {
        push: (ids) => {
          const text = ids.flatMap((id) =>
            Array(Number(/^\d+(?=x)/.exec(words[id])?.[0] ?? 1)).fill(words[id].toUpperCase()),
          );
          const joined = text.length > 0 && begun ? ` ${text.join(" ")}` : text.join(" ");
          begun ||= text.length > 0;
          return joined;
        },
        peek: () => {
          throw new Error("files are not translated tentatively");
        },
      };
    },
  };
}

/** Each token read allows the one `wait - 1` before it; the end allows the rest. A word `fail` fails its segment. */
export function shoutingEngine(): Engine {
  return {
    ready: true,
    models: [],
    gauges: () => ({ workersUp: 1, workers: 1, queueDepth: 0, openSegments: 0, stateBytes: 0, workerRestarts: 0 }),
    close: () => Promise.resolve(),
    openSession: () => ({
      close: () => {},
      openSegment: ({ wait, onOutput }) => {
        const ids: number[] = [];
        let written = 0;
        const write = (until: number, done: boolean): void => {
          const part = ids.slice(written, Math.max(written, until));
          written += part.length;
          const tokensRead = ids.length;
          const output: EngineOutput = {
            ids: part,
            tokensRead,
            needs: 0,
            done,
            queueMs: 0,
            computeMs: 0,
            batchSize: 1,
          };
          setImmediate(() => onOutput(output));
        };
        return {
          push: (more) => {
            ids.push(...more);
            write(wait === "full" ? 0 : ids.length - wait + 1, false);
          },
          end: () => write(ids.length, true),
          cancel: () => {},
        };
      },
    }),
  };
}
