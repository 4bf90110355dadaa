// Which subprotocol a connection speaks: ours, or none named.
import { type HttpResponse, respondProblem } from "../http/response.ts";
import { SUBPROTOCOL } from "../protocol/limits.ts";

/**
 * Negotiates `Sec-WebSocket-Protocol`. A client that names none is served; one that names only others is refused
 * before the upgrade, as a browser would drop the connection in any case.
 * @param offered the header as it was sent; "" where it was not
 */
export function negotiateSubprotocol(offered: string): { subprotocol: string } | { refusal: HttpResponse } {
  if (offered.trim() === "") return { subprotocol: "" };
  const names = offered.split(",").map((name) => name.trim());
  if (names.includes(SUBPROTOCOL)) return { subprotocol: SUBPROTOCOL };
  return { refusal: respondProblem(400, `this server speaks the WebSocket subprotocol ${SUBPROTOCOL}`) };
}
