/** A limit on how much goes on at once, first come first served. */

/** How many requests to S3 are in flight at once; each place stands for a buffer of at most 8 MiB. */
export const REQUESTS_IN_FLIGHT = 16;

/** How many pages of listings are asked for at once. */
export const LISTINGS_IN_FLIGHT = 16;

export class Limit {
  readonly #most: number;
  #free: number;
  readonly #waiting: { readonly places: number; readonly start: () => void }[] = [];

  constructor(most: number) {
    this.#most = most;
    this.#free = most;
  }

  /**
   * Waits for places and takes them; call what it returns once, to give them back. Who wants more places than there are
   * gets all of them, alone.
   */
  async acquire(wanted = 1): Promise<() => void> {
    const places = Math.min(Math.ceil(wanted), this.#most);
    // Nobody overtakes: who wants many places would otherwise wait for ever.
    if (this.#waiting.length === 0 && this.#free >= places) this.#free -= places;
    else await new Promise<void>((start) => this.#waiting.push({ places, start }));
    return () => {
      this.#free += places;
      for (let next = this.#waiting[0]; next !== undefined && this.#free >= next.places; next = this.#waiting[0]) {
        this.#waiting.shift();
        this.#free -= next.places;
        next.start();
      }
    };
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    const release = await this.acquire();
    try {
      return await work();
    } finally {
      release();
    }
  }
}
