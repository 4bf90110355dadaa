"""Writes trainer/evaluation/fixtures/sacrebleu.json: what sacreBLEU says of our invented sentences.

    python -m venv /tmp/reference && /tmp/reference/bin/pip install -r scripts/reference/requirements.txt
    /tmp/reference/bin/python scripts/reference/sacrebleu_reference.py
    npx biome check --write trainer/evaluation/fixtures
"""

import json
from pathlib import Path

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from scoring_sentences import SENTENCES

OUTPUT = Path(__file__).parents[2] / "trainer/evaluation/fixtures/sacrebleu.json"


def streams(sentences):
    """sacreBLEU takes references by stream, None where a sentence has fewer."""
    most = max(len(references) for _, references in sentences)
    return [[r[i] if i < len(r) else None for _, r in sentences] for i in range(most)]


def bleu(sentences, **options):
    metric = BLEU(**options)
    score = metric.corpus_score([h for h, _ in sentences], streams(sentences))
    return {
        "score": score.score,
        "counts": score.counts,
        "totals": score.totals,
        "precisions": score.precisions,
        "brevityPenalty": score.bp,
        "hypothesisLength": score.sys_len,
        "referenceLength": score.ref_len,
        "signature": str(metric.get_signature()),
    }


def chrf(sentences, **options):
    metric = CHRF(**options)
    score = metric.corpus_score([h for h, _ in sentences], streams(sentences))
    return {"score": score.score, "signature": str(metric.get_signature())}


def case(name, sentences):
    return {
        "name": name,
        "hypotheses": [h for h, _ in sentences],
        "references": [r for _, r in sentences],
        "bleu": [
            {"lowercase": lowercase, "tokenize": tokenize, "expected": bleu(sentences, lowercase=lowercase, tokenize=tokenize)}
            for tokenize in ("13a", "none")
            for lowercase in (False, True)
        ],
        "chrf": [{"lowercase": lowercase, "expected": chrf(sentences, lowercase=lowercase)} for lowercase in (False, True)],
    }


first_only = [(h, r[:1]) for h, r in SENTENCES]
two_each = [(h, r[:2]) for h, r in SENTENCES if len(r) >= 2]
shortened = [(" ".join(h.split()[:3]), r) for h, r in SENTENCES]
cases = [
    case("one reference", first_only),
    case("two references each", two_each),
    case("one to three references", SENTENCES),
    case("outputs cut to three words", shortened),
    case("only short outputs", [("Ja.", ["Ja."]), ("Nein", ["Nein!"])]),
    case("nothing matches", [("abc", ["xyz uvw"])]),
    case("nothing was said", [("", ["Ja.", "Jawohl, gern."])]),
]
cases += [case(f"sentence {i + 1}", [sentence]) for i, sentence in enumerate(SENTENCES)]

tokenizer = Tokenizer13a()
texts = [text for h, r in SENTENCES for text in (h, *r)]
texts += ["a-\nb\nc <skipped>d &lt;x&gt;", "3,000.5 .5 5. a.b,c 7-8 x-9", "\u0085next\u001cline\ufeffmark\u3000wide"]
fixture = {
    "sacrebleu": sacrebleu.__version__,
    "tokenized": [{"text": text, "expected": tokenizer(text.rstrip())} for text in texts],
    "cases": cases,
}
OUTPUT.parent.mkdir(parents=True, exist_ok=True)
OUTPUT.write_text(json.dumps(fixture, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
