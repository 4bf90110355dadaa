"""The trainer's own networks as one would write them in PyTorch, timed: the peer of `souffleur bench train --against torch`.

Reads one line of JSON with the settings from standard input and answers one line, {"ready": ...}; then for every line
`step` it makes one whole update (forward, backward, clipping, fused Adam) and answers {"ms": ..., "loss": ...}.
`nn.Embedding`, `nn.Linear`, `nn.LayerNorm`, `F.scaled_dot_product_attention`, `F.cross_entropy`, `F.ctc_loss`.
"""

import json
import math
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

# B sentences, S source positions, U target positions, T = slots of a student, H heads, D width, V vocabulary.
BOS, EOS, BLANK, FIRST_WORD = 1, 2, 4, 16


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.memory = nn.Linear(width, 2 * width)  # keys and values in one product
        self.output = nn.Linear(width, width)

    def forward(self, x, memory, mask=None, causal=False):
        split = lambda y: y.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, H, T, D/H]
        keys, values = self.memory(memory).chunk(2, dim=-1)
        mixed = F.scaled_dot_product_attention(
            split(self.query(x)), split(keys), split(values), attn_mask=mask, is_causal=causal
        )
        return self.output(mixed.transpose(1, 2).flatten(-2))


class FeedForward(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, 4 * width)
        self.outer = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.outer(F.relu(self.inner(x)))


class Layer(nn.Module):
    """Pre-norm: self-attention, cross-attention where `cross`, feed-forward."""

    def __init__(self, width, heads, cross, dropout):
        super().__init__()
        self.self_norm, self.self_attention = nn.LayerNorm(width), Attention(width, heads)
        if cross:
            self.cross_norm, self.cross_attention = nn.LayerNorm(width), Attention(width, heads)
        self.feed_norm, self.feed = nn.LayerNorm(width), FeedForward(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask=None, causal=False, memory=None, memory_mask=None):
        normed = self.self_norm(x)
        x = x + self.dropout(self.self_attention(normed, normed, mask, causal))
        if memory is not None:
            x = x + self.dropout(self.cross_attention(self.cross_norm(x), memory, memory_mask))
        return x + self.dropout(self.feed(self.feed_norm(x)))


def positions(count, width):
    angles = torch.arange(count)[:, None] / 10000 ** (2 * torch.arange(width // 2) / width)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Transformer(nn.Module):
    """The teacher; with `slots` the CTC student: a causal encoder, `slots` decoder positions for each source token."""

    def __init__(self, vocabulary, width, heads, encoder_layers, decoder_layers, dropout, slots=0):
        super().__init__()
        self.scale, self.slots = math.sqrt(width), slots
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.register_buffer("positions", positions(256, width))
        if slots:
            self.slot_positions = nn.Parameter(torch.randn(slots, width) * 0.02)
        self.encoder = nn.ModuleList(Layer(width, heads, False, dropout) for _ in range(encoder_layers))
        self.decoder = nn.ModuleList(Layer(width, heads, True, dropout) for _ in range(decoder_layers))
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def embed(self, ids):
        return self.embedding(ids) * self.scale

    def forward(self, source, target_in, waits):
        S = source.shape[1]
        x = self.dropout(self.embed(source) + self.positions[:S])
        for layer in self.encoder:
            x = layer(x, causal=self.slots > 0)
        memory = self.encoder_norm(x)
        if self.slots:
            chunks = torch.arange(S * self.slots) // self.slots  # [T]
            y = self.embed(source.repeat_interleave(self.slots, dim=1))
            y = y + self.positions[chunks] + self.slot_positions[torch.arange(S * self.slots) % self.slots]
            mask = chunks[None, :] <= chunks[:, None]  # [T, T]
            read = torch.arange(S) < chunks[:, None] + waits[:, None, None, None]  # [B, 1, T, S]
        else:
            y = self.embed(target_in) + self.positions[: target_in.shape[1]]
            mask, read = None, None
        y = self.dropout(y)
        for layer in self.decoder:
            y = layer(y, mask=mask, causal=not self.slots, memory=memory, memory_mask=read)
        return F.linear(self.decoder_norm(y), self.embedding.weight, self.bias)  # [B, U or T, V]


def loss_of(model, settings, source, target, waits):
    if not settings["slots"]:
        target_in = F.pad(target[:, :-1], (1, 0), value=BOS)
        logits = model(source, target_in, waits)
        return F.cross_entropy(logits.flatten(0, 1), target.flatten(), label_smoothing=0.1)
    logits = model(source, None, waits)
    rows, slots = logits.shape[:2]
    labels = target[:, :-1]  # without </s>
    lengths = torch.full((rows,), labels.shape[1])
    log_probabilities = F.log_softmax(logits, dim=-1).transpose(0, 1)  # [T, B, V]
    total = F.ctc_loss(log_probabilities, labels, torch.full((rows,), slots), lengths, blank=BLANK, reduction="sum")
    return total / lengths.sum()


def main():
    settings = json.loads(sys.stdin.readline())
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(1)
    names = ["vocabulary", "width", "heads", "encoder_layers", "decoder_layers", "dropout", "slots"]
    model = Transformer(**{name: settings[name] for name in names})
    adam = torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.9, 0.98), eps=1e-9, fused=True)
    parameters = sum(p.numel() for p in model.parameters())
    print(json.dumps({"ready": True, "torch": torch.__version__, "parameters": parameters}), flush=True)
    rows, length, vocabulary = settings["rows"], settings["length"], settings["vocabulary"]
    for line in sys.stdin:
        if line.strip() != "step":
            break
        begun = time.perf_counter()
        source, target = torch.randint(FIRST_WORD, vocabulary, (2, rows, length))
        source[:, -1] = target[:, -1] = EOS
        waits = torch.full((rows,), 1 << 20)
        loss = loss_of(model, settings, source, target, waits)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        adam.zero_grad(set_to_none=True)
        value = loss.item()
        milliseconds = (time.perf_counter() - begun) * 1000
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"ms": milliseconds, "loss": value, "peakBytes": peak}), flush=True)


if __name__ == "__main__":
    main()
