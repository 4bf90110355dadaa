"""Messages between the trainer and its PyTorch process: a JSON header and tensors, over a local socket."""

import json
import struct

import numpy
import torch

SIZES = struct.Struct("<IQ")  # bytes of the header, bytes of all tensors
TYPES = {"float32": "<f4", "int64": "<i8", "bool": "?", "uint8": "u1"}


class Closed(Exception):
    """The other side is gone."""


def receive_exactly(stream, count):
    buffer = bytearray(count)
    view = memoryview(buffer)
    read = 0
    while read < count:
        size = stream.recv_into(view[read:])
        if size == 0:
            raise Closed
        read += size
    return buffer


def receive(stream):
    """The next frame's bytes: header and payload."""
    header_size, payload_size = SIZES.unpack(receive_exactly(stream, SIZES.size))
    return receive_exactly(stream, header_size), receive_exactly(stream, payload_size)


def decode(header, payload):
    """A header's fields, and its tensors by name, on the CPU."""
    fields = json.loads(header.decode())
    tensors = {}
    offset = 0
    for item in fields.pop("tensors"):
        kind = numpy.dtype(TYPES[item["type"]])
        count = int(numpy.prod(item["shape"], dtype=numpy.int64))
        array = numpy.frombuffer(payload, kind, count, offset).reshape(item["shape"])
        tensors[item["name"]] = torch.from_numpy(array.astype(kind.newbyteorder("="), copy=True))
        offset += count * kind.itemsize
    return fields, tensors


def send(stream, fields, tensors=None):
    arrays = {name: numpy.ascontiguousarray(x.detach().float().cpu().numpy()) for name, x in (tensors or {}).items()}
    described = [{"name": name, "type": "float32", "shape": list(array.shape)} for name, array in arrays.items()]
    header = json.dumps({**fields, "tensors": described}).encode()
    stream.sendall(SIZES.pack(len(header), sum(array.nbytes for array in arrays.values())) + header)
    for array in arrays.values():
        stream.sendall(memoryview(array).cast("B") if array.size else b"")
