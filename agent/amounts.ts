/** Amounts as people read them. Pure. */

export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Bytes in the largest unit that leaves a whole number before the point: "117.2 MB". */
export function bytesText(bytes: number): string {
  const units = [bytes === 1 ? "byte" : "bytes", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  // From 999.95 on, one digit after the point would show 1,000.
  while (value >= (unit === 0 ? 1_000 : 999.95) && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
