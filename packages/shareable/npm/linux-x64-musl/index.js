'use strict';

// Where the binaries are. File tracers follow expressions of this form, and copy both files.
const path = require('path');

module.exports = {
  addon: path.join(__dirname, 'shareable.linux-x64-musl.node'),
  helper: path.join(__dirname, 'shareable-helper'),
};
