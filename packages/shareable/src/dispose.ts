/**
 * The symbols of `using`. In a realm that lacks them, such as that of Jest 29 on Node 20 and 22, these are the ones that
 * esbuild, Babel and swc fall back to when they compile `using`.
 */
export const dispose: typeof Symbol.dispose =
  (Symbol.dispose as typeof Symbol.dispose | undefined) ?? (Symbol.for('Symbol.dispose') as typeof Symbol.dispose);
export const asyncDispose: typeof Symbol.asyncDispose =
  (Symbol.asyncDispose as typeof Symbol.asyncDispose | undefined) ??
  (Symbol.for('Symbol.asyncDispose') as typeof Symbol.asyncDispose);
