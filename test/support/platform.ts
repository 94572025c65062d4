/**
 * What the platform under test can do. A test that needs one of these says so where it is declared:
 * `test.skipIf(!platform.hasProc)('…')`.
 */
/**
 * On Linux, the addon and the helper can have the rules of macOS, or the portable backend: see `macos.ts` and `portable.ts` in
 * `test/verify/platforms`.
 */
const system = process.env['SHAREABLE_TEST_RULES'] ?? process.platform;
const isLinux = system === 'linux';
const isMac = system === 'darwin';
const isWindows = system === 'win32';
const isPortable = system === 'portable';

export const platform = {
  /** `/proc` shows other processes, descriptors and mappings. */
  hasProc: isLinux || isPortable,
  /** `/proc` or `ps` says which processes another one has started, what they run, and whether they are zombies. */
  listsProcesses: !isWindows,
  /** Each segment is a file whose path is known: see `pathOf`. */
  hasSegmentFiles: isLinux || isWindows || isPortable,
  /** Segments are in `/dev/shm`, where their permission bits and blocks can be looked at, beside other files. */
  hasShmFolder: isLinux || isPortable,
  /** A new segment has its memory, its mode can be chosen, and an error says what is wrong with `/dev/shm` or a limit. */
  controlsShmFolder: isLinux,
  /** The user of a segment is known, and another user's is refused. */
  tellsUsers: !isPortable,
  /** A file in `/dev/shm` that is no segment is refused with the reason. */
  refusesOtherFiles: isLinux,
  /** Two segments that had the same name one after the other are told apart. */
  tellsSegmentsApart: !isPortable,
  /** The seat of a participant is a lock on a byte of the segment's file, which a peer in Python can take. */
  seatsByFileLocks: isLinux,
  /** Views that outlive `close()` read zeros, and what a thread leaves open is unmapped. */
  hasZerosAfterClose: !isPortable,
  /** An open segment costs no descriptor. */
  needsNoDescriptor: !isPortable,
  /** A tracker has a session of its own, ignores signals, and neither holds its process up nor takes its descriptors. */
  shieldsTracker: !isPortable,
  /** Managers can have servers. */
  hasServers: !isPortable,
  /** A name can be reused as soon as it is unlinked. On Windows only once every process has closed the segment. */
  freesNamesAtOnce: !isWindows,
  /** A segment's name appears only when its contents are complete. */
  namesWhenComplete: isLinux || isWindows,
  /** Attachments can be read-only. Elsewhere `readOnly` fails with `ERR_SHM_UNSUPPORTED`. */
  hasReadOnly: isLinux || isWindows || isMac,
  /** A mapped segment can be truncated, which is noticed. macOS and Windows refuse. */
  canTruncate: isLinux,
  /**
   * A process that is killed while it creates a segment leaves no name. The portable backend's crate creates a segment by its name
   * before the tracker can be told of it.
   */
  survivesEveryKill: !isPortable,
  /** A sweep removes what a dead owner and its tracker left. */
  hasSweep: isLinux || isMac || isWindows,
  /** `shareable ls` lists segments that have an owner. */
  listsSegments: !isPortable,
  /** Segments without an owner are listed too, and it is known whether any process uses a segment. */
  listsUnowned: isLinux || isWindows,
  /** The process that owns a segment is on record. */
  recordsOwners: !isPortable,
  /** macOS is simulated: its segments are files in `/dev/shm`, and the records of owners are files in a folder of `/tmp`. */
  simulatesMac: isMac && process.platform === 'linux',
  /** The line that created a segment that has an owner is on record. */
  recordsOrigins: isLinux || isMac,
  /** The process that created a segment is on record, whether it owns it or not. */
  recordsCreators: isLinux,
  /** CPython's segments are listed, whatever their names. On Windows, those with random names are. */
  listsAllOfCPython: isLinux,
  /** Owned segments outlive their owner and its tracker until a sweep, and CPython's their processes. Windows removes both. */
  outlivesProcesses: !isWindows,
  /** One that waits asynchronously is notified by a change of the segment's file. Elsewhere it looks again and again. */
  hasBell: isLinux,
  /** Signals reach processes and process groups, and can be ignored. */
  hasSignals: !isWindows,
  /** `taskkill` ends a process with all that it has started. */
  hasTaskkill: isWindows,
  /** Programs can run at a pseudo-terminal, by Python's `pty`. */
  hasPseudoTerminals: !isWindows,
  /** `sh`, `env`, `setsid`, `getconf`, `mkfifo`, and limits by `ulimit`. */
  hasPosixCommands: !isWindows,
  /** A limit on the size of files applies to segments. */
  limitsSegments: isLinux,
  /** Managers listen at sockets, which are files in folders. On Windows they are named pipes. */
  hasSocketFiles: !isWindows,
  /** The system copies all bytes of a write to a socket at once, however many. Elsewhere it takes what its buffers hold. */
  takesWholeWrites: isWindows,
  /** Only one server can listen at an address. Wine 10 lets a second one create a pipe that exists; Windows refuses it. */
  hasExclusiveAddresses: !isWindows || process.env['SHAREABLE_TEST_WINE'] === undefined,
  /** Thousands of segments take seconds. Under Wine each takes a dozen round trips to its server process. */
  createsQuickly: process.env['SHAREABLE_TEST_WINE'] === undefined,
  /** Names take 255 bytes, and quotes. Windows takes 247, and no quotes. */
  hasLongNames: isLinux,
  hasQuotesInNames: !isWindows,
  /** Random names begin with `psm_`; on Windows with `wnsm_`, as CPython's do. */
  namesByPsm: !isWindows,
  /** The system call in errors is the one of Linux. */
  hasLinuxCalls: isLinux,
} as const;
