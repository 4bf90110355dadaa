"""A training graph as a PyTorch module: parameters in, a scalar loss and metrics out.

Where the graph has a gradient written by hand (a node CustomGradient: value, what it is differentiated by, dy, gradients),
autograd is given that gradient's own nodes, so that no loss is defined twice.
"""

import onnx
import torch
from torch import nn

from interpreter import Graph, Rows

LOSS = "loss"
METRIC = "metric:"


class Custom:
    """A gradient by hand: its names, its nodes, and the forward values that these read."""

    def __init__(self, node):
        count = node.attributes["count"]
        self.value = node.inputs[0]
        self.inputs = node.inputs[1 : 1 + count]
        self.dy = node.inputs[1 + count]
        self.gradients = node.inputs[2 + count :] + [""] * (2 * count + 2 - len(node.inputs))
        self.nodes = []
        self.saved = []


class ByHand(torch.autograd.Function):
    """The identity of `value`; its gradient goes to `inputs` by the graph's own nodes."""

    @staticmethod
    def forward(ctx, program, custom, values, value, *inputs):
        ctx.program, ctx.custom = program, custom
        ctx.values = {name: values[name] for name in custom.saved}
        ctx.values = {name: x.detach() if torch.is_tensor(x) else x for name, x in ctx.values.items()}
        ctx.rows = program.rows
        ctx.types = [x.dtype for x in inputs]
        return value.detach().clone()

    @staticmethod
    def backward(ctx, dy):
        program, custom = ctx.program, ctx.custom
        values = {**program.graph.constants, **ctx.values, custom.dy: dy}
        for node in custom.nodes:
            node.run(values, program.graph.device, ctx.rows)
        ctx.values = None
        found = [values[name].to(kind) if name else None for name, kind in zip(custom.gradients, ctx.types)]
        return (None, None, None, None, *found)


class Program(nn.Module):
    def __init__(self, model, weights, device):
        super().__init__()
        self.graph = Graph(onnx.load_model_from_string(model).graph, device)
        self.rows = Rows()
        self.names = list(weights)
        self.weights = nn.ParameterList(nn.Parameter(tensor.to(device)) for tensor in weights.values())
        self.metrics = [name for name in self.graph.outputs if name.startswith(METRIC)]
        self.plan = self._plan()

    def _plan(self):
        """The forward nodes: whether autograd follows each, which gradient by hand replaces it, what is done with after it."""
        nodes = [node for node in self.graph.nodes if node.op != "CustomGradient"]
        customs = {node.inputs[0]: Custom(node) for node in self.graph.nodes if node.op == "CustomGradient"}
        through = lambda node: [name for each in node.outputs if each in customs for name in customs[each].inputs]
        forward = reached(nodes, [LOSS, *self.metrics], lambda node: [*node.reads, *through(node)])
        differentiated = reached(nodes, [LOSS], lambda node: through(node) or node.reads)
        for custom in customs.values():
            rule = reached(nodes, [name for name in custom.gradients if name], lambda node: node.reads) - forward
            custom.nodes = [node for node in nodes if node in rule]
            made = {name for node in custom.nodes for name in node.outputs}
            read = {name for node in custom.nodes for name in node.reads} | {name for name in custom.gradients if name}
            custom.saved = sorted(read - made - {custom.dy} - set(self.graph.constants))
        steps = [
            (node, node in differentiated, next((customs[name] for name in node.outputs if name in customs), None))
            for node in nodes
            if node in forward
        ]
        last = {}
        for at, (node, _, custom) in enumerate(steps):
            for name in [*node.reads, *node.outputs, *([*custom.inputs, *custom.saved] if custom else [])]:
                last[name] = at
        kept = {LOSS, *self.metrics, *self.names, *self.graph.constants}
        done = [[name for name, place in last.items() if place == at and name not in kept] for at in range(len(steps))]
        return [(*step, names) for step, names in zip(steps, done)]

    def forward(self, feeds, rows):
        """The loss and the metrics of these rows, each a scalar."""
        self.rows = rows
        values = {**self.graph.constants, **feeds, **dict(zip(self.names, self.weights))}
        following = torch.is_grad_enabled()
        for node, differentiated, custom, done in self.plan:
            with torch.set_grad_enabled(following and differentiated and custom is None):
                node.run(values, self.graph.device, rows)
            if custom:
                inputs = [values[name] for name in custom.inputs]
                values[custom.value] = ByHand.apply(self, custom, values, values[custom.value], *inputs)
            for name in done:
                values.pop(name, None)
        return values[LOSS], [values[name].detach() for name in self.metrics]


def reached(nodes, names, reads):
    """The nodes that lead to `names`."""
    wanted = set(names)
    found = set()
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            found.add(node)
            wanted.update(reads(node))
    return found
