/**
 * apache-arrow has two builds, an ES module and CommonJS, and a program may load both. A table belongs to the build that made it,
 * so our functions are given the build that their caller imports.
 */
export type Arrow = typeof import('apache-arrow');
