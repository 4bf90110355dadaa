"""Writes trainer/losses/fixtures/ctc-torch.json: losses and gradients of torch.nn.functional.ctc_loss in float64.

    python scripts/reference/ctc_torch.py
"""

import json
from pathlib import Path

import numpy
import torch

VOCABULARY, BLANK = 11, 4
LABELS = [[6, 6, 7, 8, 8, 8], [9], [5, 10, 5, 10], [7, 7, 7], [0, 1, 2, 3]]
SLOTS = [12, 9, 4, 5, 7]
WEIGHTS = [1.0, 0.5, 1.0, 2.0, 0.125]


def main() -> None:
    rows, slots = len(LABELS), max(SLOTS)
    values = numpy.random.default_rng(7).normal(size=(rows * slots, VOCABULARY)) * 2
    values = values.round(3)  # few digits in the fixture; float32 holds them closely enough
    logits = torch.tensor(values.reshape(rows, slots, VOCABULARY), dtype=torch.float64, requires_grad=True)
    per_row = torch.nn.functional.ctc_loss(
        logits.log_softmax(-1).transpose(0, 1),
        torch.tensor([label for row in LABELS for label in row]),
        torch.tensor(SLOTS),
        torch.tensor([len(row) for row in LABELS]),
        blank=BLANK,
        reduction="none",
    )
    (per_row * torch.tensor(WEIGHTS, dtype=torch.float64)).sum().backward()
    fixture = {
        "vocabulary": VOCABULARY,
        "blank": BLANK,
        "labels": LABELS,
        "slots": SLOTS,
        "weights": WEIGHTS,
        "logits": values.flatten().tolist(),
        "perRow": [round(value, 8) for value in per_row.tolist()],
        "gradient": [round(value, 8) for value in logits.grad.flatten().tolist()],
    }
    path = Path(__file__).parents[2] / "trainer/losses/fixtures/ctc-torch.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
