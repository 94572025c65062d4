/**
 * Fails every system call of every operation with each error. The process must survive with success or a typed error, keep
 * working, and hold no more files, mappings, children or names than without the failure.
 */
import { readFlags } from './support/options.ts';
import { runPrivately } from './support/private.ts';
import type { Program } from './support/programs.ts';
import { nativeProgram, nodeProgram } from './support/programs.ts';
import type { Row } from './support/report.ts';
import { report } from './support/report.ts';
import type { Outcome } from './support/steps.ts';
import { Stepper, isSynchronous, operations } from './support/steps.ts';
import type { Call } from './support/trace.ts';

const USAGE = `node test/verify/faults/fail-sweep.ts [--program native|node|both] [--errors ENOSPC,…] [--operations create,attach,…]`;
const flags = readFlags(USAGE, { program: 'both', errors: 'ENOSPC,ENOMEM,EMFILE,EINTR,EACCES', operations: '' });

/**
 * Calls that never fail for valid arguments, as ours are. The injection would skip them, and a file that is not closed would
 * be a leak of the injection.
 */
const INFALLIBLE = new Set([
  'close',
  'munmap',
  'getpid',
  'geteuid',
  'prlimit64',
  'rt_sigaction',
  'rt_sigprocmask',
  'kill',
]);

/** Calls of the engine, which ends the process without memory. */
const ENGINE = new Set(['brk', 'futex', 'madvise', 'mprotect']);

/** The pages that we map before their first access. All other advice is the engine's. */
const OUR_ADVICE = /MADV_POPULATE_WRITE/;

/** The call by which libuv wakes an event loop. It ends the process when that fails. */
const WAKE = /^write\(\d+, "\\1(\\0){7}", 8\)/;

/** The mappings of segments, and the stack of a process that is about to be started: all others are the engine's. */
const OUR_MMAP = /MAP_SHARED|MAP_STACK|MAP_FIXED.*MAP_NORESERVE/;

/** The names of our errors, in both programs. */
const TYPED =
  /^error (\w+Error (E[A-Z]+|ERR_\w+) |(NotFound|Exists|Access|OutOfSharedMemory|System|Tracker|ManagerClosed|Unsupported) )/;

/** The calls of an engine differ between runs, so that a failure can hit another call than the one that was seen. */
const TRIES = 5;

/** The operation that starts the helper, so that each time takes a new process. */
const FIRST = 'create';

runPrivately();
const programs = [
  ...(flags.program === 'node' ? [] : [nativeProgram()]),
  ...(flags.program === 'native' ? [] : [nodeProgram()]),
];
const failures: string[] = [];
const rows: Row[] = [];

/** Whether a call may fail with an error: waiting for a child of one's own is only ever interrupted. */
function canFail({ name, text }: Call, errno: string): boolean {
  if (name === 'wait4' || name === 'waitid') return errno === 'EINTR';
  const isEngines = ENGINE.has(name) && !OUR_ADVICE.test(text);
  return !INFALLIBLE.has(name) && !isEngines && !WAKE.test(text) && (name !== 'mmap' || OUR_MMAP.test(text));
}

/** Whether a failure hit a call of the operation that may fail with this error, and not another one of the same name. */
function hit({ points }: Outcome, errno: string): boolean {
  const spoilt = points.find(({ text }) => text.includes('(INJECTED)'));
  return spoilt !== undefined && canFail(spoilt, errno);
}

/** The numbers in an inventory. */
function counts(inventory = ''): number[] {
  return (inventory.match(/\d+/g) ?? []).map(Number);
}

/** Returns the problems in the handling of a failure. */
function complaints({ said, inventory, left }: Outcome, good: Outcome): string[] {
  if (said === undefined) return ['the process ended'];
  const wrong = left.map((leak) => `${leak} was left`);
  if (said !== 'ok' && !TYPED.test(said)) wrong.push(`it said ${said}`);
  const most = counts(good.inventory);
  const holdsMore = counts(inventory).some((count, index) => count > (most[index] ?? 0));
  if (inventory?.startsWith('files=') !== true || holdsMore)
    wrong.push(`in the end ${inventory}, not ${good.inventory}`);
  return wrong;
}

/** A program that has done an operation once. */
async function start(program: Program, operation: string): Promise<Stepper> {
  const stepper = new Stepper(program, operation);
  // The first time differs, because it starts the helper.
  if (operation !== FIRST) await stepper.step();
  return stepper;
}

async function sweep(program: Program, operation: string): Promise<Row> {
  const row = { program: program.title, operation, failures: 0, succeeded: 0, refused: 0, wrong: 0, missed: 0 };
  const complain = (where: string, wrong: string[]) => {
    row.wrong += Number(wrong.length > 0);
    failures.push(...wrong.map((what) => `${program.title} ${operation}, ${where}: ${what}`));
  };
  const finish = async (stepper: Stepper) => {
    const { code, leaks, stderr, hung } = await stepper.end();
    const isBad = code !== 0 || hung;
    complain(
      'in the end',
      isBad ? [...leaks, `it ${hung ? 'hung' : `ended with ${code}`}: ${stderr.slice(0, 500)}`] : leaks,
    );
  };
  await using first = await start(program, operation);
  const good = await first.step();
  complain('undisturbed', complaints(good, good));
  let stepper = first;
  let hasEnded = false;
  /** Whether it has ended by the failure of a call that was not meant, which the engine does not survive. */
  let isMishap = false;
  /** Does the operation once with a failure. The process before is replaced if it has ended, or if each time takes a new one. */
  const spoil = async ({ name, nth }: Call, errno: string): Promise<Outcome> => {
    if (operation === FIRST || hasEnded) {
      if (!isMishap) await finish(stepper);
      await stepper[Symbol.asyncDispose]();
      stepper = await start(program, operation);
    }
    const outcome = await stepper.step(`${name}:error=${errno}:when=${nth}`);
    hasEnded = outcome.said === undefined;
    isMishap = hasEnded && !hit(outcome, errno);
    return outcome;
  };
  for (const call of good.points) {
    for (const errno of flags.errors.split(',').filter((candidate) => canFail(call, candidate))) {
      let outcome = await spoil(call, errno);
      for (let time = 1; time < TRIES && !hit(outcome, errno); time++) outcome = await spoil(call, errno);
      row.failures += 1;
      if (!hit(outcome, errno)) {
        row.missed += 1;
        continue;
      }
      row.succeeded += Number(outcome.said === 'ok');
      row.refused += Number(outcome.said?.startsWith('error') ?? false);
      complain(`${errno} from ${call.name} number ${call.nth}`, complaints(outcome, good));
    }
  }
  if (!isMishap) await finish(stepper);
  await stepper[Symbol.asyncDispose]();
  return row;
}

for (const program of programs) {
  for (const operation of operations[program.title].filter(
    (each) => program.title === 'native' || isSynchronous(each),
  )) {
    const isChosen = flags.operations === '' || flags.operations.split(',').includes(operation);
    if (isChosen) rows.push(await sweep(program, operation));
  }
}

const sum = (column: string) => rows.reduce((total, row) => total + Number(row[column]), 0);
const facts = {
  injected: sum('failures'),
  succeeded: sum('succeeded'),
  refused: sum('refused'),
  wrong: sum('wrong'),
  missed: sum('missed'),
};
const { injected, ...rest } = facts;
if (facts.missed > injected * 0.05) failures.push(`${facts.missed} of ${injected} failures hit another call`);
report('fail-sweep', [...rows, { program: 'all', operation: '', failures: injected, ...rest }], facts, failures);
