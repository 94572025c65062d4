import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { airportsFile } from 'shareable-example-flights/files';

interface Airport {
  readonly iata: string;
  readonly city: string;
  readonly state: string;
  readonly latitude: string;
  readonly longitude: string;
}

const earthRadiusMiles = 3958.8;

/** The airports of the US, by their codes of three letters. */
export class Airports {
  readonly #airports: ReadonlyMap<string, Airport>;
  readonly #miles = new Map<string, number>();

  private constructor(airports: readonly Airport[]) {
    this.#airports = new Map(airports.map((airport) => [airport.iata, airport]));
  }

  static async read(): Promise<Airports> {
    const text = await readFile(airportsFile, 'utf8');
    return new Airports(parse<Airport>(text, { columns: true }));
  }

  /** Great-circle distance in whole miles; 0 if one of them is not in the list. */
  milesBetween(from: string, to: string): number {
    const key = from + to;
    let miles = this.#miles.get(key);
    if (miles === undefined) this.#miles.set(key, (miles = this.#measure(from, to)));
    return miles;
  }

  /** `Newark, NJ`, or the code if it is not in the list. */
  nameOf(code: string): string {
    const airport = this.#airports.get(code);
    return airport === undefined ? code : `${airport.city}, ${airport.state}`;
  }

  #measure(from: string, to: string): number {
    const [a, b] = [this.#airports.get(from), this.#airports.get(to)];
    if (a === undefined || b === undefined) return 0;
    const radians = (degrees: string | number): number => (Number(degrees) * Math.PI) / 180;
    const [latitudeA, latitudeB] = [radians(a.latitude), radians(b.latitude)];
    // The haversine formula.
    const half = (angle: number): number => Math.sin(angle / 2) ** 2;
    const h =
      half(latitudeA - latitudeB) +
      Math.cos(latitudeA) * Math.cos(latitudeB) * half(radians(Number(a.longitude) - Number(b.longitude)));
    return Math.round(2 * earthRadiusMiles * Math.asin(Math.sqrt(h)));
  }
}
