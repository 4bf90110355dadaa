// How languages write thousands and decimals, and a number of one rewritten as the other's.

interface NumberFormat {
  readonly group: string;
  readonly decimal: string;
}

const POINT: NumberFormat = { group: ",", decimal: "." };
const COMMA: NumberFormat = { group: ".", decimal: "," };
/** A space that neither breaks nor widens; to the tokenizer it is a space. */
const SPACED: NumberFormat = { group: "\u202f", decimal: "," };

const FORMATS: Readonly<Record<string, NumberFormat>> = {
  ...{ en: POINT, zh: POINT, ja: POINT, ko: POINT, he: POINT, th: POINT },
  ...{ de: COMMA, nl: COMMA, it: COMMA, es: COMMA, pt: COMMA, tr: COMMA, id: COMMA, da: COMMA, el: COMMA },
  ...{ fr: SPACED, pl: SPACED, ru: SPACED, uk: SPACED, cs: SPACED, sv: SPACED, nb: SPACED, fi: SPACED },
};

const formatOf = (language: string): NumberFormat | undefined => FORMATS[language.split("-")[0]];

/** Thousands in groups, with decimals or without. */
const GROUPED = /^(\d{1,3}(?:([.,])\d{3})(?:\2\d{3})*)(?:([.,])(\d+))?$/;
const DECIMAL = /^(\d+)([.,])(\d+)$/;

/**
 * A number with groups or decimals as another language writes it; everything else, and where either language's format is
 * not known or the number is not in the source's, as it is. `1,234.5` of English is `1.234,5` in German.
 */
export function numberIn(text: string, source: string, target: string): string {
  const from = formatOf(source);
  const to = formatOf(target);
  if (!from || !to || from === to) return text;
  const grouped = GROUPED.exec(text);
  if (grouped?.[2] === from.group && (grouped[3] === undefined || grouped[3] === from.decimal)) {
    const whole = grouped[1].replaceAll(from.group, to.group);
    return grouped[4] === undefined ? whole : whole + to.decimal + grouped[4];
  }
  const decimal = DECIMAL.exec(text);
  return decimal?.[2] === from.decimal ? decimal[1] + to.decimal + decimal[3] : text;
}
