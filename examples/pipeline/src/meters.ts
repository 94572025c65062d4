/** What each process has done and cost, in shared memory: the display reads it while the stages work. */
import { SharedArray, type SharedArrayHandle } from 'shareable';
import { measureMemory } from 'shareable-example-flights/memory';

/** The numbers of one process. */
const fields = ['done', 'waited', 'repeated', 'cpu', 'peak'] as const;

export type Field = (typeof fields)[number];
export type MetersHandle = SharedArrayHandle<Float64Array>;

/** Milliseconds between two looks at the processor time. */
const interval = 100;

export class Meters implements Disposable {
  readonly #array: SharedArray<Float64Array>;

  private constructor(array: SharedArray<Float64Array>) {
    this.#array = array;
  }

  static create(processes: number): Meters {
    return new Meters(SharedArray.create([processes, fields.length], 'float64'));
  }

  static attach(handle: MetersHandle): Meters {
    return new Meters(SharedArray.attach(handle));
  }

  get(process: number, field: Field): number {
    return this.#array.at(process, fields.indexOf(field));
  }

  /** The meter of one process, which alone writes to it. */
  of(process: number): Meter {
    return new Meter(this.#array.row(process));
  }

  toJSON(): MetersHandle {
    return this.#array.toJSON();
  }

  [Symbol.dispose](): void {
    this.#array[Symbol.dispose]();
  }
}

export class Meter implements AsyncDisposable {
  readonly #row: Float64Array;
  /** What this process has used to start. */
  readonly #before = cpuTime();
  readonly #timer: NodeJS.Timeout;

  constructor(row: Float64Array) {
    this.#row = row;
    // Again and again, because a process that is killed cannot say at its end what it has used.
    this.#timer = setInterval(() => this.set('cpu', cpuTime() - this.#before), interval).unref();
  }

  set(field: Field, value: number): void {
    this.#row[fields.indexOf(field)] = value;
  }

  add(field: Field, value: number): void {
    this.#row[fields.indexOf(field)]! += value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.set('peak', (await measureMemory()).peakResident);
    this.set('cpu', cpuTime() - this.#before);
  }
}

/** Processor time of this process, in milliseconds. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Counts the time until something is sent as waiting for room: this is the back-pressure. */
export function waiting<Sent extends void | Promise<void>>(meter: Meter, send: () => Sent): Sent {
  const start = performance.now();
  const count = (): void => meter.add('waited', performance.now() - start);
  const sent = send();
  if (sent instanceof Promise) return sent.then(count) as Sent;
  count();
  return sent;
}
