// What both API documents say of themselves.
export const OPENAPI_PATH = "/v1/openapi.json";
export const ASYNCAPI_PATH = "/v1/asyncapi.json";

/** The version is the protocol's: what `souffleur.v1` means does not change under a client. */
export const API_INFO = {
  title: "Souffleur",
  version: "1.0.0",
  description: "Simultaneous translation: text in as it is spoken, its translation out a few words behind.",
  license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
};
