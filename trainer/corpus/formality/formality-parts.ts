// Training pairs whose source begins with a tag for the form of address of their target (Sennrich et al. 2016).
import { z } from "zod";
import type { Tokenizer } from "../../../models/tokenizer.ts";
import { FORMAL_ID, INFORMAL_ID } from "../../../models/vocabulary.ts";
import { withDerived } from "../derived-parts.ts";
import type { TrainPart } from "../epoch-plan.ts";
import { SequencesBuilder, sequenceAt, sequencesOf } from "../shard.ts";
import { type Register, registerOf } from "./register.ts";

export const formalitySchema = z.strictObject({
  /** Of the training pairs: those with a tag, as many formal as informal ones where there are enough. 0 teaches none. */
  share: z.number().min(0).max(1).default(0),
});

export type FormalitySettings = z.output<typeof formalitySchema>;

export interface FormalityContext {
  /** The language of a part's targets. */
  readonly targetOf: (part: TrainPart) => string;
  readonly tokenizer: Tokenizer;
}

export interface FormalityParts {
  readonly parts: TrainPart[];
  /** Pairs that there are of each register. */
  readonly formal: number;
  readonly informal: number;
}

const TAGS: Readonly<Record<Register, number>> = { formal: FORMAL_ID, informal: INFORMAL_ID };

/** Each part with a share of its pairs tagged; the same pairs come without a tag too, so that none need be asked for. */
export function withFormality(
  parts: readonly TrainPart[],
  { share }: FormalitySettings,
  { targetOf, tokenizer }: FormalityContext,
): FormalityParts {
  const counts = { formal: 0, informal: 0 };
  if (share === 0) return { parts: [...parts], ...counts };
  const made = parts.flatMap((part) => {
    const { shard, prefix = [] } = part;
    const language = targetOf(part);
    const rows: Record<Register, number[]> = { formal: [], informal: [] };
    let row = 0;
    for (const ids of sequencesOf(shard.target)) {
      const register = registerOf(tokenizer.decode(ids), language);
      if (register) rows[register].push(row);
      row += 1;
    }
    const derived = (["formal", "informal"] as const).map((register) => {
      counts[register] += rows[register].length;
      const [source, target] = [new SequencesBuilder(), new SequencesBuilder()];
      for (const at of rows[register]) {
        source.add(sequenceAt(shard.source, at));
        target.add(sequenceAt(shard.target, at));
      }
      const subset = { name: `${shard.name}.${register}`, source: source.build(), target: target.build() };
      return { shard: subset, share: share / 2, prefix: [...prefix, TAGS[register]] };
    });
    return withDerived(part, derived);
  });
  return { parts: made, ...counts };
}
