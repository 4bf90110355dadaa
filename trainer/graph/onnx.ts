// Serialises a graph as an ONNX ModelProto (onnx.proto3 of the ONNX project, the fields that we use).
import protobuf from "protobufjs";
import { type Attribute, type Graph, ONNX_ELEMENT_TYPES, type Subgraph, type Value } from "./graph.ts";

export const OPSET = 18;
const IR_VERSION = 8;
const MICROSOFT_VERSION = 1;

const field = (type: string, id: number, rule?: "repeated") => (rule ? { type, id, rule } : { type, id });
const root = protobuf.Root.fromJSON({
  options: { syntax: "proto3" },
  nested: {
    OperatorSetIdProto: { fields: { domain: field("string", 1), version: field("int64", 2) } },
    ModelProto: {
      fields: {
        irVersion: field("int64", 1),
        producerName: field("string", 2),
        graph: field("GraphProto", 7),
        opsetImport: field("OperatorSetIdProto", 8, "repeated"),
      },
    },
    GraphProto: {
      fields: {
        node: field("NodeProto", 1, "repeated"),
        name: field("string", 2),
        initializer: field("TensorProto", 5, "repeated"),
        input: field("ValueInfoProto", 11, "repeated"),
        output: field("ValueInfoProto", 12, "repeated"),
      },
    },
    NodeProto: {
      fields: {
        input: field("string", 1, "repeated"),
        output: field("string", 2, "repeated"),
        name: field("string", 3),
        opType: field("string", 4),
        attribute: field("AttributeProto", 5, "repeated"),
        domain: field("string", 7),
      },
    },
    AttributeProto: {
      oneofs: { _f: { oneof: ["f"] }, _i: { oneof: ["i"] } },
      fields: {
        name: field("string", 1),
        f: { ...field("float", 2), options: { proto3_optional: true } },
        i: { ...field("int64", 3), options: { proto3_optional: true } },
        s: field("bytes", 4),
        g: field("GraphProto", 6),
        floats: field("float", 7, "repeated"),
        ints: field("int64", 8, "repeated"),
        type: field("int32", 20),
      },
    },
    TensorProto: {
      fields: {
        dims: field("int64", 1, "repeated"),
        dataType: field("int32", 2),
        name: field("string", 8),
        rawData: field("bytes", 9),
      },
    },
    ValueInfoProto: { fields: { name: field("string", 1), type: field("TypeProto", 2) } },
    TypeProto: { fields: { tensorType: field("TensorTypeProto", 1) } },
    TensorTypeProto: { fields: { elemType: field("int32", 1), shape: field("TensorShapeProto", 2) } },
    TensorShapeProto: { fields: { dim: field("DimensionProto", 1, "repeated") } },
    DimensionProto: {
      oneofs: { value: { oneof: ["dimValue", "dimParam"] } },
      fields: { dimValue: field("int64", 1), dimParam: field("string", 2) },
    },
  },
});
const modelType = root.lookupType("ModelProto");

/** Outputs by the name that the session gives them. */
export type NamedOutputs = Readonly<Record<string, Value>>;

/** Bytes of an ONNX model with this graph's inputs, constants and the named outputs. */
export function serializeModel(graph: Graph, outputs: NamedOutputs): Uint8Array {
  const message = modelType.fromObject({
    irVersion: IR_VERSION,
    producerName: "souffleur",
    opsetImport: [
      { domain: "", version: OPSET },
      { domain: "com.microsoft", version: MICROSOFT_VERSION },
    ],
    graph: graphProto(graph, outputs),
  });
  return modelType.encode(message).finish();
}

function graphProto(graph: Graph, outputs: NamedOutputs): Record<string, unknown> {
  // A node's output gets its public name outright; an Identity is written where one value has two names, or no node.
  const made = new Set(graph.nodes.flatMap((node) => node.outputs));
  const names = new Map<string, string>();
  const renames: Record<string, unknown>[] = [];
  for (const [name, value] of Object.entries(outputs)) {
    if (made.has(value) && !names.has(value.name)) names.set(value.name, name);
    else renames.push({ opType: "Identity", name: `output_${name}`, input: [value.name], output: [name] });
  }
  for (const rename of renames) rename.input = [nameIn(names, (rename.input as string[])[0]!)];
  const body = graphBody(graph, Object.values(outputs), names);
  const output = Object.entries(outputs).map(([name, value]) => valueInfo(name, value));
  return { ...body, node: [...body.node, ...renames], output };
}

type PublicNames = ReadonlyMap<string, string>;
const nameIn = (names: PublicNames, name: string): string => names.get(name) ?? name;

function graphBody(graph: Graph, outputs: readonly Value[], names: PublicNames) {
  const used = usedNames(graph, new Set(outputs.map((output) => output.name)));
  return {
    name: "souffleur",
    node: graph.nodes.map((node, index) => ({
      opType: node.op,
      domain: node.domain,
      name: `${node.op}_${index}`,
      input: trimEmpty(node.inputs.map((input) => (input ? nameIn(names, input.name) : ""))),
      output: node.outputs.map((output) => nameIn(names, output.name)),
      attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, value, names)),
    })),
    initializer: graph.constants
      .filter(({ value }) => used.has(value.name))
      .map(({ value, data }) => ({
        name: value.name,
        dims: value.shape,
        dataType: ONNX_ELEMENT_TYPES[value.type],
        rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      })),
    input: graph.inputs.map((input) => valueInfo(input.name, input)),
  };
}

/** Adds the names that nodes read, those inside the bodies of Scans too: constants that nothing reads are not written. */
function usedNames(graph: Graph, names: Set<string>): Set<string> {
  for (const node of graph.nodes) {
    for (const input of node.inputs) if (input) names.add(input.name);
    for (const value of Object.values(node.attributes)) {
      if (typeof value === "object" && "graph" in value) usedNames(value.graph, names);
    }
  }
  return names;
}

function subgraphProto(subgraph: Subgraph, names: PublicNames): Record<string, unknown> {
  const body = graphBody(subgraph.graph, subgraph.outputs, names);
  return { ...body, name: "body", output: subgraph.outputs.map((output) => valueInfo(output.name, output)) };
}

function attributeProto(name: string, value: Attribute, names: PublicNames): Record<string, unknown> {
  if (typeof value === "number") return { name, type: 2, i: value };
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  if ("float" in value) return { name, type: 1, f: value.float };
  if ("graph" in value) return { name, type: 5, g: subgraphProto(value, names) };
  return { name, type: 7, ints: value };
}

function valueInfo(name: string, value: Value): Record<string, unknown> {
  const dim = value.shape.map((item) => (typeof item === "number" ? { dimValue: item } : { dimParam: item }));
  return { name, type: { tensorType: { elemType: ONNX_ELEMENT_TYPES[value.type], shape: { dim } } } };
}

function trimEmpty(names: string[]): string[] {
  let end = names.length;
  while (end > 0 && names[end - 1] === "") end -= 1;
  return names.slice(0, end);
}
