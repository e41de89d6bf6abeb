/** A limit on how much goes on at once, first come first served. */

/** What the files that are being read and sent may take of memory together: so many places of so many bytes. */
export const BUFFER_PLACES = 512;
export const BUFFER_PLACE_BYTES = 64 * 1024;

export class Limit {
  #most: number;
  /** Below zero while more are taken than there are to be. */
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
      this.#startWaiting();
    };
  }

  /** Whether who comes now has to wait. */
  get isFull(): boolean {
    return this.#free <= 0 || this.#waiting.length > 0;
  }

  /** Changes how many places there are. Those that are taken stay taken; nobody may wait for more than will be left. */
  resize(most: number): void {
    if (most === this.#most) return;
    this.#free += most - this.#most;
    this.#most = most;
    this.#startWaiting();
  }

  #startWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#free >= next.places; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#free -= next.places;
      next.start();
    }
  }

  async run<T>(work: () => Promise<T>, wanted = 1): Promise<T> {
    const release = await this.acquire(wanted);
    try {
      return await work();
    } finally {
      release();
    }
  }
}
