import { SingleBar } from 'cli-progress';

/**
 * Shows a progress bar until it is disposed of.
 *
 * The bar reads the progress ten times a second, so workers that count in shared memory send
 * nothing. Without a terminal it prints neither a bar nor control codes.
 */
export function progressBar(label: string, total: number, done: () => number): Disposable {
  if (!process.stderr.isTTY || process.env['TERM'] === 'dumb') return { [Symbol.dispose]() {} };
  const bar = new SingleBar({
    format: '{label} {bar} {percentage}%  {value} of {total} flights',
    formatValue: (value, _options, type) => (type === 'percentage' ? `${value}` : value.toLocaleString('en')),
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(total, 0, { label });
  const timer = setInterval(() => bar.update(done()), 100);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      bar.stop();
    },
  };
}
