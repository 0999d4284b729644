/** Bounds how many requests an agent has open at the API server; the others wait in order. */
export class RequestGate {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #open = 0;

  constructor(most: number) {
    this.#most = most;
  }

  async run<T>(request: () => Promise<T>): Promise<T> {
    if (this.#open >= this.#most) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    } else {
      this.#open += 1;
    }
    try {
      return await request();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) {
        this.#open -= 1;
      } else {
        next();
      }
    }
  }
}
