'use strict';

// Where the binaries are. Bundlers and file tracers follow expressions of this form.
module.exports = {
  addon: __dirname + '/shareable.darwin-arm64.node',
  helper: __dirname + '/shareable-helper',
};
