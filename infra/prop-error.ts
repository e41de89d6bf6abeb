/** A property that cannot be: said at synthesis, by its name, before anything is deployed. */
export class PropError extends Error {
  override readonly name = "PropError";
  /** As it is called in the construct's properties. */
  readonly property: string;
  /** Why it cannot be, as a phrase, and what would do. */
  readonly reason: string;

  constructor(property: string, reason: string) {
    super(`${property}: ${reason}`);
    this.property = property;
    this.reason = reason;
  }
}
