/**
 * What the stages do: each flight is enriched by its airports, the flights of a route are added up, and the routes are
 * ranked. Both ways of running the job and the check use these functions. All results are integers, so they must be equal.
 */
import type { Columns } from 'shareable-example-flights/columns';
import { lateFrom } from 'shareable-example-flights/job';
import type { Airports } from './airports.ts';

/** A flight as decoded. */
export interface Flight {
  /** Its row of the file. A stage that gets a flight twice knows it by this. */
  number: number;
  /** Local time of departure, in minutes since 1970-01-01. */
  minute: number;
  /** Delay on arrival in minutes; negative is early. */
  delay: number;
  origin: string;
  destination: string;
}

/** A flight with what the airports tell about it. */
export interface Leg {
  number: number;
  /** `EWR-ATL`. */
  route: string;
  /** Great-circle distance. */
  miles: number;
  delay: number;
  /** Six hours each: 0 begins at midnight. */
  period: number;
  isWeekend: boolean;
}

/** All flights of a route. */
export interface Route {
  route: string;
  miles: number;
  flights: number;
  delayMinutes: number;
  late: number;
  lateOnWeekends: number;
  /** The period of the day with the most late flights. */
  worstPeriod: number;
}

const minutesPerDay = 24 * 60;
const minutesPerPeriod = 6 * 60;

/** Makes the flight of a row. */
export function flightAt(columns: Columns, row: number, codes: readonly string[]): Flight {
  return {
    number: row,
    minute: columns.minute[row]!,
    delay: columns.delay[row]!,
    origin: codes[columns.origin[row]!]!,
    destination: codes[columns.destination[row]!]!,
  };
}

export function enrich({ number, minute, delay, origin, destination }: Flight, airports: Airports): Leg {
  // 1970-01-01 was a Thursday.
  const weekday = (Math.floor(minute / minutesPerDay) + 4) % 7;
  return {
    number,
    route: `${origin}-${destination}`,
    miles: airports.milesBetween(origin, destination),
    delay,
    period: Math.floor((minute % minutesPerDay) / minutesPerPeriod),
    isWeekend: weekday === 0 || weekday === 6,
  };
}

interface Sum extends Omit<Route, 'worstPeriod'> {
  readonly lateByPeriod: number[];
}

/** Adds up the flights of each route. A flight that comes again is left out; one that is missing is an error. */
export class Aggregation {
  /** Flights that came twice. */
  repeated = 0;
  readonly #sums = new Map<string, Sum>();
  #next = 0;

  get flights(): number {
    return this.#next;
  }

  add({ number, route, miles, delay, period, isWeekend }: Leg): void {
    if (number < this.#next) {
      this.repeated += 1;
      return;
    }
    if (number > this.#next) throw new Error(`flight ${this.#next} is missing: flight ${number} came instead`);
    this.#next += 1;
    let sum = this.#sums.get(route);
    if (sum === undefined) {
      sum = { route, miles, flights: 0, delayMinutes: 0, late: 0, lateOnWeekends: 0, lateByPeriod: [0, 0, 0, 0] };
      this.#sums.set(route, sum);
    }
    sum.flights += 1;
    sum.delayMinutes += delay;
    if (delay < lateFrom) return;
    sum.late += 1;
    sum.lateByPeriod[period]! += 1;
    if (isWeekend) sum.lateOnWeekends += 1;
  }

  routes(): Route[] {
    const routes: Route[] = [];
    for (const { lateByPeriod, ...sum } of this.#sums.values()) {
      routes.push({ ...sum, worstPeriod: lateByPeriod.indexOf(Math.max(...lateByPeriod)) });
    }
    return routes;
  }
}

/** A route is ranked from this share of all flights on. */
const leastShare = 1 / 3000;

/** The routes by the share of their flights that were late, the largest first. */
export function rank(routes: Route[]): Route[] {
  const least = leastShare * routes.reduce((sum, { flights }) => sum + flights, 0);
  return routes
    .filter(({ flights }) => flights >= least)
    .toSorted((a, b) => b.late * a.flights - a.late * b.flights || (a.route < b.route ? -1 : 1));
}
