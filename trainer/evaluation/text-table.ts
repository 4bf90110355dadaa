// A table for terminals and logs, numbers to the right and words to the left; or the same as Markdown.

export type TableCell = string | number | null | undefined;

export interface TableColumn<Row> {
  header: string;
  /** What the row shows here; no figure (undefined, null, NaN) shows as `-`. */
  value: (row: Row) => TableCell;
  /** Digits after the point for numbers. Default 0. */
  digits?: number;
}

/** Lays `rows` out under a header line and a rule; no newline at the end. */
export function formatTable<Row>(columns: readonly TableColumn<Row>[], rows: readonly Row[]): string {
  const values = rows.map((row) => columns.map((column) => column.value(row)));
  const cells = values.map((line) => line.map((value, index) => formatCell(value, columns[index].digits ?? 0)));
  const widths = columns.map((column, index) =>
    Math.max(column.header.length, ...cells.map((line) => line[index].length)),
  );
  // A column with a word in it is one of words.
  const isText = columns.map((_, index) => values.some((line) => typeof line[index] === "string"));
  const layOut = (line: readonly string[]) =>
    line
      .map((cell, index) => (isText[index] ? cell.padEnd(widths[index]) : cell.padStart(widths[index])))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [layOut(columns.map((column) => column.header)), rule, ...cells.map(layOut)].join("\n");
}

function formatCell(value: TableCell, digits: number): string {
  if (value === undefined || value === null || Number.isNaN(value)) return "-";
  return typeof value === "string" ? value : value.toFixed(digits);
}

/** The same rows as a Markdown table; no figure shows as an empty cell. */
export function markdownTable<Row>(columns: readonly TableColumn<Row>[], rows: readonly Row[]): string {
  const cell = (value: TableCell, digits: number) => {
    const text = formatCell(value, digits);
    return text === "-" ? "" : text.replaceAll("|", "\\|");
  };
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ header }) => header)),
    line(columns.map(() => "---")),
    ...rows.map((row) => line(columns.map(({ value, digits }) => cell(value(row), digits ?? 0)))),
  ].join("\n");
}
