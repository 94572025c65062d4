const { segments } = require('shareable/testing');

afterEach(() => {
  expect(segments()).toEqual([]);
});
