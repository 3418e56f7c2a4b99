/** States that can be undone. A state is never changed, only followed by another. */

export class History<State> {
  #past: State[] = [];
  #future: State[] = [];
  #present: State;
  #gesture: string | null = null;
  #listeners: ((state: State) => void)[] = [];

  constructor(first: State) {
    this.#present = first;
  }

  get present(): State {
    return this.#present;
  }

  get canUndo(): boolean {
    return this.#past.length > 0;
  }

  get canRedo(): boolean {
    return this.#future.length > 0;
  }

  subscribe(listener: (state: State) => void): void {
    this.#listeners.push(listener);
  }

  /** Goes on to another state. Steps of one gesture (a slider that is dragged) in a row are undone together. */
  push(state: State, gesture: string | null = null): void {
    if (gesture === null || gesture !== this.#gesture) this.#past.push(this.#present);
    this.#gesture = gesture;
    this.#future = [];
    this.#set(state);
  }

  /** Changes past, present and future alike: what has come to be known is not undone. */
  amend(change: (state: State) => State): void {
    this.#past = this.#past.map(change);
    this.#future = this.#future.map(change);
    this.#set(change(this.#present));
  }

  /** Changes the present alone, not as a step of its own (which layer is looked at). */
  replace(state: State): void {
    this.#set(state);
  }

  undo(): void {
    this.#step(this.#past, this.#future);
  }

  redo(): void {
    this.#step(this.#future, this.#past);
  }

  #step(from: State[], to: State[]): void {
    const next = from.pop();
    if (next === undefined) return;
    to.push(this.#present);
    this.#gesture = null;
    this.#set(next);
  }

  #set(state: State): void {
    this.#present = state;
    for (const listener of this.#listeners) listener(state);
  }
}
