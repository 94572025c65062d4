'use strict';

// Where the binaries are. Bundlers and file tracers follow expressions of this form.
module.exports = {
  addon: __dirname + '/shareable.win32-x64-msvc.node',
  helper: __dirname + '/shareable-helper.exe',
};
