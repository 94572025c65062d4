const { SharedMemory } = require('shareable');

const shared = (fn) => {
  const shm = SharedMemory.create(64);
  try {
    return fn(shm);
  } finally {
    shm[Symbol.dispose](); // without `using`, which Jest's transform does not know
  }
};

test('adds in place', () => {
  const sum = shared((shm) => {
    const numbers = shm.array(Float64Array);
    numbers.set([1, 2, 3]);
    return numbers.reduce((a, b) => a + b);
  });
  expect(sum).toBe(6);
});
