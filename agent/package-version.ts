/** The version of this package. The build writes it into the bundle, so that the command needs no other file. */
import manifest from "#package.json" with { type: "json" };

export const PACKAGE_VERSION: string = manifest.version;
