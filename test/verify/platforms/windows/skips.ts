/** What of the tests does not run on Windows, or not under Wine, and why. */
import type { Skip } from './types.ts';

const PROC = 'looks at processes or mappings by /proc, which Windows has not';
const MODES = 'Windows has no permission bits: who may use the folder for temporary files may use the segment';
const NAME_TAKEN = 'Windows frees the name of an unlinked segment only when every process has closed it';
const RETIRED =
  'on Windows an alias that outlives close() goes on showing the segment: pages cannot be exchanged there';
const READ_ONLY = 'read-only attachments are an ERR_SHM_UNSUPPORTED error on Windows';
const SHELL = 'needs a POSIX shell, and limits that only it can set';
const MANY =
  'makes thousands of segments, each a dozen round trips to the server process of Wine: minutes on a busy machine';
const SIGNALS = 'needs signals that Windows has not';

const CORPUS = 'reads the corpus in the folder of the sources, which is not staged there';

/** Tests of the core, by the name of their program and their own. */
export const skippedCoreTests: readonly Skip[] = [
  {
    file: 'shareable_core',
    name: 'a_name_that_is_taken_is_refused',
    reason: 'Wine 10 lets a second server make the first end of a pipe that exists; Windows refuses it',
  },
  { file: 'corpus', name: 'no_bytes_make_a_manager_or_its_members_misbehave', reason: CORPUS },
  { file: 'corpus', name: 'no_bytes_make_a_list_misbehave', reason: CORPUS },
  { file: 'corpus', name: 'no_bytes_make_a_tracker_misbehave', reason: CORPUS },
  { file: 'corpus', name: 'only_who_has_the_key_gets_through_a_handshake', reason: CORPUS },
  { file: 'corpus', name: 'values_come_back_from_every_list_as_they_went_in', reason: CORPUS },
];

/** Whole files. */
export const skippedFiles: readonly Skip[] = [
  {
    file: 'test/install/**',
    reason: 'packs and installs by the scripts of the repository, which are not staged there',
  },
  { file: 'test/interop/**', reason: 'no registry that this repository uses has a CPython for Windows' },
  { file: 'test/runtimes/**', reason: 'the other versions of Node are those for Linux' },
  { file: 'test/memory/read-only.test.ts', reason: READ_ONLY },
  { file: 'test/memory/another-user.test.ts', reason: 'becomes another user by setpriv' },
  { file: 'test/memory/not-a-segment.test.ts', reason: 'makes links, pipes and folders in /dev/shm' },
  {
    file: 'test/tracker/sweep.test.ts',
    reason: 'Windows has no sweep: what a dead tracker left stays until it is removed',
  },
  { file: 'test/tracker/helper.test.ts', reason: `${PROC}; ${SIGNALS}` },
  { file: 'test/tracker/truncation.test.ts', reason: 'Windows refuses to cut a file short that is mapped' },
  { file: 'test/manager/kill-points.test.ts', reason: 'kills at system calls by strace' },
  {
    file: 'test/{cli,docs}/**',
    reason: 'the command line lists nothing on Windows, and the examples are started by a POSIX shell',
  },
];

/** Single tests, or all whose names begin so. */
export const skippedTests: readonly Skip[] = [
  {
    file: 'test/cross-process/lifetime.test.ts',
    name: 'the owner > never removes a segment that another',
    reason: NAME_TAKEN,
  },
  { file: 'test/cross-process/workers.test.ts', name: 'a worker thread > that ', reason: PROC },
  { file: 'test/lock/death.test.ts', name: 'a holder > that aborts', reason: SHELL },
  { file: 'test/lock/death.test.ts', name: 'a holder > that is stopped', reason: SIGNALS },
  {
    file: 'test/lock/use.test.ts',
    name: 'a guard > whose segment was truncated',
    reason: 'Windows refuses to cut a file short that is mapped',
  },
  { file: 'test/lock/use.test.ts', name: 'attaching > a thousand times', reason: PROC },
  { file: 'test/manager/address.test.ts', name: 'a socket’s path > may be relative', reason: 'a pipe is in no folder' },
  { file: 'test/manager/address.test.ts', name: 'a socket’s path > that was left by a server', reason: PROC },
  {
    file: 'test/manager/address.test.ts',
    name: 'a socket’s path > at which another manager listens',
    reason: 'Wine 10 lets a second server make the first end of a pipe that exists; Windows refuses it',
  },
  {
    file: 'test/manager/address.test.ts',
    name: 'a socket’s path > that is somebody’s file',
    reason: 'a pipe is no file',
  },
  { file: 'test/manager/address.test.ts', name: 'a socket’s path > of two servers that start at once', reason: PROC },
  {
    file: 'test/manager/address.test.ts',
    name: 'a socket’s path > too long for a socket',
    reason: 'a pipe is in no folder',
  },
  { file: 'test/manager/address.test.ts', name: 'the key > is in nothing that is printed', reason: PROC },
  {
    file: 'test/manager/address.test.ts',
    name: String.raw`an argument that is none > start({ address: '\\.`,
    reason: 'pipes are addresses on Windows',
  },
  { file: 'test/manager/endings.test.ts', name: 'a starter that > is killed with its whole group', reason: SIGNALS },
  { file: 'test/manager/endings.test.ts', name: 'a server that is killed', reason: PROC },
  { file: 'test/manager/endings.test.ts', name: 'a server > ignores', reason: SIGNALS },
  { file: 'test/manager/server.test.ts', name: 'a manager with a server > lets only this user in', reason: MODES },
  {
    file: 'test/manager/strangers.test.ts',
    name: 'beside an honest member > a stranger that hangs up in the middle',
    reason: PROC,
  },
  { file: 'test/manager/strangers.test.ts', name: 'beside an honest member > 300 silent strangers', reason: PROC },
  { file: 'test/manager/strangers.test.ts', name: 'beside an honest member > a member’s frame', reason: PROC },
  { file: 'test/manager/strangers.test.ts', name: 'beside an honest member > a member that asks', reason: PROC },
  { file: 'test/manager/server.test.ts', name: 'a manager with a server > keeps thousands of blocks', reason: MANY },
  { file: 'test/manager/endings.test.ts', name: 'a member that is killed > in the middle of making one', reason: MANY },
  { file: 'test/tracker/warning.test.ts', name: 'the warning > counts two thousand', reason: MANY },
  {
    file: 'test/cross-process/creation.test.ts',
    name: 'nobody can attach to a list before it is whole',
    reason: 'on Windows the name of a segment shows up before its contents',
  },
  {
    file: 'test/manager/alone.test.ts',
    name: 'a manager without a server > leaves a segment alone',
    reason: NAME_TAKEN,
  },
  { file: 'test/tracker/warning.test.ts', name: 'the warning > says nothing of places', reason: SHELL },
  {
    file: 'test/memory/aliases.test.ts',
    name: 'a buffer that was transferred (where buffers can be) > goes on sharing',
    reason: RETIRED,
  },
  {
    file: 'test/memory/aliases.test.ts',
    name: 'a buffer that was transferred (where buffers can be) > takes writes',
    reason: RETIRED,
  },
  {
    file: 'test/memory/aliases.test.ts',
    name: 'a list whose buffer was transferred (where buffers can be) > goes on',
    reason: RETIRED,
  },
  {
    file: 'test/memory/aliases.test.ts',
    name: 'work of the thread pool',
    reason: 'needs a named pipe of POSIX',
  },
  {
    file: 'test/memory/create-or-attach.test.ts',
    name: 'createOrAttach > gives a new segment the mode',
    reason: MODES,
  },
  {
    file: 'test/memory/create.test.ts',
    name: 'create > sets the memory aside',
    reason: 'Windows does not tell the blocks of a file',
  },
  {
    file: 'test/memory/create.test.ts',
    name: 'create > makes up a name',
    reason: 'names begin with wnsm_ on Windows, as CPython has it',
  },
  {
    file: 'test/memory/create.test.ts',
    name: 'create > takes a name of 255 bytes',
    reason: 'Windows allows 247',
  },
  {
    file: 'test/memory/create.test.ts',
    name: 'create > takes a name with a space and a quote',
    reason: 'Windows has no quotes in names',
  },
  {
    file: 'test/memory/create.test.ts',
    name: 'create > makes the segment usable by its user only',
    reason: MODES,
  },
  { file: 'test/memory/create.test.ts', name: 'create > gives the segment mode', reason: MODES },
  { file: 'test/memory/create.test.ts', name: 'create > takes a name again', reason: NAME_TAKEN },
  {
    file: 'test/memory/errors.test.ts',
    name: 'an error of the system has its code',
    reason: 'names the system call of Linux',
  },
  { file: 'test/memory/garbage.test.ts', name: '', reason: PROC },
  { file: 'test/memory/lifetime.test.ts', name: 'the owner > leaves another segment alone', reason: NAME_TAKEN },
  {
    file: 'test/memory/limits.test.ts',
    name: 'more than the system has > 1125',
    reason: 'the remedy is that of /dev/shm',
  },
  {
    file: 'test/memory/limits.test.ts',
    name: 'more than the system has > 9007',
    reason: 'the remedy is that of /dev/shm',
  },
  {
    file: 'test/memory/limits.test.ts',
    name: 'more than the system has > is an error to a list also',
    reason: SHELL,
  },
  { file: 'test/memory/limits.test.ts', name: 'a limit on', reason: SHELL },
  { file: 'test/memory/page.test.ts', name: 'pageSize > is that of the system', reason: 'asks getconf' },
  { file: 'test/list/create.test.ts', name: 'create > takes name, mode and track', reason: MODES },
  {
    file: 'test/list/create.test.ts',
    name: 'create > makes up a name',
    reason: 'names begin with wnsm_ on Windows, as CPython has it',
  },
  {
    file: 'test/list/hostile-header.test.ts',
    name: 'a list that claims far too much > but fits',
    reason: 'makes a file full of holes of the size of a disk',
  },
  { file: 'test/tracker/endings.test.ts', name: 'a process that owns segments and ends by > SIGHUP', reason: SIGNALS },
  {
    file: 'test/tracker/endings.test.ts',
    name: 'a process that owns segments and ends by > SIGKILL to its whole',
    reason: SIGNALS,
  },
  { file: 'test/tracker/endings.test.ts', name: 'a process that owns segments and ends by > abort()', reason: SHELL },
  { file: 'test/tracker/endings.test.ts', name: 'a program that disposes of everything', reason: PROC },
  {
    file: 'test/tracker/ownership.test.ts',
    name: 'an attached process > that is killed takes nothing along ({ readOnly: true })',
    reason: READ_ONLY,
  },
  { file: 'test/tracker/ownership.test.ts', name: 'an attached process > that has no room', reason: PROC },
  {
    file: 'test/tracker/ownership.test.ts',
    name: 'a name that its owner has lost > to another segment',
    reason: NAME_TAKEN,
  },
  {
    file: 'test/tracker/ownership.test.ts',
    name: 'a name that its owner has lost > and taken again',
    reason: NAME_TAKEN,
  },
  { file: 'test/tracker/ownership.test.ts', name: 'an owner > whose instance is gone (forget)', reason: PROC },
];
