"""Writes trainer/networks/fixtures/{teacher,wait-k,student}-torch.json: losses, logits and gradients of the networks as
PyTorch computes them in float64, written from the papers and not from our code.

    python scripts/reference/networks_torch.py

Weights are a formula that both sides compute (`weight` here, `formula-weights.testing.ts` there), so that no fixture holds them.
Shapes: B sentences, S source positions, U target positions, T slots, D width, H heads, V vocabulary.
"""

import json
import math
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F

WIDTH, HEADS, FEED, VOCABULARY, POSITIONS = 16, 2, 24, 40, 12
ENCODER_LAYERS, DECODER_LAYERS, SLOTS_PER_TOKEN = 2, 1, 2
BOS, BLANK = 1, 4
SMOOTHING = 0.1

# rows end with </s> (2) and are padded with <pad> (0)
SOURCE = [[17, 20, 31, 20, 2], [25, 18, 2, 0, 0], [39, 16, 22, 2, 0]]
SOURCE_LENGTHS = [5, 3, 4]
TARGET = [[21, 21, 30, 2, 0, 0], [16, 28, 28, 28, 35, 2], [33, 2, 0, 0, 0, 0]]
TARGET_LENGTHS = [4, 6, 2]
WAITS = [1, 3, 1 << 20]

DEEP = torch.float64


def weight(name: str, shape: list[int]) -> torch.Tensor:
    """Pseudo-random numbers around 0, or around 1 for the scales of layer normalisation."""
    offset = sum(ord(letter) * (place + 1) for place, letter in enumerate(name))
    wave = numpy.sin(numpy.arange(math.prod(shape)) * 12.9898 + offset) * 43758.5453
    values = (wave - numpy.floor(wave) - 0.5) * 0.6 + (1.0 if name.endswith("scale") else 0.0)
    return torch.tensor(values.astype(numpy.float32).astype(numpy.float64).reshape(shape), requires_grad=True)


class Weights(dict):
    """Made at the first use, like the network's own parameters."""

    def take(self, name: str, *shape: int) -> torch.Tensor:
        if name not in self:
            self[name] = weight(name, list(shape))
        return self[name]


def dense(weights: Weights, name: str, x: torch.Tensor, out: int) -> torch.Tensor:
    return x @ weights.take(f"{name}.weight", x.shape[-1], out) + weights.take(f"{name}.bias", out)


def norm(weights: Weights, name: str, x: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x, [WIDTH], weights.take(f"{name}.scale", WIDTH), weights.take(f"{name}.bias", WIDTH), 1e-5)


def attention(weights: Weights, name: str, x: torch.Tensor, memory: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    """x [B, T, D] looks at memory [B, S, D] where visible [B, T, S]."""
    def heads(part: str, values: torch.Tensor) -> torch.Tensor:
        return dense(weights, f"{name}.{part}", values, WIDTH).unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(1, 2)
    q, k, v = heads("query", x), heads("key", memory), heads("value", memory)
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=visible[:, None])
    return dense(weights, f"{name}.output", mixed.transpose(1, 2).flatten(-2), WIDTH)


def feed_forward(weights: Weights, name: str, x: torch.Tensor) -> torch.Tensor:
    inner = dense(weights, f"{name}.inner", norm(weights, f"{name}.norm", x), FEED).relu()
    return dense(weights, f"{name}.outer", inner, WIDTH)


def positions(count: int) -> torch.Tensor:
    """Sines in the first half of the width, cosines in the second, wavelengths 2π to 2π · 10000."""
    place = torch.arange(count, dtype=DEEP)[:, None]
    angle = place * torch.exp(torch.arange(WIDTH // 2, dtype=DEEP) * (-2 * math.log(10000.0) / WIDTH))
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def embed(weights: Weights, ids: torch.Tensor) -> torch.Tensor:
    return F.embedding(ids, weights.take("embedding", VOCABULARY, WIDTH)) * math.sqrt(WIDTH)


def output(weights: Weights, x: torch.Tensor) -> torch.Tensor:
    return x @ weights["embedding"].T + weights.take("output.bias", VOCABULARY)


def encode(weights: Weights, source: torch.Tensor, lengths: list[int], causal: bool) -> torch.Tensor:
    B, S = source.shape
    visible = torch.zeros(B, S, S, dtype=torch.bool)
    for row, length in enumerate(lengths):
        for query in range(S):
            visible[row, query, : min(length, query + 1) if causal else length] = True
    x = embed(weights, source) + positions(S)
    for layer in range(ENCODER_LAYERS):
        name = f"encoder.{layer}"
        normed = norm(weights, f"{name}.self.norm", x)
        x = x + attention(weights, f"{name}.self", normed, normed, visible)
        x = x + feed_forward(weights, f"{name}.feed", x)
    return norm(weights, "encoder.norm", x)


def decode(weights: Weights, x: torch.Tensor, states: torch.Tensor, own: torch.Tensor, cross: torch.Tensor) -> torch.Tensor:
    for layer in range(DECODER_LAYERS):
        name = f"decoder.{layer}"
        normed = norm(weights, f"{name}.self.norm", x)
        x = x + attention(weights, f"{name}.self", normed, normed, own)
        x = x + attention(weights, f"{name}.cross", norm(weights, f"{name}.cross.norm", x), states, cross)
        x = x + feed_forward(weights, f"{name}.feed", x)
    return output(weights, norm(weights, "decoder.norm", x))


def teacher(waits: list[int] | None = None) -> dict:
    """With waits the autoregressive student: a causal encoder, and target position u sees source positions < u + wait."""
    weights = Weights()
    source, target = torch.tensor(SOURCE), torch.tensor(TARGET)
    states = encode(weights, source, SOURCE_LENGTHS, causal=waits is not None)
    B, U = target.shape
    own = torch.ones(U, U, dtype=torch.bool).tril().expand(B, U, U)
    cross = torch.zeros(B, U, source.shape[1], dtype=torch.bool)
    for row, length in enumerate(SOURCE_LENGTHS):
        for place in range(U):
            cross[row, place, : length if waits is None else min(length, place + waits[row])] = True
    shifted = torch.cat([torch.full((B, 1), BOS), target[:, :-1]], dim=1)
    logits = decode(weights, embed(weights, shifted) + positions(U), states, own, cross)
    real = torch.cat([logits[row, :length] for row, length in enumerate(TARGET_LENGTHS)])
    labels = torch.cat([target[row, :length] for row, length in enumerate(TARGET_LENGTHS)])
    loss = F.cross_entropy(real, labels, label_smoothing=SMOOTHING)
    loss.backward()
    return {"loss": loss.item(), "nll": F.cross_entropy(real, labels).item(), "logits": picked(real), "gradients": gradients(weights)}


def student() -> dict:
    weights = Weights()
    source, target = torch.tensor(SOURCE), torch.tensor(TARGET)
    states = encode(weights, source, SOURCE_LENGTHS, causal=True)
    B, S = source.shape
    T = S * SLOTS_PER_TOKEN
    chunk = torch.arange(T) // SLOTS_PER_TOKEN
    own = torch.zeros(B, T, T, dtype=torch.bool)
    cross = torch.zeros(B, T, S, dtype=torch.bool)
    for row in range(B):
        for slot in range(T):
            number = slot // SLOTS_PER_TOKEN
            own[row, slot, : (number + 1) * SLOTS_PER_TOKEN] = True
            cross[row, slot, : min(SOURCE_LENGTHS[row], number + WAITS[row])] = True
    slots = weights.take("slots", SLOTS_PER_TOKEN, WIDTH)
    x = embed(weights, source[:, chunk]) + positions(S)[chunk] + slots.repeat(S, 1)
    logits = decode(weights, x, states, own, cross)
    slot_lengths = torch.tensor(SOURCE_LENGTHS) * SLOTS_PER_TOKEN
    label_lengths = torch.tensor(TARGET_LENGTHS) - 1  # </s> is no label
    scores = logits.log_softmax(-1).transpose(0, 1)
    per_row = F.ctc_loss(scores, target, slot_lengths, label_lengths, BLANK, reduction="none", zero_infinity=True)
    feasible = per_row > 0
    loss = per_row.sum() / label_lengths[feasible].sum()
    loss.backward()
    real = torch.cat([logits[row, :length] for row, length in enumerate(slot_lengths.tolist())])
    return {"loss": loss.item(), "feasible": feasible.int().tolist(), "logits": picked(real), "gradients": gradients(weights)}


def picked(values: torch.Tensor, every: int = 7) -> list[float]:
    return [round(value, 7) for value in values.flatten()[::every].tolist()]


def gradients(weights: Weights) -> dict:
    return {name: {"norm": value.grad.norm().item(), "values": picked(value.grad, 37)} for name, value in sorted(weights.items())}


def main() -> None:
    sizes = {
        "width": WIDTH, "heads": HEADS, "feedForward": FEED, "encoderLayers": ENCODER_LAYERS, "decoderLayers": DECODER_LAYERS,
        "vocabulary": VOCABULARY, "maxPositions": POSITIONS, "slotsPerToken": SLOTS_PER_TOKEN,
    }
    batch = {"source": SOURCE, "sourceLengths": SOURCE_LENGTHS, "target": TARGET, "targetLengths": TARGET_LENGTHS, "waits": WAITS}
    folder = Path(__file__).parents[2] / "trainer/networks/fixtures"
    folder.mkdir(exist_ok=True)
    for name, result in [("teacher", teacher()), ("wait-k", teacher(WAITS)), ("student", student())]:
        fixture = {"architecture": sizes, "batch": batch, "labelSmoothing": SMOOTHING, **result}
        (folder / f"{name}-torch.json").write_text(json.dumps(fixture, indent=2) + "\n")


if __name__ == "__main__":
    main()
