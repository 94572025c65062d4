/** Jest: no transform and no flags are needed. The set-up file checks after each test that nothing is left open. */
module.exports = {
  testEnvironment: 'node',
  setupFilesAfterEnv: ['<rootDir>/leaks.cjs'],
  transform: {},
};
