// Every format gives the pairs that its files hold, found by their names or as the recipe says.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findPairFiles, type Languages, type PairSpec } from "./pair-files.ts";
import { readPairs } from "./read-pairs.ts";
import { zipOf } from "./zip.testing.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "souffleur-formats-"));
});
afterAll(() => rm(dir, { recursive: true }));

const EN_DE = { source: "en", target: "de" };

async function write(name: string, content: string | Buffer): Promise<string> {
  const path = join(dir, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

async function pairs(spec: Partial<PairSpec> & { path: string }, languages: Languages = EN_DE): Promise<string[]> {
  const absolute = { ...spec, path: join(dir, spec.path) };
  const found: string[] = [];
  for await (const { line, source, target } of readPairs(await findPairFiles(absolute, languages), languages)) {
    found.push(`${line}: ${source} = ${target ?? "(none)"}`);
  }
  return found;
}

const ENGLISH = "The boat is late.\nThe tea is cold.\n";
const GERMAN = "Das Boot ist spät.\nDer Tee ist kalt.\n";
const BOTH = ["1: The boat is late. = Das Boot ist spät.", "2: The tea is cold. = Der Tee ist kalt."];

describe("TSV", () => {
  test("has a pair a line, without a target where there is no tab", async () => {
    await write("a.tsv.gz", gzipSync("one\teins\tein\nalone\n"));
    expect(await pairs({ path: "a.tsv.gz" })).toEqual(["1: one = eins", "2: alone = (none)"]);
    await write("any.name", "one\teins");
    expect(await pairs({ path: "any.name" })).toEqual(["1: one = eins"]);
  });
});

describe("Moses", () => {
  test.each([
    ["a prefix", "wmt/europarl-v7.de-en", "wmt/europarl-v7.de-en.en", "wmt/europarl-v7.de-en.de"],
    ["a packed prefix", "gz/europarl-v7.de-en", "gz/europarl-v7.de-en.en.gz", "gz/europarl-v7.de-en.de.gz"],
    ["the source file", "opus/corpus.en", "opus/corpus.en", "opus/corpus.de"],
    ["one packed side", "half/corpus.en.gz", "half/corpus.en.gz", "half/corpus.de"],
    ["a text ending", "text/corpus.en.txt", "text/corpus.en.txt", "text/corpus.de.txt"],
  ])("is found by %s", async (_, path, source, target) => {
    await write(source, source.endsWith(".gz") ? gzipSync(ENGLISH) : ENGLISH);
    await write(target, target.endsWith(".gz") ? gzipSync(GERMAN) : GERMAN);
    expect(await pairs({ path })).toEqual(BOTH);
  });

  test("is found where the recipe's language has a region and the files' has none, or both names are given", async () => {
    await write("region/x.en", ENGLISH);
    await write("region/x.pt", GERMAN);
    expect(await pairs({ path: "region/x" }, { source: "en-GB", target: "pt-BR" })).toEqual(BOTH);
    await write("named/left", ENGLISH);
    const targetPath = await write("named/right", GERMAN);
    expect(await pairs({ path: "named/left", targetPath })).toEqual(BOTH);
  });

  test("with another number of lines on one side is refused with both names and counts", async () => {
    await write("short/c.en", ENGLISH);
    await write("short/c.de", `${GERMAN}Zu viel.\n`);
    await expect(pairs({ path: "short/c" })).rejects.toThrow(/short\/c\.en has 2 lines and .*short\/c\.de 3: line n/);
    await write("short/c.en", `${ENGLISH}Too\nmuch.\n`);
    await expect(pairs({ path: "short/c" })).rejects.toThrow(/short\/c\.en has 4 lines and .*short\/c\.de 3/);
  });

  test("without its other half is refused with what to do", async () => {
    await write("lonely/c.en", ENGLISH);
    const refusal = {
      exitCode: 2,
      message: expect.stringMatching(/end both names in \.en and \.de, or give `targetPath`/),
    };
    await expect(pairs({ path: "lonely/c.en", format: "moses" })).rejects.toMatchObject(refusal);
    await expect(pairs({ path: "lonely/none", format: "moses" })).rejects.toThrow(/none is not there, nor .*none\.en/);
    await expect(pairs({ path: "lonely/c.en.xz" })).rejects.toThrow(/\.xz is not unpacked here/);
  });
});

describe("TMX", () => {
  const tmx = (body: string, declaration = '<?xml version="1.0" encoding="UTF-8"?>') =>
    `${declaration}\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx version="1.4"><header srclang="en"/><body>\n${body}\n</body></tmx>\n`;

  test("gives a pair for each unit, without inline markup, in the languages or their regions", async () => {
    await write(
      "m.tmx",
      tmx(`<tu tuid="1"><note>x</note><tuv xml:lang="en-US"><seg>Press <bpt i="1">&lt;b></bpt>Save<ept i="1">&lt;/b></ept> &amp; <hi>wait</hi>.</seg></tuv>
<tuv xml:lang="fr"><seg>Non.</seg></tuv><tuv xml:lang="DE-de"><prop type="x">y</prop><seg>Auf Speichern<ph>{1}<sub>alt</sub></ph> klicken.</seg></tuv></tu>
<tu><tuv lang="en"><seg>Old <![CDATA[<way>]]></seg></tuv><tuv lang="de"><seg>Alte Art</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>Only here</seg></tuv></tu>`),
    );
    expect(await pairs({ path: "m.tmx" })).toEqual([
      "4: Press Save & wait. = Auf Speichern klicken.",
      "6: Old <way> = Alte Art",
      "7: Only here = (none)",
    ]);
  });

  test("takes of several variants the nearest tag, then the first", async () => {
    const variants = ["pt-PT>Autocarro", "pt>Comboio", "pt-BR>Ônibus", "pt-BR>Busão"].map(
      (variant) => `<tuv xml:lang="${variant.replace(">", '"><seg>')}</seg></tuv>`,
    );
    const unit = (some: string[]) => `<tu><tuv xml:lang="en"><seg>Bus</seg></tuv>${some.join("")}</tu>`;
    await write(
      "pt.tmx.gz",
      gzipSync(tmx([variants, variants.slice(0, 2), variants.slice(0, 1)].map(unit).join("\n"))),
    );
    const found = await pairs({ path: "pt.tmx.gz" }, { source: "en", target: "pt-BR" });
    expect(found).toEqual(["4: Bus = Ônibus", "5: Bus = Comboio", "6: Bus = Autocarro"]);
  });

  test("is read in UTF-16, as many tools write it, and in older encodings", async () => {
    const unit = '<tu><tuv xml:lang="en"><seg>late</seg></tuv><tuv xml:lang="de"><seg>spät</seg></tuv></tu>';
    await write("wide.tmx", Buffer.from(`\ufeff${tmx(unit, '<?xml version="1.0" encoding="UTF-16"?>')}`, "utf16le"));
    await write("old.tmx", Buffer.from(tmx(unit, '<?xml version="1.0" encoding="ISO-8859-1"?>'), "latin1"));
    expect(await pairs({ path: "wide.tmx" })).toEqual(["4: late = spät"]);
    expect(await pairs({ path: "old.tmx" })).toEqual(["4: late = spät"]);
  });

  test("that is broken is refused with file, line and column", async () => {
    await write("bad.tmx", tmx("<tu><tuv></tu>"));
    await expect(pairs({ path: "bad.tmx" })).rejects.toThrow(/cannot read .*bad\.tmx: 4:\d+: unexpected close tag/);
  });
});

describe("XML of talks", () => {
  const file = (lang: string, segs: string) =>
    `<?xml version="1.0" encoding="UTF-8"?>\n<mteval>\n<refset setid="dev" trglang="${lang}">\n${segs}\n</refset>\n</mteval>\n`;

  test("pairs segments by talk and id, as IWSLT's and WMT's development sets have them", async () => {
    const english = `<doc docid="1" genre="lectures">\n<title>On tea</title>\n<seg id="1"> AT&T, <3 &amp; tea </seg>\n<seg id="2">Second\nhalf</seg>\n</doc>\n<doc docid="2"><seg id="1">Last</seg></doc>`;
    const german = `<doc genre="lectures" docid="1">\n<seg id="1">Tee</seg>\n<seg id="3">Zu viel</seg>\n</doc>\n<doc docid="2"><hl><seg id="1">Letzter</seg></hl></doc>`;
    await write("dev2010.de-en.en.xml", file("en", english));
    await write("dev2010.de-en.de.xml", file("de", german));
    expect(await pairs({ path: "dev2010.de-en" })).toEqual([
      "6:  AT&T, <3 & tea  = Tee",
      "8: Second half = (none)",
      "4:  = Zu viel",
      "10: Last = Letzter",
    ]);
    await write("newstest-deen-src.en.sgm", file("en", '<doc docid="a"><seg id="1">One</seg></doc>'));
    await write("newstest-deen-ref.de.sgm", file("de", '<doc docid="a"><seg id="1">Eins</seg></doc>'));
    expect(await pairs({ path: "newstest-deen-src.en.sgm" })).toEqual(["4: One = Eins"]);
  });

  const tags = (number: number, ...lines: string[]) =>
    [`<url>http://x/${number}</url>`, "<keywords>a, b</keywords>", `<talkid>${number}</talkid>`, ...lines].join("\n");

  test("pairs the lines of train.tags, titles too, and keeps blank lines in step", async () => {
    const reviewer = '<reviewer href="http://x">A. Reviewer</reviewer>';
    await write(
      "train.tags.de-en.en",
      [tags(1, "<title>Tea</title>", "One.", "", "Two & a half."), reviewer, tags(2, "Three.")].join("\n"),
    );
    await write(
      "train.tags.de-en.de",
      [tags(1, "<title>Tee</title>", "Eins.", "Anderthalb.", "Zweieinhalb."), reviewer, tags(2, "Drei.")].join("\n"),
    );
    expect(await pairs({ path: "train.tags.de-en" })).toEqual([
      "4: Tea = Tee",
      "5: One. = Eins.",
      "6:  = Anderthalb.",
      "7: Two & a half. = Zweieinhalb.",
      "12: Three. = Drei.",
    ]);
  });

  test("whose sides do not fit is refused by file, line and talk", async () => {
    await write("t/train.tags.x.en", tags(7, "One.", "Two."));
    await write("t/train.tags.x.de", tags(7, "Eins."));
    await expect(pairs({ path: "t/train.tags.x" })).rejects.toThrow(
      /x\.en:1: talk 7: .*x\.de has 1 sentences in it, not 2/,
    );
    await write("t/train.tags.x.de", tags(8, "Eins.", "Zwei."));
    await expect(pairs({ path: "t/train.tags.x" })).rejects.toThrow(/talk 7: .*has talk 8 at line 1 in its place/);
    await write("t/open.en.xml", '<doc docid="1">\n<seg id="1">never\nclosed\n');
    await write("t/open.de.xml", '<doc docid="1">\n<seg id="1">zu</seg></doc>');
    await expect(pairs({ path: "t/open" })).rejects.toThrow(/open\.en\.xml:2: a <seg> without its <\/seg>/);
  });
});

describe("zip", () => {
  test("gives the one corpus that it holds", async () => {
    const names = {
      README: "read me",
      "Books.de-en.de": GERMAN,
      "Books.de-en.en": ENGLISH,
      "Books.de-en.ids": "1\n2\n",
    };
    await write("books.zip", zipOf(names));
    expect(await pairs({ path: "books.zip" })).toEqual(BOTH);
    const unit = '<tu><tuv xml:lang="en"><seg>Tea</seg></tuv><tuv xml:lang="de"><seg>Tee</seg></tuv></tu>';
    await write("memory.zip", zipOf({ LICENSE: "free", "de-en.tmx": `<tmx><body>${unit}</body></tmx>` }));
    expect(await pairs({ path: "memory.zip" })).toEqual(["1: Tea = Tee"]);
  });

  test("of several gives the one that is named, and else says which there are", async () => {
    const members = {
      "a/x.en": ENGLISH,
      "a/x.de": GERMAN,
      "b/y.en": "y\n",
      "b/y.de": "ypsilon\n",
      "c/list": "one\teins\n",
    };
    await write("many.zip", zipOf(members));
    await expect(pairs({ path: "many.zip" })).rejects.toThrow(/say with `member` which: a\/x\.en, b\/y\.en$/);
    expect(await pairs({ path: "many.zip", member: "y.en" })).toEqual(["1: y = ypsilon"]);
    expect(await pairs({ path: "many.zip", member: "c/list", format: "tsv" })).toEqual(["1: one = eins"]);
    expect(
      await pairs({ path: "many.zip", member: "a/x.en", targetPath: "b/y.de", format: "moses" }).catch(String),
    ).toMatch(/x\.en has 2 lines and .*y\.de 1/);
    await expect(pairs({ path: "many.zip", member: "z.en" })).rejects.toThrow(
      /`member` z\.en is no corpus in it.*a\/x\.en/,
    );
    await expect(pairs({ path: "many.zip" }, { source: "cs", target: "fi" })).rejects.toThrow(
      /no corpus was found in it/,
    );
  });

  test("that is none, or damaged, is refused by name", async () => {
    await write("no.zip", "plain");
    await expect(pairs({ path: "no.zip" })).rejects.toThrow(/cannot read .*no\.zip/);
    await expect(pairs({ path: "gone.zip" })).rejects.toThrow(/gone\.zip is not there/);
    const broken = zipOf({ "x.tsv": "one\teins\n".repeat(50) });
    broken[40] ^= 0xff;
    await write("broken.zip", broken);
    await expect(pairs({ path: "broken.zip" })).rejects.toThrow(/cannot read .*broken\.zip:x\.tsv/);
    await write("plain.tsv", "one\teins\n");
    await expect(pairs({ path: "plain.tsv", member: "x" })).rejects.toThrow(/`member` is for a \.zip file/);
  });
});
