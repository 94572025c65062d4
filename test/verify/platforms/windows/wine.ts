/** Installs Wine 10 in a Debian of its own, and runs programs under it. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { ask, cache, install, once, root } from './commands.ts';

/** The exit and the output of a program. */
export interface Ended {
  code: number | null;
  output: string;
}

/** A Windows with a fresh user folder, and a folder of this machine. */
export interface Wine {
  /** The folder that programs see as `Z:\w`. */
  folder: string;
  /** Runs a program in that folder. Stops it after `limit` seconds. */
  run(
    program: string,
    args: readonly string[],
    options: { cwd: string; limit: number; env?: NodeJS.ProcessEnv },
  ): Ended;
  /** Ends everything that still runs in it. */
  end(): void;
}

/** What tests of the core read, at the same path as here. */
const corpus = join(root, 'crates/core/fuzz/corpus');

/** Runs a program of that Debian, with private mounts. */
const enter = `set -e
debian=$1 folder=$2 corpus=$3
shift 3
mkdir -p "$debian/w" "$debian$corpus"
mount --bind "$folder" "$debian/w"
mount --bind "$corpus" "$debian$corpus"
mount -t proc proc "$debian/proc"
mount --rbind /dev "$debian/dev"
exec chroot "$debian" "$@"`;

/** Runs a program of this Windows. A path there ends at the first character that is not a letter. */
const launch = 'cd "$1" && shift && exec timeout --kill-after=10 "$@"';

/** The mirrors that this machine takes its own packages from. */
function mirrors(): string[] {
  const all = ask('apt-get', ['indextargets', '--format', '$(LABEL) $(REPO_URI)', 'Created-By: Packages']);
  return [...new Set(all.split('\n').flatMap((line) => /^Debian (\S+)$/.exec(line)?.[1] ?? []))];
}

/** Makes that Debian, once, and a Windows in it. */
export function prepareWine(): Wine {
  if (process.getuid?.() !== 0) throw new Error('only root can make a Debian to run Wine in');
  install('mmdebstrap');
  const debian = once('wine', (folder) => {
    const args = ['--variant=minbase', '--include=wine64,wine', 'trixie', folder, ...mirrors().slice(0, 1)];
    // Without one line per package.
    ask('mmdebstrap', ['--quiet', ...args], root);
  });
  const folder = join(cache, 'w');
  rmSync(join(folder, 'prefix'), { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });

  const inside = (args: readonly string[], env: NodeJS.ProcessEnv, output: number) =>
    spawnSync(
      'unshare',
      ['--mount', '--propagation=private', 'sh', '-c', enter, 'sh', debian, folder, corpus, ...args],
      {
        // A file, because Wine mistakes other things for a terminal.
        stdio: ['ignore', output, output],
        env: {
          PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
          HOME: '/root',
          // The locale decides the encoding of non-ASCII names.
          LC_ALL: 'C.UTF-8',
          WINEPREFIX: '/w/prefix',
          WINEDEBUG: '-all',
          ...env,
        },
      },
    );

  const log = join(folder, 'output.txt');
  return {
    folder,
    run(program, args, { cwd, limit, env = {} }) {
      const output = openSync(log, 'w');
      const windows = `Z:\\w\\${program.replaceAll('/', '\\')}`;
      const command = ['sh', '-c', launch, 'sh', `/w/${cwd}`, `${limit}`, 'wine', windows, ...args];
      const { status } = inside(command, env, output);
      closeSync(output);
      return { code: status, output: readFileSync(log, 'utf8') };
    },
    end() {
      const output = openSync(log, 'a');
      inside(['wineserver', '-k'], {}, output);
      closeSync(output);
    },
  };
}
