/** What the program that asks and the agents that answer have in common. */
/** A part of a dataset to be counted. */
export interface Task {
  /** The SHA-256 of the dataset's file: two versions of a file are two datasets. */
  readonly dataset: string;
  readonly part: number;
  readonly parts: number;
}

/** What a job says when a processor has it. */
export interface Progress {
  readonly pid: number;
}

/** What comes back through the queue. */
export interface Result {
  readonly totals: number[];
  /** 1 if this job has loaded the dataset, 0 if it was there. */
  readonly loads: number;
  /** The segment that the dataset is in. */
  readonly segment: string;
  readonly pid: number;
  /** Bytes of memory that the process takes, each shared page divided by the number of its users. */
  readonly memory: number;
}

/** Where Redis is: a URL, or the path of a Unix socket, which also leads out of a network namespace. */
export function connectionTo(redis: string) {
  // A worker waits for Redis to come back, however long that takes.
  const patient = { maxRetriesPerRequest: null };
  if (!redis.includes('://')) return { ...patient, path: redis };
  const { hostname: host, port, username, password } = new URL(redis);
  const login = password === '' ? {} : { username: username || 'default', password: decodeURIComponent(password) };
  return { ...patient, host, port: Number(port || 6379), ...login };
}
