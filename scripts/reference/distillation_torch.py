"""Writes trainer/losses/fixtures/{place,slot}-distillation-torch.json: distillation losses and their gradients by torch's
autograd in float64, each from its definition.

    python scripts/reference/distillation_torch.py
"""

import json
from pathlib import Path

import numpy
import torch

FOLDER = Path(__file__).parents[2] / "trainer/losses/fixtures"
PAD, BOS, EOS, BLANK = 0, 1, 2, 4
random = numpy.random.default_rng(23)


def drawn(*shape: int, scale: float) -> list:
    return (random.normal(size=shape) * scale).round(3)  # few digits in the fixture


def tensor(values, gradient: bool = False) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=gradient)


def rounded(values: torch.Tensor) -> list[float]:
    return [round(value, 8) for value in values.detach().flatten().tolist()]


def result(loss: torch.Tensor, logits: torch.Tensor, **settings) -> dict:
    logits.grad = None
    loss.backward()
    return {**settings, "loss": round(loss.item(), 8), "gradient": rounded(logits.grad)}


def places() -> dict:
    """Losses at places of a target: one distribution of the student's against one of the teacher's."""
    count, vocabulary, stored = 6, 9, 3
    student, teacher = drawn(count, vocabulary, scale=2), drawn(count, vocabulary, scale=3)
    weights = [0.25, 1.0, 0.0, 0.5, 2.0, 0.125]
    logits, q_logits, w = tensor(student, True), tensor(teacher), tensor(weights)
    word, sparse, information = [], [], []
    log_q, ids = q_logits.log_softmax(-1).topk(stored)
    for t in [1.0, 2.5]:
        kl = torch.nn.functional.kl_div((logits / t).log_softmax(-1), (q_logits / t).softmax(-1), reduction="none")
        word.append(result((w * t**2 * kl.sum(-1)).sum(), logits, temperature=t))
        # k ids and the rest as one outcome; the rest spread evenly before it is softened
        rest = (1 - log_q.exp().sum(-1, keepdim=True)) / (vocabulary - stored)
        even = torch.cat([log_q, rest.log().expand(-1, vocabulary - stored)], -1)
        whole = (even / t).softmax(-1)
        q = torch.cat([whole[:, :stored], whole[:, stored:].sum(-1, keepdim=True)], -1)
        p_all = (logits / t).softmax(-1)
        p_ids = p_all.gather(-1, ids)
        p = torch.cat([p_ids, 1 - p_ids.sum(-1, keepdim=True)], -1)
        grouped = (q * (q.log() - p.log())).sum(-1)
        sparse.append(result((w * t**2 * grouped).sum(), logits, temperature=t))
    for beta in [0.0, 0.3, 1.0]:
        p, log_p = logits.softmax(-1), logits.log_softmax(-1)
        cost = (p * (beta * log_p - q_logits.log_softmax(-1))).sum(-1)
        information.append(result((w * cost).sum(), logits, entropy=beta))
    return {
        "vocabulary": vocabulary,
        "student": student.flatten().tolist(),
        "teacher": teacher.flatten().tolist(),
        "weights": weights,
        "stored": {"count": stored, "ids": ids.flatten().tolist(), "logProbabilities": rounded(log_q)},
        "wordLevel": word,
        "sparse": sparse,
        "mutualInformation": information,
    }


def posterior(logits: torch.Tensor, labels: list[int]) -> torch.Tensor:
    """P(state | labels) of every slot: the gradient of log p for the states' emissions, by a plain forward pass."""
    states = [BLANK] + [id for label in labels for id in (label, BLANK)]
    emitted = logits.detach().log_softmax(-1)[:, states].clone().requires_grad_()
    nothing = torch.tensor(-1e30, dtype=torch.float64)
    alpha = [emitted[0, s] if s < 2 else nothing for s in range(len(states))]
    for t in range(1, len(logits)):
        before = alpha
        alpha = []
        for s, id in enumerate(states):
            ways = [before[s]] + ([before[s - 1]] if s >= 1 else [])
            if s >= 2 and id != BLANK and id != states[s - 2]:
                ways.append(before[s - 2])
            alpha.append(torch.logsumexp(torch.stack(ways), 0) + emitted[t, s])
    ends = alpha[-2:] if labels else alpha[-1:]
    (gradient,) = torch.autograd.grad(torch.logsumexp(torch.stack(ends), 0), emitted)
    return gradient


def slots() -> dict:
    """Losses at CTC slots: the teacher's distributions at target tokens, carried over by the posterior."""
    vocabulary = 11
    labels, lengths, weights = [[6, 6, 7], [9, 5], [8]], [8, 5, 2], [1.0, 0.5, 2.0]
    rows, most, targets = len(labels), max(lengths), max(map(len, labels)) + 1  # and the end
    student, teacher = drawn(rows * most, vocabulary, scale=1.5), drawn(rows * targets, vocabulary, scale=2)
    logits, q_logits = tensor(student, True), tensor(teacher)
    never = torch.zeros(vocabulary, dtype=torch.float64)
    never[[PAD, BOS, EOS, BLANK]] = -torch.inf
    no_blank = torch.zeros(vocabulary, dtype=torch.float64)
    no_blank[BLANK] = -torch.inf

    def total(per_slot) -> torch.Tensor:
        loss = tensor(0.0)
        for row, own in enumerate(labels):
            z = logits[row * most : row * most + lengths[row]]
            zt = q_logits[row * targets : row * targets + len(own)]
            shares = posterior(z, own)[:, 1::2]  # [slots, labels]
            loss = loss + weights[row] * per_slot(z, zt, shares).sum()
        return loss

    def finite(p: torch.Tensor, log: torch.Tensor) -> torch.Tensor:
        return torch.where(p > 0, p * log.clamp(min=-1e9), 0.0)

    def word_level(t: float, blanks: bool):
        def per_slot(z, zt, shares):
            log_q, log_p = ((zt + never) / t).log_softmax(-1), ((z + no_blank) / t).log_softmax(-1)
            q = log_q.exp()
            own = finite(q, log_q).sum(-1)  # Σ q log q
            crossed = finite(q[None], log_p[:, None]).sum(-1)  # [slots, labels]
            words = t**2 * (shares * (own[None] - crossed)).sum(-1)
            written = shares.sum(-1).clamp(0, 1)
            log_blank = z.log_softmax(-1)[:, BLANK]
            log_word = (z + no_blank).logsumexp(-1) - z.logsumexp(-1)
            bernoulli = torch.xlogy(1 - written, 1 - written) + torch.xlogy(written, written)
            bernoulli = bernoulli - (1 - written) * log_blank - written * log_word
            return words + (bernoulli if blanks else 0.0)

        return per_slot

    def information(beta: float):
        def per_slot(z, zt, shares):
            log_q, log_p = (zt + never).log_softmax(-1), (z + never).log_softmax(-1)
            p = log_p.exp()
            scored = -finite(p[:, None], log_q[None]).sum(-1)  # [slots, labels]
            return (shares * (scored + beta * finite(p, log_p).sum(-1)[:, None])).sum(-1)

        return per_slot

    shapes = [(t, blanks) for t in [1.0, 2.0] for blanks in [True, False]]
    return {
        "vocabulary": vocabulary,
        "labels": labels,
        "slots": lengths,
        "weights": weights,
        "targets": targets,
        "student": student.flatten().tolist(),
        "teacher": teacher.flatten().tolist(),
        "posteriors": [rounded(posterior(logits[r * most : r * most + lengths[r]], labels[r])) for r in range(rows)],
        "wordLevel": [result(total(word_level(t, b)), logits, temperature=t, blanks=b) for t, b in shapes],
        "mutualInformation": [result(total(information(b)), logits, entropy=b) for b in [0.0, 0.5, 1.0]],
    }


if __name__ == "__main__":
    for name, made in [("place", places()), ("slot", slots())]:
        path = FOLDER / f"{name}-distillation-torch.json"
        path.write_text(json.dumps(made, separators=(",", ":")) + "\n")
