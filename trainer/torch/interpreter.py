"""Runs the graphs that the trainer builds (ONNX operators) on PyTorch tensors; autograd makes the gradients.

Sizes and other small whole numbers stay Python numbers and lists ("host" values), so that no shape waits for a GPU.
"""

import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

DROPOUT_POOL = "dropout_pool"
HOST_LIMIT = 16  # int64 constants of up to this many numbers are sizes, axes and bounds

TYPES = {
    onnx.TensorProto.FLOAT: torch.float32,
    onnx.TensorProto.UINT8: torch.uint8,
    onnx.TensorProto.INT8: torch.int8,
    onnx.TensorProto.INT32: torch.int32,
    onnx.TensorProto.INT64: torch.int64,
    onnx.TensorProto.BOOL: torch.bool,
}


def is_host(value):
    return isinstance(value, (int, list))


class Rows:
    """Which rows of the whole batch are here: dropout masks are cut from the pool as if all of them were."""

    def __init__(self, first=0, count=1):
        self.first = first
        self.count = count


class Node:
    def __init__(self, proto, device):
        self.op = proto.op_type
        self.inputs = list(proto.input)
        self.outputs = list(proto.output)
        self.attributes = {item.name: attribute(item, device) for item in proto.attribute}
        body = self.attributes.get("body")
        self.reads = [name for name in self.inputs if name] + (body.captures() if body else [])
        if self.op not in OPERATORS and self.op != "CustomGradient":
            raise NotImplementedError(f"operator {self.op} is not known to the PyTorch executor")
        self.function = OPERATORS.get(self.op)

    def run(self, values, device, rows):
        arguments = [values[name] if name else None for name in self.inputs]
        results = self.function(Call(self, values, device, rows), *arguments)
        for name, result in zip(self.outputs, results if isinstance(results, tuple) else (results,)):
            values[name] = result


def attribute(item, device):
    if item.type == onnx.AttributeProto.GRAPH:
        return Graph(item.g, device)
    value = onnx.helper.get_attribute_value(item)
    return value.decode() if isinstance(value, bytes) else value


class Graph:
    """Nodes in the order in which they run, with constants; also the body of a Scan."""

    def __init__(self, proto, device):
        self.device = device
        self.nodes = [Node(node, device) for node in proto.node]
        self.inputs = [item.name for item in proto.input]
        self.outputs = [item.name for item in proto.output]
        self.shapes = {item.name: shape_of(item) for item in proto.input}
        self.constants = {item.name: constant(item, device) for item in proto.initializer}

    def captures(self):
        """Names that the body reads from the graph around it."""
        own = {*self.inputs, *self.constants, *(name for node in self.nodes for name in node.outputs)}
        return [name for node in self.nodes for name in node.reads if name not in own]


def shape_of(item):
    return [dim.dim_param or dim.dim_value for dim in item.type.tensor_type.shape.dim]


def constant(item, device):
    array = numpy_helper.to_array(item)
    if array.dtype == "int64" and array.ndim <= 1 and array.size <= HOST_LIMIT:
        return array.tolist()
    return torch.from_numpy(array.copy()).to(device)


class Call:
    """What an operator may need beside its inputs."""

    def __init__(self, node, values, device, rows):
        self.node = node
        self.values = values
        self.device = device
        self.rows = rows

    def attribute(self, name, otherwise=None):
        return self.node.attributes.get(name, otherwise)

    def tensor(self, value):
        return torch.tensor(value, device=self.device) if is_host(value) else value


def truncated(a, b):
    return int(a / b) if (a < 0) != (b < 0) else a // b


def binary(operation, host=None):
    def run(call, a, b):
        if is_host(a) and is_host(b) and host:
            if isinstance(a, int) and isinstance(b, int):
                return host(a, b)
            length = max(len(x) for x in (a, b) if isinstance(x, list))
            wide = [x if isinstance(x, list) else [x] for x in (a, b)]
            return [host(*(x[0] if len(x) == 1 else x[at] for x in wide)) for at in range(length)]
        return operation(call.tensor(a), call.tensor(b))

    return run


def divide(a, b):
    return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def unary(operation):
    return lambda call, x: operation(call.tensor(x))


def cast(call, x):
    return call.tensor(x).to(TYPES[call.attribute("to")])


def swap(x, wanted):
    return x.transpose(-1, -2) if wanted else x


def fused_mat_mul(call, a, b):
    product = torch.matmul(swap(a, call.attribute("transA", 0)), swap(b, call.attribute("transB", 0)))
    scale = call.attribute("alpha", 1.0)
    return product if scale == 1 else product * scale


def gemm(call, x, weight, bias=None):
    return F.linear(x, weight if call.attribute("transB", 0) else weight.t(), bias)


def layer_normalization(call, x, scale, bias):
    return F.layer_norm(x, scale.shape, scale, bias, call.attribute("epsilon", 1e-5))


def reduction(operation):
    def run(call, x, axes=None):
        if is_host(x):
            result = 1
            for item in x:
                result *= item
            return [result] if call.attribute("keepdims", 1) else result
        return operation(x, list(range(x.dim())) if axes is None else axes, bool(call.attribute("keepdims", 1)))

    return run


def arg_max(call, x):
    return x.argmax(call.attribute("axis"), bool(call.attribute("keepdims", 1)))


def top_k(call, x, count):
    return tuple(torch.topk(x, count[0], dim=call.attribute("axis", -1)))


def gather(call, table, indices):
    axis = call.attribute("axis", 0)
    if is_host(table):
        return [table[at] for at in indices] if isinstance(indices, list) else table[indices]
    indices = call.tensor(indices)
    if axis == 0 and table.dim() == 2:
        return F.embedding(indices, table)
    picked = table.index_select(axis, indices.reshape(-1))
    return picked.reshape(*table.shape[:axis], *indices.shape, *table.shape[axis + 1 :])


def scatter_elements(call, data, indices, updates):
    return data.scatter_add(call.attribute("axis", 0), indices, updates.to(data.dtype))


def scatter_nd(call, data, indices, updates):
    return data.index_add(0, indices[:, 0], updates.to(data.dtype))


def reshape(call, x, target):
    if is_host(x):
        flat = x if isinstance(x, list) else [x]
        return flat[0] if target == [] else flat
    return x.reshape([x.shape[at] if size == 0 else size for at, size in enumerate(target)])


def concat(call, *parts):
    if all(is_host(part) for part in parts):
        return [item for part in parts for item in part]
    return torch.cat([call.tensor(part) for part in parts], call.attribute("axis"))


def slice_(call, data, starts, ends, axes):
    (start,), (end,), (axis,) = starts, ends, axes
    length = len(data) if is_host(data) else data.shape[axis]
    if call.node.inputs[0] == DROPOUT_POOL:  # the mask of the whole batch would begin before this process's rows
        moved = call.rows.first * ((end - start) // max(1, call.rows.count))
        start, end = start + moved, end + moved
    start, end = (max(0, min(length, at + length if at < 0 else at)) for at in (start, end))
    if is_host(data):
        return data[start:end]
    return data.narrow(axis, start, max(0, end - start))


def split(call, x):
    axis = call.attribute("axis", 0)
    return tuple(x.split(x.shape[axis] // call.attribute("num_outputs"), axis))


def expand(call, x, target):
    x = call.tensor(x)
    return x.expand(torch.broadcast_shapes(x.shape, torch.Size(target)))


def shape(call, x):
    sizes = ([len(x)] if isinstance(x, list) else []) if is_host(x) else list(x.shape)
    return sizes[call.attribute("start", 0) : call.attribute("end", len(sizes))]


def range_(call, start, limit, delta):
    return torch.arange(start, limit, delta, device=call.device)


def scan(call, *arguments):
    """Over axis 0: states first, then what is scanned; outputs are the last states, then the stacked ones."""
    body = call.attribute("body")
    scanned_count = call.attribute("num_scan_inputs")
    states = list(arguments[: len(arguments) - scanned_count])
    scanned = arguments[len(states) :]
    backwards = call.attribute("scan_input_directions", [0] * scanned_count)
    length = scanned[0].shape[0]
    stacked = [[] for _ in body.outputs[len(states) :]]
    values = {**{name: call.values[name] for name in body.captures()}, **body.constants}
    for place in range(length):
        slices = [x[length - 1 - place] if back else x[place] for x, back in zip(scanned, backwards)]
        values.update(zip(body.inputs, [*states, *slices]))
        for node in body.nodes:
            node.run(values, call.device, call.rows)
        states = [values[name] for name in body.outputs[: len(states)]]
        for pieces, name in zip(stacked, body.outputs[len(states) :]):
            pieces.append(values[name])
    reverse = call.attribute("scan_output_directions", [0] * len(stacked))
    wholes = [torch.stack(pieces[::-1] if back else pieces) for pieces, back in zip(stacked, reverse)]
    return (*states, *wholes)


OPERATORS = {
    "Add": binary(torch.add, lambda a, b: a + b),
    "Sub": binary(torch.sub, lambda a, b: a - b),
    "Mul": binary(torch.mul, lambda a, b: a * b),
    "Div": binary(divide, truncated),
    "Max": binary(torch.maximum, max),
    "Min": binary(torch.minimum, min),
    "Less": binary(torch.lt),
    "LessOrEqual": binary(torch.le),
    "Equal": binary(torch.eq),
    "And": binary(torch.logical_and),
    "Or": binary(torch.logical_or),
    "Not": unary(torch.logical_not),
    "Neg": unary(torch.neg),
    "Exp": unary(torch.exp),
    "Log": unary(torch.log),
    "Sqrt": unary(torch.sqrt),
    "Relu": unary(torch.relu),
    "Sign": unary(torch.sign),
    "Abs": unary(torch.abs),
    "Round": unary(torch.round),
    "Identity": lambda call, x: x,
    "Cast": cast,
    "FusedMatMul": fused_mat_mul,
    "Gemm": gemm,
    "Softmax": lambda call, x: torch.softmax(x, call.attribute("axis", -1)),
    "LayerNormalization": layer_normalization,
    "ReduceSum": reduction(lambda x, axes, keep: x.sum(axes, keepdim=keep)),
    "ReduceMean": reduction(lambda x, axes, keep: x.mean(axes, keepdim=keep)),
    "ReduceMax": reduction(lambda x, axes, keep: x.amax(axes, keepdim=keep)),
    "ReduceProd": reduction(lambda x, axes, keep: x.prod()),
    "ReduceSumSquare": reduction(lambda x, axes, keep: x.square().sum(axes, keepdim=keep)),
    "ArgMax": arg_max,
    "TopK": top_k,
    "Where": lambda call, condition, a, b: torch.where(call.tensor(condition), call.tensor(a), call.tensor(b)),
    "Gather": gather,
    "GatherElements": lambda call, x, indices: x.gather(call.attribute("axis", 0), indices),
    "ScatterElements": scatter_elements,
    "ScatterND": scatter_nd,
    "Reshape": reshape,
    "Transpose": lambda call, x: x.permute(call.attribute("perm")),
    "Concat": concat,
    "Slice": slice_,
    "Split": split,
    "Expand": expand,
    "Shape": shape,
    "Range": range_,
    "Scan": scan,
}
