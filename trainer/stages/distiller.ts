// A teacher at work: sources in, the targets of a student out, by the recipe's method (Kim & Rush 2016).
import { normalisedWeights } from "../corpus/choices.ts";
import type { PairReader } from "../corpus/pair-reader.ts";
import { type Shard, sequenceAt } from "../corpus/shard.ts";
import { packSoftTargets } from "../corpus/soft-targets.ts";
import { BeamSearch, candidatesOf, type Hypothesis, inBatches, translateAll } from "../decoding/beam-search.ts";
import { Sampler } from "../decoding/sampler.ts";
import { type ForcedPair, TeacherForcing } from "../decoding/teacher-forcing.ts";
import type { TextCodec } from "../decoding/text-model.ts";
import { sentenceBleu } from "../evaluation/bleu.ts";
import { Random } from "../random.ts";
import type { Recipe } from "../recipe.ts";
import { type PartContent, sha256Of } from "./distill-part.ts";
import { type AskedTeacher, networkTeacher, type OneTeacher } from "./teacher.ts";

/** Some sentences of a corpus. */
export interface DistilledSentences {
  readonly shard: Shard;
  /** The same corpus as text; only a foreign teacher reads it. */
  readonly pairs: PairReader;
  readonly start: number;
  readonly end: number;
}

interface Target {
  readonly ids: readonly number[];
  readonly weight: number;
}

type OnSentences = (done: number) => void;

export class Distiller {
  readonly #teacher: OneTeacher;
  readonly #prefix: readonly number[];
  readonly #settings: Recipe["distill"];
  readonly #seed: number;
  readonly #codec: TextCodec;
  readonly #decoder: BeamSearch | Sampler;
  readonly #forcing: TeacherForcing | undefined;

  private constructor(
    { teacher, prefix }: AskedTeacher,
    recipe: Recipe,
    codec: TextCodec,
    decoder: BeamSearch | Sampler,
    forcing: TeacherForcing | undefined,
  ) {
    this.#forcing = forcing;
    this.#teacher = teacher;
    this.#prefix = prefix;
    this.#settings = recipe.distill;
    this.#seed = recipe.corpus.seed;
    this.#codec = codec;
    this.#decoder = decoder;
  }

  /**
   * @param codec the corpus's.
   * @throws RecipeError where distributions are to be stored, and the teacher's are over other pieces.
   */
  static async create(asked: AskedTeacher, recipe: Recipe, codec: TextCodec): Promise<Distiller> {
    const { teacher } = asked;
    const { method, sampling, beam, maxLengthRatio, topK } = recipe.distill;
    const { threads } = recipe;
    const forcing = topK && (await TeacherForcing.create(networkTeacher(teacher, "distill.topK"), topK, threads));
    const candidates = sampling.topK === 0 ? "all" : sampling.topK;
    const scorer = await teacher.model.open(method === "sample" ? candidates : candidatesOf(beam), threads);
    const decoder =
      method === "sample"
        ? new Sampler(scorer, { ...sampling, maxLengthRatio })
        : new BeamSearch(scorer, recipe.distill);
    return new Distiller(asked, recipe, codec, decoder, forcing || undefined);
  }

  async dispose(): Promise<void> {
    await this.#decoder.dispose();
    await this.#forcing?.dispose();
  }

  /**
   * @param onSentences hears how many are done.
   * @returns a part's content, and its soft targets where they are stored.
   */
  async distill(
    sentences: DistilledSentences,
    onSentences: OnSentences,
  ): Promise<{ content: PartContent; soft?: Uint8Array }> {
    const { start } = sentences;
    const sources = await this.#sources(sentences);
    const found = await this.#decode(sources, sentences, onSentences);
    const nearest = this.#settings.method === "seq-inter" ? await this.#takeNearest(found, sentences) : undefined;
    const targets = found.map((hypotheses) => this.#targetsOf(hypotheses));
    const content = {
      start,
      targets: targets.map((list) => list.map(({ ids }) => [...ids])),
      weights: targets.map((list) => list.map(({ weight }) => weight)),
      ...(nearest && { nearest }),
    };
    if (!this.#forcing) return { content };
    const rows = targets.flatMap((list, at) => list.map(({ ids }) => ({ source: sources[at]!, target: ids })));
    const { soft, ...facts } = await this.#softTargets(this.#forcing, rows);
    return { content: { ...content, soft: facts }, soft };
  }

  /** The teacher's distributions at the positions of these targets (word-level distillation: Kim & Rush 2016, section 3.1). */
  async #softTargets(forcing: TeacherForcing, rows: readonly ForcedPair[]) {
    const sources = rows.map(({ source }) => source);
    const found = await inBatches(sources, this.#settings.batchTokens, (_, places) =>
      forcing.distributions(places.map((place) => rows[place]!)),
    );
    let [positions, massKept] = [0, 0];
    for (const row of found) {
      positions += row.positions;
      for (const value of row.logProbabilities) massKept += Math.exp(value);
    }
    const soft = packSoftTargets(found);
    return { k: forcing.k, positions, massLost: positions - massKept, sha256: sha256Of(soft), soft };
  }

  /** The sources in the teacher's ids, cut to what it can read. */
  async #sources({ shard, pairs, start, end }: DistilledSentences): Promise<number[][]> {
    const { model, type } = this.#teacher;
    const cut = (ids: number[]) => ids.slice(0, model.longestSource);
    if (type === "foreign") return (await pairs.read(start, end)).map(({ source }) => cut(model.codec.encode(source)));
    const row = (at: number) => cut([...this.#prefix, ...sequenceAt(shard.source, start + at)]);
    return Array.from({ length: end - start }, (_, at) => row(at));
  }

  async #decode(
    sources: readonly (readonly number[])[],
    { shard, start }: DistilledSentences,
    onSentences: OnSentences,
  ): Promise<Hypothesis[][]> {
    const { batchTokens, hypotheses = 1 } = this.#settings;
    const decoder = this.#decoder;
    if (decoder instanceof BeamSearch) return translateAll(decoder, sources, batchTokens, onSentences);
    const rows = sources.flatMap((source) => new Array<readonly number[]>(hypotheses).fill(source));
    // What is drawn is a function of the sentence's place in its corpus: of no batch, part or share.
    const randomOf = (row: number) =>
      new Random(this.#seed, "sample", shard.name, start + Math.floor(row / hypotheses), row % hypotheses);
    const drawn = await inBatches(
      rows,
      batchTokens,
      (batch, places) => decoder.sample(batch, places.map(randomOf)),
      (done) => onSentences(Math.floor(done / hypotheses)),
    );
    return sources.map((_, at) => drawn.slice(at * hypotheses, (at + 1) * hypotheses));
  }

  /** The student's targets; hypotheses that are the same in its ids become one. */
  #targetsOf(found: readonly Hypothesis[]): Target[] {
    const { method, hypotheses } = this.#settings;
    const kept = method === "beam" || method === "seq-inter" ? found.slice(0, 1) : found.slice(0, hypotheses);
    if (kept.length === 0) return [{ ids: [], weight: 1 }];
    // The n best stand for all translations in proportion to their probabilities (Kim & Rush 2016, section 3.2), which
    // the length penalty makes comparable; samples are drawn by them already (a Monte Carlo estimate).
    const scores = method === "nbest" ? kept.map(({ score }) => score) : kept.map(() => 0);
    const targets = new Map<string, { ids: readonly number[]; weight: number }>();
    for (const [place, weight] of normalisedWeights(scores).entries()) {
      const ids = this.#inCorpusIds(kept[place]!.ids);
      const same = targets.get(ids.join());
      if (same) same.weight += weight;
      else targets.set(ids.join(), { ids, weight });
    }
    return [...targets.values()];
  }

  #inCorpusIds(ids: readonly number[]): readonly number[] {
    const { model, type } = this.#teacher;
    return type === "foreign" ? this.#codec.encode(model.codec.decode(ids)) : ids;
  }

  /** Puts the hypothesis with the highest sentence BLEU against the reference first (Kim & Rush 2016, section 3.3). */
  async #takeNearest(found: Hypothesis[][], sentences: DistilledSentences): Promise<PartContent["nearest"]> {
    const references = await this.#references(sentences);
    const sums = { changed: 0, best: 0, taken: 0 };
    for (const [at, hypotheses] of found.entries()) {
      if (hypotheses.length === 0) continue;
      const scores = hypotheses.map(({ ids }) =>
        sentenceBleu(this.#teacher.model.codec.decode(ids), [references[at]!]),
      );
      const taken = scores.indexOf(Math.max(...scores)); // of equals the search's better one
      if (taken > 0) sums.changed += 1;
      sums.best += scores[0]!;
      sums.taken += scores[taken]!;
      hypotheses.unshift(...hypotheses.splice(taken, 1));
    }
    return sums;
  }

  async #references({ shard, pairs, start, end }: DistilledSentences): Promise<string[]> {
    if (this.#teacher.type === "foreign") return (await pairs.read(start, end)).map(({ target }) => target);
    const { target } = shard;
    return Array.from({ length: end - start }, (_, at) => this.#codec.decode(sequenceAt(target, start + at)));
  }
}
