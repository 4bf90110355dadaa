"""Writes trainer/evaluation/fixtures/simuleval.json: what SimulEval's own scorers say of invented reading and writing.

Made like sacrebleu_reference.py; SimulEval's latency scorers need neither torch nor fairseq.
"""

import json
import random
from argparse import Namespace
from pathlib import Path

from simuleval.data.segments import TextSegment
from simuleval.evaluator.instance import TextToTextInstance
from simuleval.evaluator.scorers.latency_scorer import ALScorer, APScorer, DALScorer, LAALScorer

OUTPUT = Path(__file__).parents[2] / "trainer/evaluation/fixtures/simuleval.json"
SCORERS = {"averageLagging": ALScorer, "laal": LAALScorer, "dal": DALScorer, "averageProportion": APScorer}


def instance(index, source_length, events, reference_length):
    """An instance of SimulEval's that read and wrote as `events`, [(source words read, text written)], says."""
    result = TextToTextInstance(index, None, Namespace(eval_latency_unit="word"))
    result.source = [f"s{i}" for i in range(source_length)]
    result.reference = " ".join(f"r{i}" for i in range(reference_length))
    for step, text in events:
        result.step = step
        result.receive_prediction(TextSegment(content=text, finished=False))
    return result


def words(count, start=0):
    return " ".join(f"t{i}" for i in range(start, start + count))


def wait_k(k, source_length, target_length):
    """Reads k words, then writes one and reads one; writes the rest at the end."""
    return [(min(source_length, k + i), words(1, i)) for i in range(target_length)]


EVENTS = [
    ("wait 1, as long as the source", 6, wait_k(1, 6, 6), 6),
    ("wait 3", 8, wait_k(3, 8, 8), 8),
    ("wait 3, shorter than the reference", 8, wait_k(3, 8, 6), 9),
    ("wait 3, longer than the reference", 8, wait_k(3, 8, 11), 7),
    ("wait 9 on a short source", 4, wait_k(9, 4, 5), 5),
    ("all at the end", 5, [(5, words(7))], 6),
    ("ends without having read all", 10, [(2, words(2)), (5, words(3, 2))], 10),
    ("in bursts", 9, [(3, words(4)), (4, words(1, 4)), (9, words(5, 5))], 8),
    ("one word", 1, [(1, words(1))], 1),
    ("a long output after the last word", 3, [(2, words(1)), (3, words(9, 1))], 4),
]
draw = random.Random(20)
for number in range(12):
    source_length = draw.randint(1, 15)
    read, position, events = 0, 0, []
    while read < source_length:
        read = min(source_length, read + draw.randint(1, 4))
        count = draw.randint(0, 3)
        if count > 0:
            events.append((read, words(count, position)))
            position += count
    events.append((source_length, words(1, position)))
    EVENTS.append((f"drawn {number + 1}", source_length, events, draw.randint(1, 15)))

cases, instances = [], {}
for index, (name, source_length, events, reference_length) in enumerate(EVENTS):
    instances[index] = instance(index, source_length, events, reference_length)
    expected = {key: scorer().compute(instances[index]) for key, scorer in SCORERS.items()}
    cases.append(
        {
            "name": name,
            "sourceLength": source_length,
            "referenceLength": reference_length,
            "events": [{"wordsRead": step, "text": text} for step, text in events],
            "delays": instances[index].delays,
            "expected": expected,
        }
    )
# An output of no words: SimulEval leaves it out of the mean.
silent = instance(len(instances), 4, [], 5)
mean = {key: scorer()({**instances, len(instances): silent}) for key, scorer in SCORERS.items()}
fixture = {"simuleval": "1.1.4", "cases": cases, "silent": {"sourceLength": 4, "referenceLength": 5}, "mean": mean}
OUTPUT.parent.mkdir(parents=True, exist_ok=True)
OUTPUT.write_text(json.dumps(fixture, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
