/**
 * Gives shared arrays to the libraries that `docs/arrays.md` names, and checks which of them copy. Runs in a folder that has
 * the libraries installed; the first argument is the package's entry.
 */
import assert from 'node:assert/strict';

import * as tf from '@tensorflow/tfjs-core';
// oxlint-disable-next-line import/no-unassigned-import -- it registers the backend
import '@tensorflow/tfjs-backend-cpu';
import ndarray from 'ndarray';
import * as ort from 'onnxruntime-node';
import sharp from 'sharp';

const { SharedArray } = await import(process.argv[2]);

/** @type {Record<string, () => Promise<void> | void>} */
const checks = {
  'ndarray works on the elements themselves'() {
    using array = SharedArray.from(Float64Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
    const view = ndarray(array.data, array.shape, array.strides);
    view.set(1, 2, 60);
    assert.equal(array.at(1, 2), 60);
    assert.equal(view.data, array.data);
  },

  async 'a tensor of TensorFlow.js reads the elements themselves with the CPU backend'() {
    using array = SharedArray.from(Float32Array.of(1, 2, 3, 4), [2, 2]);
    await tf.ready();
    const tensor = tf.tensor(array.data, array.shape);
    array.set(0, 0, 101);
    assert.equal(tf.sum(tensor).dataSync()[0], 110);
    assert.equal(tensor.dataSync(), array.data);
  },

  async 'onnxruntime-node takes the elements themselves as input, and gives outputs of its own'() {
    using array = SharedArray.from(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
    const session = await ort.InferenceSession.create(doubling());
    const x = new ort.Tensor('float32', array.data, array.shape);
    assert.equal(x.data, array.data);
    const { y } = await session.run({ x });
    assert.deepEqual([...y.data], [2, 4, 6, 8, 10, 12]);
    assert.notEqual(y.data.buffer, array.data.buffer);
  },

  async 'sharp reads raw pixels in place, and its raw output costs one copy'() {
    using pixels = SharedArray.create([4, 5, 3], 'uint8');
    using result = SharedArray.create([4, 5, 3], 'uint8');
    pixels.fill(200);
    const raw = { width: 5, height: 4, channels: 3 };
    result.data.set(await sharp(pixels.data, { raw }).negate().raw().toBuffer());
    assert.equal(result.at(3, 4, 2), 55);
  },
};

/** A model that computes y = x + x for a matrix of 2 by 3: ONNX is a Protocol Buffer. */
function doubling() {
  const varint = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]);
  const integer = (field, n) => [...varint(field << 3), ...varint(n)];
  const bytes = (field, content) => [...varint((field << 3) | 2), ...varint(content.length), ...content];
  const text = (field, content) => bytes(field, [...Buffer.from(content)]);
  const shape = [2, 3].flatMap((length) => bytes(1, integer(1, length)));
  const matrix = (name) => [...text(1, name), ...bytes(2, bytes(1, [...integer(1, 1), ...bytes(2, shape)]))];
  const add = [...text(1, 'x'), ...text(1, 'x'), ...text(2, 'y'), ...text(4, 'Add')];
  const graph = [...bytes(1, add), ...text(2, 'doubling'), ...bytes(11, matrix('x')), ...bytes(12, matrix('y'))];
  return Uint8Array.from([...integer(1, 8), ...bytes(7, graph), ...bytes(8, [...text(1, ''), ...integer(2, 13)])]);
}

let failed = 0;
for (const [title, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok ${title}`);
  } catch (error) {
    failed += 1;
    console.error(`not ok ${title}:`, error);
  }
}
process.exitCode = failed === 0 ? 0 : 1;
