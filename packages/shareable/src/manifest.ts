/** What the build takes over from package.json. */
declare const SHAREABLE_VERSION: string;
declare const SHAREABLE_NODE: string;

/** The version of the package. */
export const version: string = SHAREABLE_VERSION;

/** The range of versions of Node that the package supports. */
export const supportedNode: string = SHAREABLE_NODE;
