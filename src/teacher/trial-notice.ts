let listener: (text: string) => void = () => undefined;

/** Has trials that take more than a moment tell so, for all that this process tries from now on. */
export function tellOfTrials(tell: (text: string) => void): void {
  listener = tell;
}

/** Tells of a trial. */
export function tellTrial(text: string): void {
  listener(text);
}
