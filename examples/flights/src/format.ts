const integers = new Intl.NumberFormat('en');
const tenths = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export const integer = (value: number): string => integers.format(value);
export const tenth = (value: number): string => tenths.format(value);
export const percent = (share: number): string => `${tenth(share * 100)} %`;
export const milliseconds = (time: number): string => `${time < 10 ? tenth(time) : integer(Math.round(time))} ms`;
export const seconds = (time: number): string => `${tenth(time / 1000)} s`;

export function bytes(value: number): string {
  if (value < 10_000) return `${integer(value)} B`;
  return value < 1e6 ? `${tenth(value / 1e3)} KB` : megabytes(value);
}

export const megabytes = (value: number): string => `${tenth(value / 1e6)} MB`;
