import fc from "fast-check";
import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";
import { encodeFrame, FrameReader, frameTensor } from "./frames.ts";

const frames = [
  { fields: { type: "metrics", loss: 1.5 }, tensors: [] },
  {
    fields: { type: "state" },
    tensors: [
      frameTensor("weight", new ort.Tensor("float32", Float32Array.of(1, -2, 3, 0.5, 0, 9), [2, 3])),
      frameTensor("none", new ort.Tensor("float32", new Float32Array(0), [0, 4])),
      frameTensor("scalar", new ort.Tensor("float32", Float32Array.of(7), [])),
    ],
  },
  { fields: { type: "ready", device: "cpü" }, tensors: [] }, // more bytes than characters
];
const stream = Buffer.concat(frames.flatMap(({ fields, tensors }) => encodeFrame(fields, tensors)));

test("frames come out as they went in, however the stream is cut", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: stream.length })), (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), stream.length];
      const reader = new FrameReader();
      const found = [];
      for (const [at, end] of places.slice(1).entries()) {
        reader.push(stream.subarray(places[at], end));
        for (let frame = reader.next(); frame; frame = reader.next()) found.push(frame);
      }
      expect(found.map(({ fields }) => fields)).toEqual(frames.map(({ fields }) => fields));
      expect(Object.fromEntries(found[1]!.tensors)).toEqual({
        weight: Float32Array.of(1, -2, 3, 0.5, 0, 9),
        none: new Float32Array(0),
        scalar: Float32Array.of(7),
      });
    }),
  );
});

test("a tensor of text is refused", () => {
  const text = new ort.Tensor("string", ["no"], [1]);
  expect(() => frameTensor("words", text)).toThrow(new TypeError("tensor words holds text, which no frame carries"));
});
