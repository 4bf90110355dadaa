// A translation model in the Hugging Face layout, ready to translate one pair of languages.
import type { TextModel } from "../text-model.ts";
import { ExportedScorer } from "./exported-scorer.ts";
import { type LanguagePair, languageIds } from "./languages.ts";
import type { ModelFolder } from "./model-folder.ts";

/** @throws HuggingFaceError where the model does not know one of the languages. */
export function exportedModel(folder: ModelFolder, languages: LanguagePair): TextModel {
  const { tokenizer } = folder;
  const ids = languageIds(folder, languages);
  return {
    codec: {
      encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
      decode: (written) => {
        const list = [...written];
        if (list.length === 0) return ""; // the tokenizer takes no empty list
        return tokenizer.decode(list, { skip_special_tokens: true, clean_up_tokenization_spaces: false }).trim();
      },
    },
    longestSource: folder.maxPositions - ids.sourcePrefix.length - ids.sourceSuffix.length,
    open: (candidates, threads) => ExportedScorer.create(folder, ids, { candidates, threads }),
  };
}
