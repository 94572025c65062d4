import { MultiBar, type SingleBar } from 'cli-progress';
import type { Channels } from './channels.ts';
import type { Meters } from './meters.ts';
import { roles, type Role } from './result.ts';

/** Milliseconds between two lines where there is no terminal, and between two drawings where there is one. */
const interval = { lines: 500, drawings: 100 };

/**
 * Shows what each stage has done, how long it has waited for room, and how full the channels are. A full channel is what
 * stops the stage before it. On a terminal it redraws in place; otherwise it prints a line twice a second.
 *
 * It reads counters and channels in shared memory, so the stages send nothing for it.
 */
export class Display implements Disposable {
  readonly #rows: number;
  readonly #channels: Channels;
  readonly #meters: Meters;
  readonly #begin = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #bars: MultiBar | undefined;
  readonly #lines: SingleBar[] = [];

  constructor(rows: number, channels: Channels, meters: Meters) {
    this.#rows = rows;
    this.#channels = channels;
    this.#meters = meters;
    const isTerminal = process.stderr.isTTY && process.env['TERM'] !== 'dumb';
    if (isTerminal) {
      this.#bars = new MultiBar({
        format: '  {label} {bar} {percentage} %  {rest}',
        barCompleteChar: '█',
        barIncompleteChar: '░',
        barsize: 32,
        fps: 1000 / interval.drawings,
        hideCursor: true,
        gracefulExit: false,
        clearOnComplete: true,
        stream: process.stderr,
      });
      for (const { total } of this.#state()) this.#lines.push(this.#bars.create(total, 0, { label: '', rest: '' }));
    }
    this.#timer = setInterval(() => this.#show(), isTerminal ? interval.drawings : interval.lines);
  }

  /** Prints a line that stays. */
  log(line: string): void {
    if (this.#bars === undefined) process.stderr.write(`${this.#clock()}  ${line}\n`);
    else this.#bars.log(`  ${line}\n`);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#show();
    this.#bars?.stop();
  }

  #show(): void {
    const state = this.#state();
    for (const [index, { label, value, total, rest }] of state.entries()) {
      this.#lines[index]?.update(Math.min(value, total), { label: label.padEnd(12), rest });
    }
    if (this.#bars !== undefined) return;
    const parts = state.map(({ label, value, total, rest }) => `${label.trim()} ${rest || percent(value, total)}`);
    process.stderr.write(`${this.#clock()}  ${parts.join(' | ')}\n`);
  }

  #clock(): string {
    return `${((performance.now() - this.#begin) / 1000).toFixed(1).padStart(5)} s`;
  }

  #state(): { label: string; value: number; total: number; rest: string }[] {
    const { flights, legs } = this.#channels;
    const stage = (role: Role) => ({
      label: role,
      value: this.#sum(role, 'done'),
      total: this.#rows,
      rest: `${this.#sum(role, 'done').toLocaleString('en')} flights, waited ${(this.#sum(role, 'waited') / 1000).toFixed(1)} s`,
    });
    const ring = (label: string, { used, capacity }: { used: number; capacity: number }) => ({
      label: `  ${label}`,
      value: used,
      total: capacity,
      rest: '',
    });
    return [stage('decode'), ring('flights', flights), stage('enrich'), ring('legs', legs), stage('aggregate')];
  }

  /** The numbers of a stage, and of the one that took its place. */
  #sum(role: Role, field: 'done' | 'waited'): number {
    const successor = role === 'enrich' ? this.#meters.get(roles.length, field) : 0;
    return this.#meters.get(roles.indexOf(role), field) + successor;
  }
}

const percent = (value: number, total: number): string => `${Math.round((100 * value) / total)} % full`;
