'use strict';

// Where the binaries are. File tracers follow expressions of this form, and copy both files.
const path = require('path');

module.exports = {
  addon: path.join(__dirname, 'shareable.darwin-x64.node'),
  helper: path.join(__dirname, 'shareable-helper'),
};
