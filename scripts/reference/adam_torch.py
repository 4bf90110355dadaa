"""Writes trainer/training/fixtures/adam-torch.json: seven updates of torch.optim.Adam after clipping, in float64.

    python scripts/reference/adam_torch.py
"""

import json
from pathlib import Path

import numpy
import torch

BETAS, EPSILON, CLIP_NORM = (0.9, 0.98), 1e-9, 1.0
SHAPES = {"matrix": [2, 3], "vector": [4]}
RATES = [0.01, 0.02, 0.03, 0.03, 0.025, 0.02, 0.001]


def rounded(tensor: torch.Tensor) -> list[float]:
    return [round(value, 9) for value in tensor.flatten().tolist()]


def main() -> None:
    random = numpy.random.default_rng(5)
    parameters = {name: torch.nn.Parameter(torch.tensor(random.normal(size=shape).round(3))) for name, shape in SHAPES.items()}
    initial = {name: rounded(parameter.detach()) for name, parameter in parameters.items()}
    optimizer = torch.optim.Adam(parameters.values(), betas=BETAS, eps=EPSILON)
    steps = []
    for number, rate in enumerate(RATES):
        size = [0.05, 3.0, 0.3][number % 3]  # below the norm, far above it, and near it
        gradients = {name: (random.normal(size=shape) * size).round(4) for name, shape in SHAPES.items()}
        gradients["vector"][3] = 0  # a parameter that never has a gradient stays where it is
        norm = float(numpy.sqrt(sum((gradient**2).sum() for gradient in gradients.values())))
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(gradients[name] * min(1.0, CLIP_NORM / norm))
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        after = {name: rounded(parameter.detach()) for name, parameter in parameters.items()}
        steps.append({"rate": rate, "norm": norm, "gradients": {k: v.flatten().tolist() for k, v in gradients.items()}, "after": after})
    settings = {"beta1": BETAS[0], "beta2": BETAS[1], "epsilon": EPSILON, "clipNorm": CLIP_NORM}
    fixture = {"settings": settings, "shapes": SHAPES, "initial": initial, "steps": steps}
    path = Path(__file__).parents[2] / "trainer/training/fixtures/adam-torch.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(fixture, indent=2) + "\n")


if __name__ == "__main__":
    main()
