// What an HTTP answer of a caption platform means for the post that it answers.
import type { OutboundResponse } from "./outbound-http.ts";
import type { Verdict } from "./post-queue.ts";

/**
 * Both platforms ask for every failed post to be tried again, whatever its status (400 is "the meeting has not started").
 * A redirect alone is refused: it could lead anywhere.
 */
export function verdictOf({ status }: OutboundResponse): Verdict {
  if (status >= 200 && status < 300) return "sent";
  return status >= 300 && status < 400 ? "refused" : "retry";
}

/** The sink's own URL with parameters of one request after its own, which stay as they were signed. */
export function withParameters(url: URL, parameters: Readonly<Record<string, string>>): URL {
  const complete = new URL(url);
  const added = new URLSearchParams(parameters).toString();
  complete.search = complete.search === "" ? added : `${complete.search}&${added}`;
  return complete;
}
