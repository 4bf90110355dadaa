"""Writes trainer/losses/fixtures/ngram-torch.json: expected n-gram overlap and lagging under CTC, with gradients, from
plain loops over slots in float64 and PyTorch's autograd.

    python scripts/reference/ngram_torch.py
"""

import json
from collections import Counter
from pathlib import Path

import numpy
import torch

VOCABULARY, BLANK, SLOTS_PER_TOKEN = 11, 4, 2
ROWS = [
    {"labels": [6, 6, 7, 8, 6, 6], "slots": 12, "wait": 2},
    {"labels": [9], "slots": 4, "wait": 1},
    {"labels": [5, 10, 5, 10, 5], "slots": 8, "wait": 3},
    {"labels": [7, 7, 7], "slots": 4, "wait": 1048576},
]
WEIGHTS = {"unigram": -0.5, "bigram": -1.3, "lagging": 0.2}


def count_of(p: torch.Tensor, token: int) -> torch.Tensor:
    """Expected runs of `token`: slots that hold it where the slot before does not."""
    total = p[0, token]
    for slot in range(1, len(p)):
        total = total + p[slot, token] * (1 - p[slot - 1, token])
    return total


def count_of_pair(p: torch.Tensor, first: int, second: int) -> torch.Tensor:
    """Expected places where a run of `first` is followed by one of `second`, with nothing but blanks between."""
    total = torch.zeros((), dtype=p.dtype)
    for i in range(len(p)):
        between = torch.ones((), dtype=p.dtype)
        for j in range(i + 1, len(p)):
            if first != second or j > i + 1:
                total = total + p[i, first] * between * p[j, second]
            between = between * p[j, BLANK]
    return total


def overlap(wanted: Counter, expected: dict, total: torch.Tensor) -> torch.Tensor:
    matched = sum(torch.clamp(expected[ngram], max=float(count)) for ngram, count in wanted.items())
    return 2 * matched / (total + sum(wanted.values()) + 1e-6)


def quantities(p: torch.Tensor, row: dict) -> dict:
    labels, slots = row["labels"], len(p)
    runs = [count_of(p, token) for token in range(VOCABULARY)]
    emitted = []
    for slot in range(slots):
        repeats = (p[slot] * p[slot - 1]).sum() - p[slot, BLANK] * p[slot - 1, BLANK] if slot > 0 else 0
        emitted.append(1 - p[slot, BLANK] - repeats)
    tokens = sum(runs[:BLANK]) + sum(runs[BLANK + 1 :])
    pairs = tokens - 1 + p[:, BLANK].prod()
    unigrams = Counter(labels)
    bigrams = Counter(zip(labels, labels[1:]))
    source = slots // SLOTS_PER_TOKEN
    pace = source / torch.clamp(tokens, min=float(len(labels)))
    lagging, before = 0, 0
    for slot, probability in enumerate(emitted):
        read = min(slot // SLOTS_PER_TOKEN + row["wait"], source)
        lagging = lagging + probability * (read - before * pace) / tokens
        before = before + probability
    result = {"unigram": overlap(unigrams, {token: runs[token] for token in unigrams}, tokens), "lagging": lagging}
    result["bigram"] = torch.zeros((), dtype=p.dtype)
    if bigrams:
        result["bigram"] = overlap(bigrams, {pair: count_of_pair(p, *pair) for pair in bigrams}, pairs)
    return result


def main() -> None:
    rows, slots = len(ROWS), max(row["slots"] for row in ROWS)
    values = (numpy.random.default_rng(11).normal(size=(rows * slots, VOCABULARY)) * 2).round(3)
    logits = torch.tensor(values.reshape(rows, slots, VOCABULARY), dtype=torch.float64, requires_grad=True)
    p = logits.softmax(-1)
    found = [quantities(p[index, : row["slots"]], row) for index, row in enumerate(ROWS)]
    loss = sum(weight * each[key] for each in found for key, weight in WEIGHTS.items())
    loss.backward()
    fixture = {
        "vocabulary": VOCABULARY,
        "blank": BLANK,
        "slotsPerToken": SLOTS_PER_TOKEN,
        "rows": ROWS,
        "logits": values.flatten().tolist(),
        **{key: [round(each[key].item(), 8) for each in found] for key in WEIGHTS},
        "gradient": [round(value, 8) for value in logits.grad.flatten().tolist()],
    }
    path = Path(__file__).parents[2] / "trainer/losses/fixtures/ngram-torch.json"
    path.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
