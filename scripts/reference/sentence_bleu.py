"""Writes trainer/evaluation/fixtures/sentence-bleu.json: sacreBLEU's sentence BLEU of our invented sentences.

    python -m venv /tmp/reference && /tmp/reference/bin/pip install -r scripts/reference/requirements.txt
    /tmp/reference/bin/python scripts/reference/sentence_bleu.py
    npx biome check --write trainer/evaluation/fixtures
"""

import json
from pathlib import Path

import sacrebleu

from scoring_sentences import SENTENCES

OUTPUT = Path(__file__).parents[2] / "trainer/evaluation/fixtures/sentence-bleu.json"

# short ones, where orders without n-grams and smoothing decide
SHORT = [("Yes.", ["Yes."]), ("Yes", ["No"]), ("a b", ["a b c d e"]), ("", ["a"]), ("a b c", ["c b a"])]

scores = [
    {"hypothesis": h, "references": r, "expected": sacrebleu.sentence_bleu(h, r).score}
    for h, r in [*SHORT, *SENTENCES]
]
OUTPUT.write_text(json.dumps({"sacrebleu": sacrebleu.__version__, "scores": scores}, ensure_ascii=False))
