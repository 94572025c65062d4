'use strict';

// Where the binaries are. Bundlers and file tracers follow expressions of this form.
module.exports = {
  addon: __dirname + '/shareable.linux-x64-musl.node',
  helper: __dirname + '/shareable-helper',
};
