// The text table: alignment, digits and missing figures.
import { expect, it } from "vitest";
import { formatTable, markdownTable } from "./text-table.ts";

it("puts numbers to the right, words to the left, and a dash where there is nothing", () => {
  const rows = [
    { name: "first", count: 5, share: 0.5 },
    { name: "b", count: 12000, share: Number.NaN },
  ];
  const table = formatTable<(typeof rows)[number]>(
    [
      { header: "name", value: (row) => row.name },
      { header: "count", value: (row) => row.count },
      { header: "share", value: (row) => row.share, digits: 2 },
    ],
    rows,
  );
  expect(table).toBe(
    ["name   count  share", "-----  -----  -----", "first      5   0.50", "b      12000      -"].join("\n"),
  );
});

it("has a header without rows", () => {
  expect(formatTable([{ header: "wait", value: () => 1 }], [])).toBe("wait\n----");
});

it("is Markdown too, where a bar in a cell ends none", () => {
  const columns = [
    { header: "name", value: (row: { name: string; share: number | null }) => row.name },
    { header: "share", value: (row: { name: string; share: number | null }) => row.share, digits: 2 },
  ];
  const rows = [
    { name: "a|b", share: 0.5 },
    { name: "c", share: null },
  ];
  expect(markdownTable(columns, rows)).toBe("| name | share |\n| --- | --- |\n| a\\|b | 0.50 |\n| c |  |");
});
