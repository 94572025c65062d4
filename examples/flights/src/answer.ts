/** Prints the answer as a chart and two short tables. */
import { styleText } from 'node:util';
import { integer, percent, tenth } from './format.ts';
import { bandMiles, lateFrom, type Answer, type Group } from './job.ts';
import { table } from './table.ts';

/** The first hour of the chart, when the last flights of the night have left. */
const firstHour = 4;

/** Hours with a smaller share of all flights get no bar. */
const leastShare = 0.001;

const lateShare = (group: Group): number => group.lateFlights / group.flights;
const meanDelay = (group: Group): number => group.delayMinutes / group.flights;
const flightsIn = (groups: Group[]): number => groups.reduce((sum, group) => sum + group.flights, 0);

export function describeAnswer(answer: Answer, airports: readonly string[]): string {
  return [
    heading(`How likely is it to arrive ${lateFrom} minutes late or more, by hour of departure?`),
    hourChart(answer.hours),
    '',
    'The hour is when a plane really left: much of what leaves around midnight is late already.',
    '',
    heading('Airports, from where and to where flights are late least and most often'),
    airportTable(answer, airports),
    '',
    `By distance: ${answer.bands.map(describeBand).filter(Boolean).join(', ')}.`,
  ].join('\n');
}

export const heading = (text: string): string => styleText('bold', text);

function hourChart(hours: Group[]): string {
  const day = hours
    .map((_, index) => (index + firstHour) % hours.length)
    .map((hour) => ({ hour, group: hours[hour]! }))
    .filter(({ group }) => group.flights > leastShare * flightsIn(hours));
  const most = Math.max(...day.map(({ group }) => lateShare(group)));
  const rows = day.map(({ hour, group }) => [
    `${String(hour).padStart(2, '0')}:00`,
    integer(group.flights),
    `${tenth(meanDelay(group))} min`,
    percent(lateShare(group)),
    styled(lateShare(group), bar(lateShare(group), most)),
  ]);
  return table(['leaves', 'flights', 'mean delay', 'late', ''], rows, 'lrrrl');
}

const barWidth = 32;
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar whose length is `value`'s part of `most`. */
export function bar(value: number, most: number): string {
  const length = Math.round((most === 0 ? 0 : value / most) * barWidth * 8);
  return '█'.repeat(Math.floor(length / 8)) + eighths[length % 8];
}

function styled(share: number, drawn: string): string {
  return styleText(share < 0.15 ? 'green' : share < 0.3 ? 'yellow' : 'red', drawn);
}

/** An airport is ranked if it sees more than this share of all flights. */
const leastTraffic = 0.005;

function airportTable({ origins, destinations }: Answer, airports: readonly string[]): string {
  const ranked = (groups: Group[]): string[] => {
    const least = flightsIn(groups) * leastTraffic;
    return airports
      .map((name, index) => ({ name, group: groups[index]! }))
      .filter(({ group }) => group.flights > least)
      .toSorted((a, b) => lateShare(a.group) - lateShare(b.group))
      .map(({ name, group }) => `${name} ${percent(lateShare(group)).padStart(6)}`);
  };
  const from = ranked(origins);
  const to = ranked(destinations);
  const rows = Array.from({ length: Math.min(5, from.length, to.length) }, (_, index) => [
    from.at(index),
    from.at(-1 - index),
    to.at(index),
    to.at(-1 - index),
  ]);
  return table(['from, least', 'from, most', 'to, least', 'to, most'], rows, 'rrrr');
}

function describeBand(group: Group, index: number, bands: Group[]): string {
  if (group.flights === 0) return '';
  const from = integer(index * bandMiles);
  const to = index === bands.length - 1 ? ' miles and more' : `–${integer((index + 1) * bandMiles)}`;
  return `${from}${to} ${percent(lateShare(group))}`;
}
