import { describe, expect, it } from "vitest";
import { withParameters } from "./http-verdict.ts";
import { obsAuthentication } from "./obs-connection.ts";
import { youtubeBody } from "./youtube-sink.ts";
import { zoomLanguage } from "./zoom-sink.ts";

describe("youtubeBody", () => {
  const caption = { start: Date.UTC(2026, 10, 25, 12, 0, 6, 873), lines: ["Good <br> day,", "1 < 2"] };

  it("is the time in UTC and the lines, with the platform's line break", () => {
    expect(youtubeBody(caption, 0, {})).toBe("2026-11-25T12:00:06.873\nGood   day,<br>1 < 2\n");
  });

  it("is on the platform's clock, and names region and cue where they are set", () => {
    expect(youtubeBody(caption, 500.2, { region: "reg1" })).toMatch(/^2026-11-25T12:00:07\.373 region:reg1\n/);
    expect(youtubeBody(caption, 0, { region: "reg1", cue: "cue1" })).toMatch(/ region:reg1#cue1\n/);
  });
});

describe("zoomLanguage", () => {
  it("is Zoom's name of a language", () => {
    expect(["de", "en", "en-GB", "ja", "pl", "zh-Hans"].map(zoomLanguage)).toEqual([
      ...["de-DE", "en-US", "en-GB", "jp-JP", "pl-PL", "zh-CN"],
    ]);
  });
});

describe("withParameters", () => {
  it("leaves a signed query as it is", () => {
    const url = new URL("https://example.org/closedcaption?ns=GZ==&sparams=id%2Cns");
    expect(withParameters(url, { seq: "3", lang: "de-DE" }).href).toBe(
      "https://example.org/closedcaption?ns=GZ==&sparams=id%2Cns&seq=3&lang=de-DE",
    );
    expect(withParameters(new URL("https://example.org/x"), { seq: "1" }).search).toBe("?seq=1");
  });
});

describe("obsAuthentication", () => {
  it("agrees with the protocol's own example", () => {
    const hello = {
      challenge: "+IxH4CnCiqpX1rM9scsNynZzbOe4KhDeYcTNS3PDaeY=",
      salt: "lM1GncleQOaCu9lT1yeUZhFYnqhsLLP1G5lAGo3ixaI=",
    };
    expect(obsAuthentication("supersecretpassword", hello)).toBe("1Ct943GAT+6YQUUX47Ia/ncufilbe6+oD6lY+5kaCu4=");
  });
});
