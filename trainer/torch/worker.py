"""The PyTorch executor: makes the updates that `souffleur train --executor torch` asks for. Started by it, alone or by torchrun.

One process reads the socket; where there are several, each is handed every message and takes its share of a batch's rows.
Gradients are summed over them, so that the update is the one that a single process makes.
"""

import argparse
import contextlib
import json
import math
import os
import socket
import sys
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

import frames
from interpreter import DROPOUT_POOL, Rows
from program import Program

DROPOUT_OFFSETS = "dropout_offsets"


class Processes:
    """This process among all of them."""

    def __init__(self, patience_seconds):
        self.rank = int(os.environ.get("RANK", 0))
        self.count = int(os.environ.get("WORLD_SIZE", 1))
        cuda = torch.cuda.is_available()
        self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if cuda else torch.device("cpu")
        if cuda:
            torch.cuda.set_device(self.device)
        if self.count > 1:
            patience = timedelta(seconds=patience_seconds)
            dist.init_process_group("nccl" if cuda else "gloo", timeout=patience)
            # messages are bytes on the CPU; a long validation passes between two of them
            self.control = dist.new_group(backend="gloo", timeout=timedelta(days=2))

    def share_bytes(self, parts):
        """The first process's byte strings, given to all."""
        if self.count == 1:
            return parts
        sizes = torch.tensor([len(part) for part in parts] if self.rank == 0 else [0, 0])
        dist.broadcast(sizes, 0, group=self.control)
        received = []
        for at, size in enumerate(sizes.tolist()):
            buffer = torch.frombuffer(parts[at], dtype=torch.uint8) if self.rank == 0 and size else torch.empty(size, dtype=torch.uint8)
            if size:
                dist.broadcast(buffer, 0, group=self.control)
            received.append(bytearray(buffer.numpy().tobytes()))
        return received

    def rows_of(self, count):
        """This process's rows of a batch: first and how many. Where rows are fewer than processes, some have none."""
        first, end = (count * at // self.count for at in (self.rank, self.rank + 1))
        return first, end - first


class Executor:
    def __init__(self, processes, fields, tensors):
        self.processes = processes
        self.device = processes.device
        torch.set_num_threads(fields["threads"])
        torch.backends.cuda.matmul.allow_tf32 = fields["precision"] == "bf16"
        model = bytes(tensors["program"].numpy().tobytes())
        self.names = fields["parameters"]
        weights = {name: tensors[name] for name in self.names}
        self.program = Program(model, weights, self.device)
        self.adam = fields["adam"]
        self.step = fields["step"]
        self.optimizer = torch.optim.Adam(
            self.program.weights, lr=0.0, betas=(self.adam["beta1"], self.adam["beta2"]), eps=self.adam["epsilon"], fused=True
        )
        for name, weight in zip(self.names, self.program.weights):
            moment = lambda suffix: tensors.get(f"{name}:{suffix}", torch.zeros_like(weight)).to(self.device)
            count = torch.tensor(float(self.step), device=self.device)
            self.optimizer.state[weight] = {"step": count, "exp_avg": moment("m"), "exp_avg_sq": moment("v")}
        # a moving average of the weights, where its decay is above 0
        self.decay = fields["ema"]
        copies = (tensors.get(f"{name}:mean", weights[name]) for name in self.names) if self.decay > 0 else ()
        self.means = [copy.to(self.device, copy=True) for copy in copies]
        self.autocast = fields["precision"] == "bf16"
        module = torch.compile(self.program, dynamic=True) if fields["compile"] else self.program
        ids = [self.device.index] if self.device.type == "cuda" else None
        self.module = nn.parallel.DistributedDataParallel(module, device_ids=ids) if processes.count > 1 else module
        self.pool = None

    def accumulate(self, fields, tensors, last=False):
        """Adds a batch's gradients, by its share of the update, to those there are: {name: number} of loss and the metrics."""
        self.pool = tensors.pop(DROPOUT_POOL).to(self.device) if DROPOUT_POOL in tensors else self.pool
        feeds, rows, weight = self.local(tensors)
        # the processes' gradients are summed once an update, with those of its last batch
        alone = contextlib.nullcontext() if last or self.processes.count == 1 else self.module.no_sync()
        with alone:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
                loss, metrics = self.module(feeds, rows)
            # DistributedDataParallel takes the mean over the processes: the sum is wanted, the rows' weights are in the loss
            (loss * (weight * self.processes.count * fields["share"])).backward()
        sums = torch.stack([loss.detach().float(), *(metric.float() for metric in metrics)]) * weight
        if self.processes.count > 1:
            dist.all_reduce(sums)
        named = zip(["loss", *(name.split(":", 1)[1] for name in self.program.metrics)], sums.tolist())
        return dict(named)

    def update(self, fields, tensors):
        """The last batch of an update, and the update: {name: number} of the batch's loss and metrics, and gradient_norm."""
        metrics = self.accumulate(fields, tensors, last=True)
        norm = nn.utils.clip_grad_norm_(self.program.weights, self.adam["clipNorm"])
        self.step += 1
        group = self.optimizer.param_groups[0]
        group["lr"] = fields["rate"]
        # the trainer's ε stands beside √v, PyTorch's beside the bias-corrected √v
        group["eps"] = self.adam["epsilon"] / math.sqrt(1 - self.adam["beta2"] ** self.step)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.means:
            # the trainer's moving-average.ts has the same share
            share = 1 - min(self.decay, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                torch._foreach_lerp_(self.means, [weight.detach() for weight in self.program.weights], share)
        return {**metrics, "gradient_norm": norm.item()}

    def local(self, tensors):
        """This process's rows of every tensor, and what its loss counts: 0 where it has to make do with another's row."""
        shapes = self.program.graph.shapes
        sizes = [tensor.shape[0] for name, tensor in tensors.items() if shapes[name][:1] == ["B"]]
        total = sizes[0] if sizes else 1
        first, count = self.processes.rows_of(total)
        weight = 1.0 if count > 0 else 0.0
        first, count = (first, count) if count > 0 else (0, 1)
        feeds = {}
        for name, tensor in tensors.items():
            leading = str(shapes[name][0]) if shapes[name] else ""
            if name == DROPOUT_OFFSETS:
                feeds[name] = tensor.tolist()
            elif leading == "B" or leading.startswith("B*"):
                unit = tensor.shape[0] // total
                feeds[name] = tensor.narrow(0, first * unit, count * unit).to(self.device, non_blocking=True)
            elif self.processes.count == 1 or not leading:
                feeds[name] = tensor.to(self.device, non_blocking=True)
            else:
                raise ValueError(f"input {name} {shapes[name]} is not by row, so processes cannot share it")
        if self.pool is not None:
            feeds[DROPOUT_POOL] = self.pool
        return feeds, Rows(first, count), weight

    def state(self, parts):
        state = {}
        for at, (name, weight) in enumerate(zip(self.names, self.program.weights)):
            if "weights" in parts:
                state[name] = weight
            if "moments" in parts:
                kept = self.optimizer.state[weight]
                state[f"{name}:m"], state[f"{name}:v"] = kept["exp_avg"], kept["exp_avg_sq"]
            if "means" in parts and self.means:
                state[f"{name}:mean"] = self.means[at]
        return state

    def memory(self):
        """The most bytes that this process has held: on the GPU where there is one."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def next_message(processes, stream):
    parts = (bytearray(json.dumps({"type": "stop", "tensors": []}).encode()), bytearray())
    if processes.rank == 0:
        with contextlib.suppress(frames.Closed, ConnectionError):
            parts = frames.receive(stream)
    return frames.decode(*processes.share_bytes(parts))


def serve(processes, stream):
    answer = (lambda fields, tensors=None: frames.send(stream, fields, tensors)) if processes.rank == 0 else lambda *_: None
    executor = None
    while True:
        fields, tensors = next_message(processes, stream)
        kind = fields["type"]
        if kind == "stop":
            return
        if kind == "start":
            executor = Executor(processes, fields, tensors)
            answer({"type": "ready", "device": str(processes.device), "processes": processes.count, "torch": torch.__version__})
        elif kind in ("accumulate", "update"):
            metrics = (executor.update if kind == "update" else executor.accumulate)(fields, tensors)
            finite = {name: value if math.isfinite(value) else str(value) for name, value in metrics.items()}
            answer({"type": "metrics", "metrics": finite, "peakBytes": executor.memory()})
        elif kind == "state":
            answer({"type": "state"}, executor.state(fields["parts"]))
        else:
            raise ValueError(f"there is no message {kind}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", help="where the trainer listens; only the first process needs it")
    parser.add_argument("--patience", type=int, default=900, help="seconds to wait for the other processes")
    arguments = parser.parse_args()
    processes = Processes(arguments.patience)
    stream = None
    if processes.rank == 0:
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(arguments.socket)
    try:
        serve(processes, stream)
    finally:
        if processes.count > 1:
            dist.destroy_process_group()


if __name__ == "__main__":
    main()
    sys.exit(0)
