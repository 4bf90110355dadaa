// TTML out: a document of the IMSC 1.1 text profile (W3C), one paragraph for each cue, at the bottom of the picture.
import { isRightToLeft } from "../lines/direction.ts";
import type { Cue } from "./cue.ts";
import { formatClock } from "./timestamp.ts";

/** What XML 1.0 does not take as a character, lone surrogates among it: it cannot be written in any form. */
const NOT_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

/** @param language the text's tag */
export function writeTtml(cues: readonly Cue[], language: string): string {
  const direction = isRightToLeft(language) ? ' tts:direction="rtl"' : "";
  const paragraphs = cues.map(
    ({ start, end, lines }, index) =>
      `      <p xml:id="c${index + 1}" begin="${formatClock(start)}" end="${formatClock(end)}">` +
      `<span style="line">${lines.map(escapeXml).join("<br/>")}</span></p>`,
  );
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xmlns:tts="http://www.w3.org/ns/ttml#styling"' +
      ` xml:lang="${escapeXml(language)}" ttp:timeBase="media" ttp:contentProfiles="http://www.w3.org/ns/ttml/profile/imsc1.1/text">`,
    "  <head>",
    "    <styling>",
    `      <style xml:id="caption" tts:fontFamily="proportionalSansSerif" tts:fontSize="100%" tts:lineHeight="125%" tts:textAlign="center" tts:color="#FFFFFF"${direction}/>`,
    '      <style xml:id="line" tts:backgroundColor="#000000C0"/>',
    "    </styling>",
    "    <layout>",
    '      <region xml:id="bottom" tts:origin="10% 10%" tts:extent="80% 80%" tts:displayAlign="after"/>',
    "    </layout>",
    "  </head>",
    '  <body region="bottom" style="caption">',
    "    <div>",
    ...paragraphs,
    "    </div>",
    "  </body>",
    "</tt>",
    "",
  ].join("\n");
}

function escapeXml(text: string): string {
  return text
    .replace(NOT_XML, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
