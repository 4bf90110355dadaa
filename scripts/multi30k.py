"""Writes Multi30k as its published figures are measured: lower-cased, and cut into words as the Moses scripts do.

    python -m venv /tmp/moses && /tmp/moses/bin/pip install sacremoses==0.2.0
    /tmp/moses/bin/python scripts/multi30k.py "$SOUFFLEUR_DATA/multi30k-en-de" "$SOUFFLEUR_DATA/multi30k-en-de-lower"

The corpus may be used for research only: what is trained on it is a benchmark, never a model to ship.
"""

import gzip
import sys
from pathlib import Path

from sacremoses import MosesPunctNormalizer, MosesTokenizer

LANGUAGES = ("en", "de")


def words_of(language):
    normalizer, tokenizer = MosesPunctNormalizer(lang=language), MosesTokenizer(lang=language)
    return lambda text: tokenizer.tokenize(normalizer.normalize(text).lower(), return_str=True, escape=False)


def main():
    source, output = Path(sys.argv[1]), Path(sys.argv[2])
    output.mkdir(parents=True, exist_ok=True)
    columns = [words_of(language) for language in LANGUAGES]
    for path in sorted(source.glob("*.tsv*")):
        with (gzip.open(path, "rt") if path.suffix == ".gz" else path.open()) as lines:
            pairs = ["\t".join(words(text) for words, text in zip(columns, line.rstrip("\n").split("\t"))) for line in lines]
        (output / path.name.removesuffix(".gz")).write_text("\n".join(pairs) + "\n")
        print(f"{output / path.name.removesuffix('.gz')}: {len(pairs)} pairs")


if __name__ == "__main__":
    main()
