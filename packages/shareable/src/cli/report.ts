/** Errors, for people and for programs. */

/** An error in JSON. */
export interface ErrorShape {
  readonly name: string;
  readonly code: string | null;
  readonly message: string;
}

/** Whether the error was foreseen, so that its message is enough. */
export function isExpected(error: unknown): error is Error & { code: string } {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string';
}

/** Returns an error for programs. */
export function toErrorShape(error: unknown): ErrorShape {
  if (!(error instanceof Error)) return { name: 'Error', code: null, message: String(error) };
  const { name, message } = error;
  return { name, code: isExpected(error) ? error.code : null, message };
}
