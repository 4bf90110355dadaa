import { expect, test } from "vitest";
import { reportPage } from "./report-page.ts";
import type { RunReport } from "./run-report.ts";

const curve = { x: [20, 40], y: [3.5, null] };
const REPORT: RunReport = {
  name: "talk",
  written: new Date("2024-05-01T10:20:30Z"),
  pair: "en to de",
  madeWith: "souffleur 1.0.0, node v20",
  stages: [{ stage: "teacher", state: "done", steps: 40, bestBleu: 12.345, minutes: 3 }],
  training: [{ stage: "teacher", loss: curve, rate: curve, tokensPerSecond: curve, validation: { bleu: curve } }],
  evaluation: {
    teacher: [{ test: "dialogue", bleu: 30.5, chrf: 50 }],
    student: [{ test: "dialogue", rows: [{ wait: 3, bleu: 28.25, chrf: 48, averageLagging: 2.5 }] }],
  },
  corpora: [
    { name: "talk.train", read: 12_000, pairs: 11_990, duplicates: 4, leaks: 1, dropped: { empty: 5, identical: 0 } },
  ],
  samples: [
    { test: "dialogue", source: "</script><b>tea</b> & more", reference: "Tee", teacher: "Der Tee", student: "" },
  ],
};

test("has all that a run left, and needs no other file", () => {
  const page = reportPage(REPORT);
  for (const text of ["2024-05-01 10:20 UTC", "12.35", "28.25", "Validation BLEU", "BLEU by average lagging"]) {
    expect(page).toContain(text);
  }
  expect(page).toContain('<td>talk.train</td><td class="n">12,000</td>');
  expect(page, "rules that dropped nothing have no column").not.toContain("identical");
  expect(page).not.toMatch(/<(?:script|link|img)[^>]+(?:src|href)=/);
  expect(page).toMatch(/uPlot/);
});

test("shows texts as they are, and lets none of them out of their place", () => {
  const page = reportPage(REPORT);
  expect(page).toContain("&lt;/script&gt;&lt;b&gt;tea&lt;/b&gt; &amp; more");
  const hostile = { ...REPORT, training: [{ ...REPORT.training[0], stage: "</script><script>alert(1)" }] };
  const data = /<script id="plots" type="application\/json">(.*?)<\/script>/s.exec(reportPage(hostile))?.[1];
  expect(JSON.parse(data ?? "")).toHaveLength(5);
});

test("names each of a training's validation figures", () => {
  const [training] = REPORT.training;
  const validation = { bleu: curve, bleuFull: curve, bleuWait1: curve, "bleu.fr": curve };
  const page = reportPage({ ...REPORT, training: [{ ...training!, stage: "student", validation }] });
  const [plot] = JSON.parse(/<script id="plots" type="application\/json">(.*?)<\/script>/s.exec(page)![1]!);
  const labels = plot.lines.map(({ label }: { label: string }) => label);
  expect(labels).toEqual(["student", "student, whole sentence", "student, wait 1", "student, to fr"]);
});

test("of a run that has only begun leaves out what is not there", () => {
  const page = reportPage({ ...REPORT, training: [], evaluation: undefined, corpora: [], samples: [] });
  for (const title of ["Curves", "Quality", "Samples", "Corpora"]) expect(page).not.toContain(`<h2>${title}`);
  expect(page).toContain("<h2>Stages</h2>");
});
