// Adds up the test results in a folder: `node scripts/gate/count.mjs FOLDER` prints `PASSED FAILED`, and what failed on
// standard error. The results are Vitest's JSON reports, and the lists that Rust's test programs write: see
// `run-rust-test.sh` and `vitest.config.ts`.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
let passed = 0;
const failures = [];

/** One line for each test: `ok name`, `failed name` or `ignored name`. */
function countRust(text) {
  for (const line of text.split('\n')) {
    if (line.startsWith('ok ')) passed += 1;
    else if (line.startsWith('failed ')) failures.push(`Rust: ${line.slice('failed '.length)}`);
  }
}

function countVitest({ numPassedTests, testResults }) {
  passed += numPassedTests;
  for (const { name, status, message, assertionResults } of testResults) {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    for (const { fullName, failureMessages } of failed)
      failures.push(`${name}: ${fullName}\n${failureMessages.join('\n')}`);
    // A file that cannot be loaded, or that fails after its tests.
    if (status === 'failed' && failed.length === 0) failures.push(`${name}: ${message}`);
  }
}

for (const file of readdirSync(folder)) {
  const text = readFileSync(join(folder, file), 'utf8');
  if (file.endsWith('.json')) countVitest(JSON.parse(text));
  else countRust(text);
}
for (const failure of failures) console.error(failure);
console.log(`${passed} ${failures.length}`);
