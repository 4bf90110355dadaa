"""Writes trainer/losses/fixtures/cross-entropy-torch.json: values and gradients of torch's cross entropy in float64.

    python scripts/reference/cross_entropy_torch.py
"""

import json
from pathlib import Path

import numpy
import torch

LABELS = [3, 0, 6, 6, 1, 5]
WEIGHTS = [0.25, 1.0, 0.0, 0.5, 2.0, 0.125]
VOCABULARY = 7


def main() -> None:
    values = (numpy.random.default_rng(11).normal(size=(len(LABELS), VOCABULARY)) * 3).round(3)
    weights = torch.tensor(WEIGHTS, dtype=torch.float64)
    cases = []
    for smoothing in [0.0, 0.1, 0.5]:
        logits = torch.tensor(values, requires_grad=True)
        score = torch.nn.functional.cross_entropy
        per_row = score(logits, torch.tensor(LABELS), label_smoothing=smoothing, reduction="none")
        loss = (per_row * weights).sum()
        loss.backward()
        plain = (score(logits, torch.tensor(LABELS), reduction="none") * weights).sum()
        gradient = [round(value, 8) for value in logits.grad.flatten().tolist()]
        cases.append({"smoothing": smoothing, "loss": loss.item(), "nll": plain.item(), "gradient": gradient})
    fixture = {"logits": values.flatten().tolist(), "labels": LABELS, "weights": WEIGHTS, "cases": cases}
    path = Path(__file__).parents[2] / "trainer/losses/fixtures/cross-entropy-torch.json"
    path.write_text(json.dumps(fixture, indent=2) + "\n")


if __name__ == "__main__":
    main()
