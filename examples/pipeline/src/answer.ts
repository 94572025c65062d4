import { styleText } from 'node:util';
import { lateFrom } from 'shareable-example-flights/job';
import { integer, percent, tenth } from 'shareable-example-flights/format';
import { table } from 'shareable-example-flights/table';
import type { Airports } from './airports.ts';
import type { Route } from './job.ts';

const periods = ['at night', 'in the morning', 'in the afternoon', 'in the evening'];

/** Routes that are shown from either end of the ranking. */
const shown = 5;

export function describeRanking(ranking: readonly Route[], airports: Airports): string {
  const row = (route: Route, index: number): string[] => {
    const [from = '', to = ''] = route.route.split('-');
    return [
      `${index + 1}`,
      `${airports.nameOf(from)} to ${airports.nameOf(to)}`,
      integer(route.miles),
      integer(route.flights),
      percent(route.late / route.flights),
      `${tenth(route.delayMinutes / route.flights)} min`,
      periods[route.worstPeriod]!,
    ];
  };
  const rows = ranking.map(row);
  const some = rows.length <= 2 * shown ? rows : [...rows.slice(0, shown), ['…'], ...rows.slice(-shown)];
  return [
    styleText('bold', `Routes by the share of flights that arrive ${lateFrom} minutes late or more`),
    table(['', 'route', 'miles', 'flights', 'late', 'mean delay', 'most late flights'], some, 'rlrrrrl'),
  ].join('\n');
}
