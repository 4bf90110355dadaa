// `POST /v1/translate`: whole texts, for those who do not stream.
import type { Wait } from "../../models/wait.ts";
import { choosePair, type ServedPair } from "../protocol/pairs.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import {
  type TranslateRequest,
  type TranslateResponse,
  translateRequestSchema,
} from "../protocol/translate-request.ts";
import { isJson, parseJsonBody } from "./json-body.ts";
import type { HttpRequest } from "./request.ts";
import { type HttpResponse, respondJson, respondProblem } from "./response.ts";

/** What a request asks of its translations. */
export interface AskedTexts extends Pick<TranslateRequest, "glossary" | "formality"> {
  wait: Wait;
}

export interface TranslateRouteOptions {
  /** What is served now. */
  pairs(): readonly ServedPair[];
  /** Translates one text. Stops when the signal says that nobody waits for it any more. */
  translate(pair: ServedPair, text: string, asked: AskedTexts, signal: AbortSignal): Promise<string>;
  /** Texts in the engine at once, over all requests. Past it requests are refused. */
  maxConcurrent: number;
}

/** Answers a request once its texts are charged to whoever asks; `charge` throws ProtocolError where they are too many. */
export type TranslateHandler = (
  request: HttpRequest,
  charge?: (texts: readonly string[]) => void,
) => Promise<HttpResponse>;

export function translateRoute(options: TranslateRouteOptions): TranslateHandler {
  let running = 0;

  /** One text after another, as many at once as there is room for; a request that is let in gets one place at least. */
  async function translateAll(
    texts: readonly string[],
    pair: ServedPair,
    asked: AskedTexts,
    signal: AbortSignal,
  ): Promise<string[]> {
    const results: string[] = [];
    let next = 0;
    async function work(): Promise<void> {
      running++;
      try {
        while (next < texts.length) {
          const index = next++;
          results[index] = await options.translate(pair, texts[index], asked, signal);
        }
      } catch (error) {
        // The others of the request stop at their next text.
        next = texts.length;
        throw error;
      } finally {
        running--;
      }
    }
    const places = Math.min(texts.length, Math.max(1, options.maxConcurrent - running));
    await Promise.all(Array.from({ length: places }, work));
    return results;
  }

  return async (request, charge) => {
    if (!isJson(request)) return respondProblem(415, "send the body as content-type: application/json");
    const asked = parseJsonBody(request, translateRequestSchema);
    const pair = choosePair(options.pairs(), asked);
    if (running >= options.maxConcurrent) {
      throw new ProtocolError("overloaded", "too many texts are being translated", { retryAfter: 1 });
    }
    const given = [asked.text].flat();
    charge?.(given);
    const wait = asked.wait ?? "full";
    const { glossary, formality } = asked;
    const texts = await translateAll(given, pair, { wait, glossary, formality }, request.signal);
    const text = typeof asked.text === "string" ? texts[0] : texts;
    const answer: TranslateResponse = { model: pair.model, source: asked.source, target: asked.target, wait, text };
    return respondJson(200, answer);
  };
}
