// Which language tokens a model reads and writes: every family has its own convention.
import { HuggingFaceError } from "./hugging-face-error.ts";
import type { ModelFolder } from "./model-folder.ts";

export interface LanguagePair {
  readonly source: string;
  readonly target: string;
}

/** The ids around a source, and what is written first. */
export interface LanguageIds {
  readonly sourcePrefix: readonly number[];
  /** The end of the source included. */
  readonly sourceSuffix: readonly number[];
  /** The first id of every target, beside the start; not part of the translation. */
  readonly forcedFirst: number | undefined;
}

interface Family {
  readonly name: string;
  /** What its language tokens look like; the group is the language. */
  readonly token: RegExp;
}

const FAMILIES = {
  marian: { name: "Marian", token: /^>>(.+)<<$/ },
  m2m100: { name: "M2M-100", token: /^__([a-z]{2,3})__$/ },
  nllb: { name: "NLLB", token: /^([a-z]{3}_[A-Z][a-z]{3})$/ },
  mbart50: { name: "mBART-50", token: /^([a-z]{2}_[A-Z]{2})$/ },
} as const satisfies Record<string, Family>;

/** As many languages are named in a message. */
const NAMED_AT_MOST = 12;

/**
 * - Marian: `text </s>`; models of several target languages read `>>deu<< text </s>` (transformers' MarianTokenizer).
 * - M2M-100: `__en__ text </s>`, the target begins with `__de__` (M2M100Tokenizer, `forced_bos_token_id`).
 * - NLLB: `eng_Latn text </s>`, the target begins with `deu_Latn`; with `legacy_behaviour` in tokenizer_config.json
 *   `text </s> eng_Latn` (NllbTokenizer; NLLB team 2022, section 6.1.1).
 * - mBART-50: `en_XX text </s>`, the target begins with `de_DE` (MBart50Tokenizer).
 *
 * @param languages as the recipe names them, or the corpus's.
 * @throws HuggingFaceError where the model has no such language, with those that it has.
 */
export function languageIds(folder: ModelFolder, languages: LanguagePair): LanguageIds {
  const { endId, forcedFirstId } = folder;
  const family = familyOf(folder);
  const tokens = languageTokens(folder, family);
  if (family === FAMILIES.marian) {
    // A model of one pair has no language tokens, and needs none.
    const prefix = tokens.size === 0 ? [] : [idOf(folder, family, tokens, languages.target, "target")];
    return { sourcePrefix: prefix, sourceSuffix: [endId], forcedFirst: forcedFirstId };
  }
  const source = idOf(folder, family, tokens, languages.source, "source");
  const forcedFirst = idOf(folder, family, tokens, languages.target, "target");
  if (family === FAMILIES.nllb && folder.legacyBehaviour)
    return { sourcePrefix: [], sourceSuffix: [endId, source], forcedFirst };
  return { sourcePrefix: [source], sourceSuffix: [endId], forcedFirst };
}

/** @throws HuggingFaceError for an mBART that is not mBART-50, and where no language token is known. */
function familyOf(folder: ModelFolder): Family {
  if (folder.type === "marian") return FAMILIES.marian;
  if (folder.type === "mbart") {
    if (/^MBartTokenizer/.test(folder.tokenizerClass ?? "")) {
      throw new HuggingFaceError(
        `${folder.path}: tokenizer_config.json names ${folder.tokenizerClass}: this is mBART-25, which frames its sentences ` +
          "in another way; of mBART only mBART-50 is known",
      );
    }
    return FAMILIES.mbart50;
  }
  const known = [FAMILIES.nllb, FAMILIES.m2m100].find((family) => languageTokens(folder, family).size > 0);
  if (known) return known;
  throw new HuggingFaceError(
    `${folder.path}: tokenizer.json has no language tokens, neither like eng_Latn (NLLB) nor like __en__ (M2M-100)`,
  );
}

/** Ids by language. */
function languageTokens({ tokenizer }: ModelFolder, { token }: Family): Map<string, number> {
  const found = new Map<string, number>();
  for (const [text, id] of tokenizer.get_vocab(true)) {
    const [, language] = token.exec(text) ?? [];
    if (language !== undefined) found.set(language, id);
  }
  return found;
}

function idOf(
  folder: ModelFolder,
  family: Family,
  tokens: ReadonlyMap<string, number>,
  named: string,
  side: "source" | "target",
): number {
  const [, language = named] = family.token.exec(named) ?? []; // the whole token will do as well
  const exact = tokens.get(language);
  if (exact !== undefined) return exact;
  // en is en_XX where the model has one English; NLLB's eng_Latn has to be named.
  const begun = [...tokens].filter(([known]) => known.startsWith(`${language}_`));
  if (begun.length === 1) return begun[0]![1];
  const all = [...tokens.keys()].sort();
  const some = all.slice(0, NAMED_AT_MOST).join(", ") + (all.length > NAMED_AT_MOST ? ", …" : "");
  const options = begun.length > 1 ? begun.map(([known]) => known).join(", ") : some;
  throw new HuggingFaceError(
    `${folder.path}: this ${family.name} has no ${side} language ${named}: set ${side}Language to one of ${options}`,
  );
}
