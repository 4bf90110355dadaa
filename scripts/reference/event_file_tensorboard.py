"""Writes trainer/training/fixtures/event-file-tensorboard.json: the bytes that TensorBoard's own writer makes of some events.

python scripts/reference/event_file_tensorboard.py   (needs tensorboard)
"""

import json
import pathlib

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


class Sink:
    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data


EVENTS = [
    Event(wall_time=1700000000.5, file_version="brain.Event:2"),
    Event(wall_time=1700000000.5, step=41, session_log=SessionLog(status=SessionLog.START)),
    Event(
        wall_time=1700000000.5,
        step=60,
        summary=Summary(
            value=[Summary.Value(tag="train/loss", simple_value=2.25), Summary.Value(tag="train/rate", simple_value=1.5e-3)]
        ),
    ),
    Event(
        wall_time=1700000000.5,
        step=60,
        summary=Summary(value=[Summary.Value(tag="validation/bleu", simple_value=31.5)]),
    ),
]

sink = Sink()
writer = RecordWriter(sink)
for event in EVENTS:
    writer.write(event.SerializeToString())
path = pathlib.Path(__file__).parents[2] / "trainer/training/fixtures/event-file-tensorboard.json"
path.write_text(json.dumps({"hex": sink.data.hex()}, indent=2) + "\n")
