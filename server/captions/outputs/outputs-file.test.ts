import { describe, expect, it } from "vitest";
import { OutputsFileError, parseOutputs, readOutputsFile } from "./outputs-file.ts";

const file = (text: string) => parseOutputs(text, "outputs.yaml");

describe("parseOutputs", () => {
  it("fills in what is left out", () => {
    expect(
      file(`outputs:
  stage:
    style: cta-608
    rows: 2
    targets: [de]
    sinks:
      - type: hls
      - { type: youtube, target: de, url: "http://upload.youtube.com/closedcaption?cid=1" }
      - { type: obs, target: de, url: "ws://127.0.0.1:4455", password: x, allowPrivate: true }
  other: {}
`),
    ).toEqual({
      stage: {
        style: "cta-608",
        rows: 2,
        targets: ["de"],
        public: false,
        sinks: [
          { type: "hls", segmentSeconds: 6, windowSegments: 10, mpegTs: 900_000 },
          { type: "youtube", target: "de", url: "http://upload.youtube.com/closedcaption?cid=1", allowPrivate: false },
          { type: "obs", target: "de", url: "ws://127.0.0.1:4455", password: "x", allowPrivate: true },
        ],
      },
      other: { style: "bbc-live", public: false, sinks: [] },
    });
  });

  it.each([
    ["no outputs", "{}", /the file|outputs/],
    ["a name that is none", "outputs: { Stage A: {} }", /outputs/],
    ["an unknown style", "outputs: { a: { style: vhs } }", /outputs\.a\.style must be bbc-live, netflix, cta-608/],
    [
      "rows that a style lacks",
      "outputs: { a: { style: netflix, rows: 3 } }",
      /outputs\.a\.rows does not fit: netflix has 2 rows/,
    ],
    ["an unknown field", "outputs: { a: { colour: red } }", /outputs\.a .*colour/],
    ["an unknown sink", "outputs: { a: { sinks: [{ type: fax }] } }", /outputs\.a\.sinks\.0\S* must have a type: hls/],
    [
      "an address of another scheme",
      "outputs: { a: { sinks: [{ type: zoom, target: de, url: 'file:///etc/passwd' }] } }",
      /sinks\.0\.url must be an address that begins with https/,
    ],
    [
      "a sink without a language",
      "outputs: { a: { sinks: [{ type: zoom, url: 'https://zoom.us/x' }] } }",
      /sinks\.0\.target must be a language code/,
    ],
    ["broken YAML", "outputs: [", /outputs\.yaml/],
  ])("refuses %s", (_name, text, message) => {
    expect(() => file(text)).toThrow(OutputsFileError);
    expect(() => file(text)).toThrow(message);
  });

  it("shows no address in a message", () => {
    expect(() => file("outputs: { a: { sinks: [{ type: zoom, target: de, url: 'ftp://secret' }] } }")).not.toThrow(
      /secret/,
    );
  });
});

describe("readOutputsFile", () => {
  it("says that a file is not there", () => {
    expect(() => readOutputsFile("no-such-file.yaml")).toThrow(/no-such-file\.yaml cannot be read/);
  });
});
